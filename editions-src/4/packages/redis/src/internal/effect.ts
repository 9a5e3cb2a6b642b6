/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as EffectFiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Fiber = EffectFiber.Fiber<any, any>

export const withFiber: <A, E, R>(f: (fiber: Fiber) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiber

/** A span costs more than a command, so that there is none that nobody would see. */
export const isTraced = (fiber: Fiber): boolean => fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catch

/** Steps when both schedules do, and ends when either does. */
export const both = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.max([a, b])

export const decodeUnknown = (schema: Schema.Codec<any>): (value: unknown) => Effect.Effect<any, Schema.SchemaError> =>
  Schema.decodeUnknownEffect(schema)

export const tagOf = <Self, Shape>() => <const Id extends string>(id: Id): Context.ServiceClass<Self, Id, Shape> =>
  class extends Context.Service<Self, Shape>()(id) {}

export const scopedLayer: <I, S, E, R>(
  tag: Context.Key<I, S>,
  make: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.effect

/** Whether it is more than a typed failure. */
export const isUnexpected = (cause: Cause.Cause<unknown>): boolean => Cause.hasInterrupts(cause) || Cause.hasDies(cause)

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R, E2, R2>(
  effect: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
) => Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> = Stream.unwrap

/** The values of one page after another: each names the next, if there is one. */
export const pages: <S, A, E, R>(
  first: S,
  page: (state: S) => Effect.Effect<readonly [ReadonlyArray<A>, Option<S>], E, R>
) => Stream.Stream<A, E, R> = Stream.paginate
