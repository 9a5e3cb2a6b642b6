/** The streams, sinks and channels that pools and connections have. */
import type * as Cause from "effect/Cause"
import type * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Duplex } from "../../Interop.js"
import {
  andThen,
  channelOf,
  embedInput,
  emit,
  end,
  ensuring,
  fromEffect,
  type Instruction,
  read,
  sink,
  stream,
  suspend
} from "./channel.js"
import { firstOf } from "./fiber.js"

/** The stream of a service. */
export const streamOf = <A, E, R>(effect: Effect.Effect<Stream.Stream<A, E>, never, R>): Stream.Stream<A, E, R> =>
  stream(andThen(fromEffect(effect), channelOf))

/** Emits the chunks of an effect until it gives none. */
const repeated = <A, E>(next: Effect.Effect<Chunk.Chunk<A> | undefined, E>): Instruction => {
  const again: Instruction = andThen(
    fromEffect(next),
    (chunk) => chunk === undefined ? end : andThen(emit(chunk), () => again)
  )
  return again
}

/** One value, or nothing after an error that means the end. */
const untilEnd = <A, E>(next: Effect.Effect<A, E>, isEnd: (error: E) => boolean) =>
  Effect.matchEffect(next, {
    onFailure: (error) => isEnd(error) ? Effect.succeed(undefined) : Effect.fail(error),
    onSuccess: (value) => Effect.succeed(Chunk.of(value))
  })

/** Repeats an effect until it fails with an error that means the end. */
export const streamUntil = <A, E>(next: Effect.Effect<A, E>, isEnd: (error: E) => boolean): Stream.Stream<A, E> =>
  stream(repeated(untilEnd(next, isEnd)))

/** Waits for the next value, and gives none at the end. */
type Pull<A, E> = Effect.Effect<A | undefined, E>

/** The key under which a stream of ours has its pulls, so that it can be read without `effect/Stream`. */
const pulls: unique symbol = Symbol.for("@socketpool/core/stream/pulls")

const withPulls = <A, E>(
  made: Stream.Stream<A, E>,
  open: Effect.Effect<Pull<A, E>, E, Scope.Scope>
): Stream.Stream<A, E> => Object.assign(made, { [pulls]: open })

export const isStream = (value: unknown): boolean =>
  Effect.isEffect(value) || (value instanceof Object && Symbol.for("effect/Stream") in value)

/** Runs a function for each value of a stream. Others than ours are read by `effect/Stream`, which they have loaded. */
export const forEachOf = <A, E>(source: Stream.Stream<A, E>, f: (value: A) => Effect.Effect<void>) => {
  if (Effect.isEffect(source)) return Effect.flatMap(source as Effect.Effect<A, E>, f)
  const open = (source as { readonly [pulls]?: Effect.Effect<Pull<A, E>, E, Scope.Scope> })[pulls]
  if (open === undefined) {
    return Effect.flatMap(
      Effect.promise(() => import("effect/Stream")),
      ({ runForEach }): Effect.Effect<void, E> => runForEach(source, f)
    )
  }
  return Effect.scoped(Effect.flatMap(open, (next) => {
    const again: Effect.Effect<void, E> = Effect.flatMap(
      next,
      (value) => value === undefined ? Effect.void : Effect.andThen(f(value), again)
    )
    return again
  }))
}

/** The one value of an effect. */
export const streamOfOne = <A, E>(effect: Effect.Effect<A, E>): Stream.Stream<A, E> =>
  withPulls<A, E>(
    stream(andThen(fromEffect(effect), (value) => emit(Chunk.of(value)))),
    Effect.sync(() => {
      let isRead = false
      return Effect.suspend((): Pull<A, E> => {
        if (isRead) return Effect.succeed(undefined)
        isRead = true
        return effect
      })
    })
  )

/**
 * Emits the values of an effect until it gives none. `open` makes the effect when a reader begins, in a scope that closes
 * with the stream.
 */
export const streamOfPulls = <A, E, E2>(
  open: Effect.Effect<Effect.Effect<A | undefined, E>, E2, Scope.Scope>
): Stream.Stream<A, E | E2> =>
  withPulls<A, E | E2>(
    stream(andThen(fromEffect(Scope.make()), (scope: Scope.CloseableScope) =>
      ensuring(
        andThen(
          fromEffect(Effect.provideService(open, Scope.Scope, scope)),
          (next: Effect.Effect<A | undefined, E>) =>
            repeated(Effect.map(next, (value) => value === undefined ? undefined : Chunk.of(value)))
        ),
        () => Scope.close(scope, Exit.void)
      ))),
    open
  )

/** Runs an effect for each value of the input. */
export const sinkFor = <In, E>(run: (value: In) => Effect.Effect<void, E>): Sink.Sink<void, In, never, E> => {
  const next: Instruction = read((input: Chunk.Chunk<In>) =>
    andThen(fromEffect(Effect.forEach(input, run, { discard: true })), () => next)
  )
  return sink(next)
}

/** The values of one reader of a stream. */
export interface Batches<A> {
  readonly begin: () => void
  /** Waits for values; `undefined` after the last. */
  readonly take: Effect.Effect<ReadonlyArray<A> | undefined>
  readonly leave: () => void
}

/** Gives each reader batches of its own. */
export const streamOfBatches = <A>(batchesOf: () => Batches<A>): Stream.Stream<A> =>
  stream(suspend(() => {
    const batches = batchesOf()
    const next = Effect.map(batches.take, (values) => values && Chunk.unsafeFromArray(values))
    return ensuring(
      andThen(fromEffect(Effect.sync(batches.begin)), () => repeated(next)),
      () => Effect.sync(batches.leave)
    )
  }))

/**
 * Sends the channel's input and emits what is read. An error of either ends the channel; the end of the input does not.
 */
export const duplex = <E, IE>(
  next: Effect.Effect<Uint8Array, E>,
  isEnd: (error: E) => boolean,
  send: (data: Uint8Array | string) => Effect.Effect<void, E>
): Duplex<E, IE> => {
  const running = (broken: Deferred.Deferred<never, E | IE>) => {
    const failed = (cause: Cause.Cause<E | IE>) => Deferred.failCause(broken, cause)
    return embedInput(repeated(firstOf(Deferred.await(broken), untilEnd(next, isEnd))), {
      emit: (chunk: Chunk.Chunk<Uint8Array | string>) =>
        Effect.catchAllCause(Effect.forEach(chunk, send, { discard: true }), failed),
      failed
    })
  }
  return andThen(fromEffect(Deferred.make<never, E | IE>()), running) as Channel.Channel<any, any, any, any, any, any>
}
