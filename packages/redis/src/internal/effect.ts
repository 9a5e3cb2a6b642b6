/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"

type Fiber = RuntimeFiber<any, any>

export const withFiber: <A, E, R>(f: (fiber: Fiber) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiberRuntime

/** The tracer of fibers to which none was given: it keeps nothing. */
let none: Tracer.Tracer | undefined = undefined

/** A span costs more than a command, so that there is none that nobody would see. */
export const isTraced = (fiber: Fiber): boolean =>
  fiber.currentTracer !== (none ??= Effect.runSync(Effect.tracer)) && fiber.getFiberRef(FiberRef.currentTracerEnabled)

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catchAll

/** Steps when both schedules do, and ends when either does. */
export const both = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.intersect(a, b)

export const decodeUnknown: (
  schema: Schema.Schema<any>
) => (value: unknown) => Effect.Effect<any, ParseError> = Schema.decodeUnknown

export const tagOf = <Self, Shape>() => <const Id extends string>(id: Id): Context.TagClass<Self, Id, Shape> =>
  class extends Context.Tag(id)<Self, Shape>() {}

export const scopedLayer: <I, S, E, R>(
  tag: Context.Tag<I, S>,
  make: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.scoped

/** Whether it is more than a typed failure. */
export const isUnexpected = (cause: Cause.Cause<unknown>): boolean => Cause.isInterrupted(cause) || Cause.isDie(cause)

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R, E2, R2>(
  effect: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
) => Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> = Stream.unwrapScoped

/** The values of one page after another: each names the next, if there is one. */
export const pages: <S, A, E, R>(
  first: S,
  page: (state: S) => Effect.Effect<readonly [ReadonlyArray<A>, Option<S>], E, R>
) => Stream.Stream<A, E, R> = (first, page) =>
  Stream.paginateChunkEffect(
    first,
    (state) => Effect.map(page(state), ([values, next]) => [Chunk.unsafeFromArray(values), next])
  )
