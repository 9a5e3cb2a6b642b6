/** The seam to Effect: streams and channels. */
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { async } from "./fiber.js"

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

/** The values of one subscriber that it has not taken yet. */
class Subscription<A> {
  private values: Array<A> = []
  private wake: (() => void) | undefined = undefined

  constructor(private readonly kept: number) {}

  push(value: A): void {
    if (this.values.length === this.kept) this.values.shift()
    this.values.push(value)
    this.wake?.()
  }

  /** Waits for a value and takes all that are there by then. */
  readonly take: Effect.Effect<Chunk.Chunk<A>> = Effect.map(
    async<void>((resume) => {
      if (this.values.length > 0) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => (this.wake = undefined))
    }),
    () => {
      const { values } = this
      this.values = []
      this.wake = undefined
      return Chunk.unsafeFromArray(values)
    }
  )
}

/**
 * A subscriber resumes in its own asynchronous context. A `PubSub` would resume it in that of the fiber that publishes.
 */
export const hub = <A>(kept: number, isLast: (value: A) => boolean, hasEnded: () => boolean): Hub<A> => {
  const subscriptions = new Set<Subscription<A>>()
  return {
    isIdle: () => subscriptions.size === 0,
    publish: (value) => {
      for (const subscription of subscriptions) subscription.push(value)
    },
    values: Stream.unwrapScoped(Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const subscription = new Subscription<A>(kept)
          subscriptions.add(subscription)
          return subscription
        }),
        (subscription) => Effect.sync(() => subscriptions.delete(subscription))
      ),
      ({ take }) => hasEnded() ? Stream.empty : Stream.takeUntil(Stream.repeatEffectChunk(take), isLast)
    ))
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
