/** Monotonic time. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { currentClock, nanosOf } from "./effect.js"

/** Monotonic time in milliseconds. */
export const millisOf = (clock: Clock.Clock): number => Number(nanosOf(clock)) / 1e6

export const millis: Effect.Effect<number> = Effect.map(currentClock, millisOf)
