/** Timers that do not keep the process alive. */
import * as Effect from "effect/Effect"
import { async } from "./effect.js"

/** The longest time of a timer, in milliseconds. Node takes a longer one for 1 millisecond. */
export const maxTimerMillis = 2 ** 31 - 1

/** Sleeps for at most `maxTimerMillis`, on a timer that does not keep the process alive. */
export const pause = (millis: number): Effect.Effect<void> =>
  async((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis).unref()
    return Effect.sync(() => clearTimeout(timer))
  })
