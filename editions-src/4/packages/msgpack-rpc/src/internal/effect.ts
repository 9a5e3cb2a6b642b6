/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * this package imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export const decodeUnknown = (schema: Schema.Codec<any>): (value: unknown) => Effect.Effect<any, Schema.SchemaError> =>
  Schema.decodeUnknownEffect(schema)

export const tagOf = <Self, Shape>() => <const Id extends string>(id: Id): Context.ServiceClass<Self, Id, Shape> =>
  class extends Context.Service<Self, Shape>()(id) {}

/** Goes on with another effect after a failure. */
export const recover: <E, A2, E2, R2>(
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E2, R | R2> = Effect.catch

/** Goes on with another effect after a failure or a defect. */
export const onCause: <E, A2, E2, R2>(
  then: (cause: Cause.Cause<E>) => Effect.Effect<A2, E2, R2>
) => <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E2, R | R2> = Effect.catchCause

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R, E2, R2>(
  effect: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
) => Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> = Stream.unwrap

/** The values of a queue until it is shut down, which in Effect 4 interrupts those who wait for one. */
export const streamOfQueue = <A>(queue: Queue.Dequeue<A>): Stream.Stream<A> =>
  Stream.fromPull(Effect.succeed(Effect.catchCause(
    Queue.takeAll(queue),
    (cause): Pull.Pull<never> => queue.state._tag === "Done" ? Cause.done() : Effect.failCause(cause)
  )))

/** Runs effects in fibers of the scope, each from a later turn on. */
export const laterRunner: Effect.Effect<(effect: Effect.Effect<unknown>) => void, never, Scope.Scope> = Effect.map(
  FiberSet.makeRuntime<never>(),
  (run) => (effect) => void run(Effect.andThen(Effect.yieldNow, effect))
)
