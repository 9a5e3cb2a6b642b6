/**
 * Slows down guesses of the token, and logs them. Ten wrong tokens are answered at once, then one a second. A right
 * token never waits, so nobody can lock the operator out.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { errorResponse } from "./responses.js"
import { pause } from "./timer.js"

type Response = HttpServerResponse.HttpServerResponse

const spacingMillis = 1_000
const burst = 10
/** The longest time that an answer is held back, in milliseconds; held requests take up connections. */
const maxWaitMillis = 8_000
/** The time between two lines of the log, in milliseconds. */
const logMillis = 60_000

const tooMany = HttpServerResponse.setHeader(
  errorResponse(429, "TooManyAttempts", "Too many wrong tokens were sent to this dashboard. Try again later."),
  "retry-after",
  String(maxWaitMillis / 1_000)
)

export class WrongTokens {
  /** The time at which the last answer is due, as if each took a second of its own. */
  private busyUntil = -Infinity
  private loggedAt = -Infinity
  private unlogged = 0

  /** Answers a request with a wrong token; `peer` is where it came from. */
  answer(response: Response, peer: string | undefined): Effect.Effect<Response> {
    return Effect.gen(this, function*() {
      const now = yield* Clock.currentTimeMillis
      yield* this.log(now, peer)
      const due = Math.max(this.busyUntil, now - burst * spacingMillis) + spacingMillis
      if (due - now > maxWaitMillis) return tooMany
      this.busyUntil = due
      if (due > now) yield* pause(due - now)
      return response
    })
  }

  private log(now: number, peer: string | undefined): Effect.Effect<void> {
    this.unlogged++
    if (now - this.loggedAt < logMillis) return Effect.void
    const tokens = this.unlogged === 1 ? "a wrong token" : `${this.unlogged} wrong tokens`
    this.loggedAt = now
    this.unlogged = 0
    return Effect.annotateLogs(
      Effect.logWarning(`The socketpool dashboard refused ${tokens}, the last from ${peer ?? "an unknown address"}`),
      "module",
      "socketpool"
    )
  }
}
