/** The seam to Effect: the streams, sinks and channels that pools and connections have. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Duplex } from "../../Interop.js"

/** The stream of a service. */
export const streamOf: <A, E, R>(effect: Effect.Effect<Stream.Stream<A, E>, never, R>) => Stream.Stream<A, E, R> =
  Stream.unwrap

/** Repeats an effect until it fails with an error that means the end. */
export const streamUntil = <A, E>(next: Effect.Effect<A, E>, isEnd: (error: E) => boolean): Stream.Stream<A, E> =>
  Stream.fromEffectRepeat(
    Effect.mapError(next, (error): E | Cause.Done => isEnd(error) ? Cause.Done() : error)
  ) as Stream.Stream<A, E>

export const isStream = (value: unknown): boolean => Effect.isEffect(value) || Stream.isStream(value)

/** Runs a function for each value of a stream. */
export const forEachOf = <A, E>(source: Stream.Stream<A, E>, f: (value: A) => Effect.Effect<void>) =>
  Effect.isEffect(source)
    ? Effect.flatMap(source as unknown as Effect.Effect<A, E>, f)
    : Stream.runForEach(source, f)

/** The one value of an effect. */
export const streamOfOne: <A, E>(effect: Effect.Effect<A, E>) => Stream.Stream<A, E> = Stream.fromEffect

/**
 * Emits the values of an effect until it gives none. `open` makes the effect when a reader begins, in a scope that closes
 * with the stream.
 */
export const streamOfPulls = <A, E, E2>(
  open: Effect.Effect<Effect.Effect<A | undefined, E>, E2, Scope.Scope>
): Stream.Stream<A, E | E2> =>
  Stream.unwrap(Effect.map(open, (next) =>
    Stream.fromPull(Effect.succeed(Effect.flatMap(
      next,
      (value): Pull.Pull<NonEmptyReadonlyArray<A>> => value === undefined ? Cause.done() : Effect.succeed([value])
    ))))) as Stream.Stream<A, E | E2>

/** The values of one reader of a stream. */
export interface Batches<A> {
  readonly begin: () => void
  /** Waits for values; `undefined` after the last. */
  readonly take: Effect.Effect<ReadonlyArray<A> | undefined>
  readonly leave: () => void
}

/** Gives each reader batches of its own. */
export const streamOfBatches = <A>(batchesOf: () => Batches<A>): Stream.Stream<A> =>
  Stream.unwrap(
    Effect.suspend(() => {
      const batches = batchesOf()
      const next = Effect.flatMap(
        batches.take,
        (values): Pull.Pull<NonEmptyReadonlyArray<A>> =>
          values === undefined ? Cause.done() : Effect.succeed(values as unknown as NonEmptyReadonlyArray<A>)
      )
      return Effect.as(
        Effect.acquireRelease(Effect.sync(batches.begin), () => Effect.sync(batches.leave)),
        Stream.fromPull(Effect.succeed(next))
      )
    })
  )

/** Runs an effect for each value of the input. */
export const sinkFor = <In, E>(run: (value: In) => Effect.Effect<void, E>): Sink.Sink<void, In, never, E> =>
  Sink.forEach(run)

/**
 * Sends the channel's input and emits what is read. An error of either ends the channel; the end of the input does not.
 */
export const duplex = <E, IE>(
  next: Effect.Effect<Uint8Array, E>,
  isEnd: (error: E) => boolean,
  send: (data: Uint8Array | string) => Effect.Effect<void, E>
): Duplex<E, IE> =>
  Channel.unwrap(Effect.map(Deferred.make<never, E | IE>(), (broken) =>
    Channel.embedInput(
      Channel.interruptWhen(
        Stream.toChannel(streamUntil(next, isEnd) as Stream.Stream<Uint8Array, E | IE>),
        Deferred.await(broken)
      ),
      (input: Pull.Pull<NonEmptyReadonlyArray<Uint8Array | string>, IE, unknown>) =>
        Effect.catchCause(
          Effect.forever(Effect.flatMap(input, (chunk) => Effect.forEach(chunk, send, { discard: true }))),
          (cause) => Pull.isDoneCause(cause) ? Effect.void : Deferred.failCause(broken, cause as Cause.Cause<E | IE>)
        )
    )))
