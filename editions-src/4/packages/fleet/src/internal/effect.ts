/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export { async } from "./async.js"

export const currentClock: Effect.Effect<Clock.Clock> = Clock.clockWith(Effect.succeed)

export const nanosOf = (clock: Clock.Clock): bigint => clock.monotonicTimeNanosUnsafe()

/** Starts a fiber that ends with the one that starts it. */
export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { uninterruptible: "inherit" })

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDetached = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkDetach(effect, { uninterruptible: "inherit" })

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catch

/** Fails when a time in milliseconds is over. */
export const failAfter = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  millis: number,
  onTimeout: () => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.timeoutOrElse(effect, { duration: millis, orElse: () => Effect.fail(onTimeout()) })

export const scopedLayer: <I, S, E, R>(
  tag: Context.Key<I, S>,
  make: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.effect
