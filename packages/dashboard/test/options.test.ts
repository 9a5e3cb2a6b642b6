import { describe, expect, it } from "@effect/vitest"
import { Dashboard } from "@socketpool/dashboard"
import { Cause, Effect, Exit, Redacted } from "effect"

const defectOf = (options: unknown) =>
  Effect.map(Effect.exit(Effect.scoped(Dashboard.serve(options as Dashboard.Options))), (exit) => {
    const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
    return Cause.squash(cause) as RangeError
  })

const wrong: ReadonlyArray<readonly [options: object, message: string]> = [
  [{ host: "" }, "Dashboard: host must be a string that is not empty, but is \"\""],
  [{ port: -1 }, "Dashboard: port must be a whole number from 0 to 65535, but is -1"],
  [{ port: 1.5 }, "Dashboard: port must be a whole number from 0 to 65535, but is 1.5"],
  [{ port: "80" }, "Dashboard: port must be a whole number from 0 to 65535, but is \"80\""],
  [
    { interval: "10 millis" },
    "Dashboard: interval must be a finite duration of at least 50 milliseconds, but is \"10 millis\""
  ],
  [
    { interval: Infinity },
    "Dashboard: interval must be a finite duration of at least 50 milliseconds, but is Infinity"
  ],
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
        expect(defect.message).toBe(message)
      })
  )

  it.effect.each(["", "two words", "bl\u00e4", "line\nbreak"])(
    "rejects the token %j without showing it",
    (token) =>
      Effect.gen(function*() {
        const defect = yield* defectOf({ port: 0, token: Redacted.make(token) })
        expect(defect.message).toBe(
          "Dashboard: token must be one or more visible ASCII characters without spaces, but is <redacted>"
        )
      })
  )

  it.effect("rejects a token that is not redacted without showing it", () =>
    Effect.gen(function*() {
      const defect = yield* defectOf({ port: 0, token: "hunter2" })
      expect(defect).toBeInstanceOf(RangeError)
      expect(defect.message).not.toContain("hunter2")
    }))

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
