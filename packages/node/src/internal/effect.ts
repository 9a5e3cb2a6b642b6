/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package, but for `PlatformSocket`, imports only names that mean the same.
 */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
) => Effect.Effect<A, E> = Effect.async

/** Starts a fiber that goes on when the one that started it has ended. */
export const forkDetached: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<unknown, never, R> =
  Effect.forkDaemon

/**
 * Ends as the first of two effects ends, and interrupts the other. An `Effect.raceFirst` of effect 3.22 that is
 * interrupted between the making of its fibers and their start never ends.
 */
export const firstOf = <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.flatten(Effect.raceAll<Effect.Effect<Exit.Exit<A | A2, E | E2>, never, R | R2>>([
    Effect.exit(one),
    Effect.exit(other)
  ]))

/** Goes on with another effect after a failure. */
export const orElse: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catchAll

/** Steps as soon as either schedule does. */
export const sooner = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.union(a, b)

/** A scope that closes with another, if it has not before. */
export const innerScope = (outer: Scope.Scope): Effect.Effect<Scope.CloseableScope> =>
  Scope.fork(outer, ExecutionStrategy.sequential)

/** The layer that an effect makes. */
export const layerFrom: <A, E, R, E2, R2>(
  effect: Effect.Effect<Layer.Layer<A, E, R>, E2, R2>
) => Layer.Layer<A, E | E2, R | R2> = Layer.unwrapEffect
