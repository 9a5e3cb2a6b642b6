/** Waits that end, also within a finalizer. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { forkDetached } from "./effect.js"

/**
 * Runs an effect for no longer than a time in milliseconds, and forgets how it ends. It runs in a fiber of its own: a
 * finalizer cannot be interrupted, so a timeout within it would wait for what it has timed out, and one that could be
 * interrupted would end at once if an interrupt came meanwhile.
 */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>, millis: number): Effect.Effect<void, never, R> =>
  Effect.flatMap(
    forkDetached(Effect.interruptible(Effect.timeout(effect, millis))),
    (fiber) => Effect.asVoid(Fiber.await(fiber))
  )
