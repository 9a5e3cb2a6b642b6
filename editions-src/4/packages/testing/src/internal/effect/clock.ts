/** The seam to Effect: clocks. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { async } from "./fiber.js"

/** A clock's time in milliseconds, and its sleepers. */
export interface Time {
  readonly now: number
  /** Calls `wake` after this time. Returns how to cancel that; `undefined` if the time never comes. */
  readonly wakeAfter: (millis: number, wake: () => void) => (() => void) | undefined
}

export const clockOf = (time: Time): Clock.Clock => {
  const millis = () => time.now
  const nanos = () => BigInt(Math.round(time.now * 1e6))
  return {
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanos: Effect.sync(nanos),
    currentTimeMillisUnsafe: millis,
    currentTimeNanosUnsafe: nanos,
    monotonicTimeNanosUnsafe: nanos,
    sleep: (duration) =>
      async((resume) => {
        const cancel = time.wakeAfter(Duration.toMillis(duration), () => resume(Effect.void))
        return cancel === undefined ? undefined : Effect.sync(cancel)
      })
  }
}
