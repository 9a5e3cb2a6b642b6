/** The seam to Effect: streams and channels. */
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

/** Repeats an effect until it fails with an error that means the end. */
export const streamUntil = <A, E>(next: Effect.Effect<A, E>, isEnd: (error: E) => boolean): Stream.Stream<A, E> =>
  Stream.repeatEffectOption(Effect.mapError(next, (error) => isEnd(error) ? Option.none() : Option.some(error)))

export interface Hub<A> {
  readonly isIdle: () => boolean
  /** Keeps at most `kept` values for a slow subscriber, which loses the oldest. */
  readonly publish: (value: A) => void
  /** The values from the moment of subscription, up to and including the first that is the last. */
  readonly values: Stream.Stream<A>
}

export const hub = <A>(kept: number, isLast: (value: A) => boolean, hasEnded: () => boolean): Hub<A> => {
  const values = Effect.runSync(PubSub.sliding<A>(kept))
  let subscribers = 0
  return {
    isIdle: () => subscribers === 0,
    // `unsafeOffer` would drop the newest value when a subscriber is slow, not the oldest.
    publish: (value) => {
      if (subscribers > 0) Effect.runSync(PubSub.publish(values, value))
    },
    values: Stream.unwrapScoped(Effect.gen(function*() {
      const subscription = yield* Effect.acquireRelease(
        Effect.tap(PubSub.subscribe(values), () => subscribers++),
        () => Effect.sync(() => subscribers--)
      )
      return hasEnded() ? Stream.empty : Stream.takeUntil(Stream.fromQueue(subscription), isLast)
    }))
  }
}

/**
 * Sends the channel's input and emits the stream. An error of either ends the channel; the end of the input does not.
 */
export const duplex = <E, IE>(
  stream: Stream.Stream<Uint8Array, E>,
  send: (data: Uint8Array | string) => Effect.Effect<void, E>
): Channel.Channel<
  Chunk.Chunk<Uint8Array>,
  Chunk.Chunk<Uint8Array | string>,
  E | IE,
  IE,
  void,
  unknown
> =>
  Channel.unwrap(Effect.map(Deferred.make<never, E | IE>(), (broken) => {
    const sendAll = (chunk: Chunk.Chunk<Uint8Array | string>) => Effect.forEach(chunk, send, { discard: true })
    const failWith = (cause: Cause.Cause<E | IE>) => Deferred.failCause(broken, cause)
    return Channel.embedInput(
      Channel.interruptWhen(
        Stream.toChannel(stream as Stream.Stream<Uint8Array, E | IE>),
        Deferred.await(broken)
      ) as Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, E | IE, unknown, void, unknown>,
      {
        awaitRead: () => Effect.void,
        emit: (chunk: Chunk.Chunk<Uint8Array | string>) => Effect.catchAllCause(sendAll(chunk), failWith),
        error: failWith,
        done: () => Effect.void
      }
    )
  }))
