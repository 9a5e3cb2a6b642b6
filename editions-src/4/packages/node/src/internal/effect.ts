/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * this package, but for `PlatformSocket`, imports only names that mean the same.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"

export { async } from "./async.js"

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDetached = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<unknown, never, R> =>
  Effect.forkDetach(effect, { uninterruptible: "inherit" })

/** Ends as the first of two effects ends, and interrupts the other. */
export const firstOf: <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E | E2, R | R2> = Effect.raceFirst

/** Goes on with another effect after a failure. */
export const orElse: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catch

/** Steps as soon as either schedule does. */
export const sooner = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.min([a, b])

/** A scope that closes with another, if it has not before. */
export const innerScope = (outer: Scope.Scope): Effect.Effect<Scope.Closeable> => Scope.fork(outer, "sequential")

/** The layer that an effect makes. */
export const layerFrom: <A, E, R, E2, R2>(
  effect: Effect.Effect<Layer.Layer<A, E, R>, E2, R2>
) => Layer.Layer<A, E | E2, R | R2> = Layer.unwrap
