import { assert, describe, it } from "@effect/vitest"
import { Dashboard } from "@socketpool/dashboard"
import { Cause, Effect, Exit, Redacted } from "effect"

const wrong: ReadonlyArray<[Dashboard.Options, string]> = [
  [{ port: -1 }, "Dashboard: port must be a whole number from 0 to 65535, but is -1"],
  [{ port: 65_536 }, "Dashboard: port must be a whole number from 0 to 65535, but is 65536"],
  [{ port: 1.5 }, "Dashboard: port must be a whole number from 0 to 65535, but is 1.5"],
  [{ host: "" }, "Dashboard: host must be a name or an address, but is \"\""],
  [{ interval: "10 millis" }, "Dashboard: interval must be a finite duration of at least 100 ms, but is \"10 millis\""],
  [
    { interval: "soon" as "1 second" },
    "Dashboard: interval must be a finite duration of at least 100 ms, but is \"soon\""
  ],
  [{ history: Infinity }, "Dashboard: history must be a finite duration of at least 0 ms, but is Infinity"],
  [{ token: Redacted.make("short") }, "Dashboard: token must be a Redacted text of at least 16 characters"],
  [
    { token: "a text that is not redacted" as unknown as Redacted.Redacted<string> },
    "Dashboard: token must be a Redacted text of at least 16 characters"
  ],
  [
    { host: "0.0.0.0" },
    "Dashboard: host must be a loopback address as long as there is no token, as anybody could look otherwise, but is \"0.0.0.0\""
  ]
]

describe("the options of the page", () => {
  for (const [options, message] of wrong) {
    it.scopedLive(`are refused: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Dashboard.serve({ port: 0, ...options }))
        assert(Exit.isFailure(exit))
        const defect = Cause.squash(exit.cause)
        assert.instanceOf(defect, RangeError)
        assert.strictEqual(defect.message, message)
      }))
  }

  it.scopedLive("are the object's own alone", () =>
    Effect.gen(function*() {
      const polluted = Object.create({ host: "0.0.0.0", port: -1 })
      polluted.port = 0
      const { url } = yield* Dashboard.serve(polluted)
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
    }))
})
