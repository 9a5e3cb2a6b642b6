import { Dashboard } from "@socketpool/dashboard"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Redacted } from "effect"

const defectOf = (options: unknown) =>
  Effect.map(Effect.exit(Effect.scoped(Dashboard.serve(options as Dashboard.Options))), (exit) => {
    const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
    return Cause.squash(cause) as RangeError
  })

const wrong: ReadonlyArray<readonly [options: object, message: unknown]> = [
  [{ host: "" }, "Dashboard: host must be a string that is not empty, but is \"\""],
  [{ port: -1 }, "Dashboard: port must be a whole number from 0 to 65535, but is -1"],
  [{ port: 1.5 }, "Dashboard: port must be a whole number from 0 to 65535, but is 1.5"],
  [{ port: "80" }, "Dashboard: port must be a whole number from 0 to 65535, but is \"80\""],
  [
    { interval: "10 millis" },
    "Dashboard: interval must be a duration from 50 to 2147483647 milliseconds, but is \"10 millis\""
  ],
  [
    { interval: Infinity },
    "Dashboard: interval must be a duration from 50 to 2147483647 milliseconds, but is Infinity"
  ],
  [
    { interval: "30 days" },
    "Dashboard: interval must be a duration from 50 to 2147483647 milliseconds, but is \"30 days\""
  ],
  [
    { interval: 2 ** 31 },
    "Dashboard: interval must be a duration from 50 to 2147483647 milliseconds, but is 2147483648"
  ],
  [{ interval: null }, "Dashboard: interval must be a duration from 50 to 2147483647 milliseconds, but is null"],
  [{ host: null }, expect.stringMatching(/^Dashboard: host must be .*, but is null$/)],
  [
    { host: "localhost\0.evil.test" },
    expect.stringMatching(/^Dashboard: host must be .*, but is "localhost\\u0000.evil.test"$/)
  ],
  [
    { prot: 80 },
    "Dashboard: prot is not an option: did you mean port?"
  ],
  [{ metrics: { buckets: [3] } }, expect.stringContaining("buckets[0] must be one of 0.00001")],
  [{ history: -5 }, "Dashboard: history must be a finite duration of 0 or more, but is -5"],
  [{ history: "soon" }, "Dashboard: history must be a finite duration of 0 or more, but is \"soon\""],
  [{ history: NaN }, "Dashboard: history must be a finite duration of 0 or more, but is NaN"],
  [
    { host: "0.0.0.0" },
    "Dashboard: token must be set when host is not a loopback address (host is \"0.0.0.0\"), but is undefined"
  ]
]

describe("options", () => {
  it.effect.each(wrong)(
    "rejects %o and names the option, the value and the rule",
    ([options, message]) =>
      Effect.gen(function*() {
        const defect = yield* defectOf({ port: 0, ...options })
        expect(defect).toBeInstanceOf(RangeError)
        expect(defect.message).toEqual(message)
      })
  )

  it.effect.each([
    "",
    "x",
    "only-15-letters",
    "a token with spaces",
    "umlauts-bl\u00e4-bl\u00e4-bl\u00e4",
    "line\nbreak-line-break"
  ])(
    "rejects the token %j without showing it",
    (token) =>
      Effect.gen(function*() {
        const defect = yield* defectOf({ port: 0, token: Redacted.make(token) })
        expect(defect.message).toBe(
          "Dashboard: token must be at least 16 visible ASCII characters without spaces, but is <redacted>"
        )
      })
  )

  it.effect("rejects a token that is not redacted without showing it", () =>
    Effect.gen(function*() {
      const defect = yield* defectOf({ port: 0, token: "hunter2" })
      expect(defect).toBeInstanceOf(RangeError)
      expect(defect.message).not.toContain("hunter2")
    }))

  it.effect.each(["127.256.0.1", "127.1", "127.0.0.1.evil.test", "2130706433"])(
    "the name %s, which only looks like a loopback address, requires a token",
    (host) => Effect.map(defectOf({ port: 0, host }), ({ message }) => expect(message).toContain("token must be set"))
  )

  it.effect("ignores inherited properties", () =>
    Effect.acquireUseRelease(
      Effect.sync(() => Object.assign(Object.prototype, { host: "", token: "polluted" })),
      () =>
        Effect.map(
          Effect.scoped(Dashboard.serve({ port: 0 })),
          ({ url }) => expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
        ),
      () =>
        Effect.sync(() => {
          Reflect.deleteProperty(Object.prototype, "host")
          Reflect.deleteProperty(Object.prototype, "token")
        })
    ))
})
