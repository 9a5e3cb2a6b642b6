/** Monotonic time. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Monotonic time in milliseconds. */
export const millisOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

export const millis: Effect.Effect<number> = Effect.map(Effect.clock, millisOf)
