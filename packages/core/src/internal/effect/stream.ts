/** The streams, sinks and channels that pools and connections have. */
import type * as Cause from "effect/Cause"
import type * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
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
import { async, type Executor, graceTurn } from "./fiber.js"

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

/** Runs an effect for each value of the input. */
export const sinkFor = <In, E>(run: (value: In) => Effect.Effect<void, E>): Sink.Sink<void, In, never, E> => {
  const next: Instruction = read((input: Chunk.Chunk<In>) =>
    andThen(fromEffect(Effect.forEach(input, run, { discard: true })), () => next)
  )
  return sink(next)
}

/** A subscriber is woken up before this part of its buffer is full: it must not lose what comes until it runs. */
const parts = 8

/** The values of one subscriber that it has not taken yet. */
class Subscription<A> {
  private values: Array<A> = []
  private wake: (() => void) | undefined = undefined
  private hasEnded = false

  constructor(private readonly hub: Hub<A>) {}

  push(value: A): void {
    if (this.hasEnded) return
    const { kept } = this.hub
    this.hasEnded = this.hub.isLast(value)
    if (this.values.length === kept) this.values.shift()
    this.values.push(value)
    if (this.hasEnded || this.values.length === kept / parts) this.hub.runtime.later(this.deliver)
  }

  /** Wakes up the subscriber if there is anything for it. */
  readonly deliver = (): void => {
    if (this.values.length === 0) return
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  /** Waits for values and takes all that are there by then. None comes after the last. */
  readonly take: Effect.Effect<Chunk.Chunk<A> | undefined> = Effect.map(
    async<void>((resume) => {
      if (this.values.length > 0 || this.hasEnded) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => (this.wake = undefined))
    }),
    () => {
      const { values } = this
      this.values = []
      return values.length === 0 ? undefined : Chunk.unsafeFromArray(values)
    }
  )
}

/**
 * Tells each subscriber every value. A subscriber resumes in its own asynchronous context; a `PubSub` would resume it in
 * that of the fiber that publishes.
 *
 * To wake up a subscriber costs as much as several leases. So it gets the values of a whole turn of the timers at once,
 * or an eighth of those that are kept for it, whatever comes first.
 */
export class Hub<A> {
  /** Made for the first subscriber: most pools have none. */
  private subscriptions: Set<Subscription<A>> | undefined = undefined
  private isDelivering = false

  constructor(
    readonly runtime: Pick<Executor, "fork" | "later">,
    /** The number of values kept for a slow subscriber, which loses the oldest. */
    readonly kept: number,
    readonly isLast: (value: A) => boolean,
    private readonly hasEnded: () => boolean
  ) {}

  get isIdle(): boolean {
    return this.subscriptions === undefined || this.subscriptions.size === 0
  }

  publish(value: A): void {
    if (this.isIdle) return
    for (const subscription of this.subscriptions!) subscription.push(value)
    if (this.isDelivering) return
    this.isDelivering = true
    this.runtime.fork(Effect.map(graceTurn, () => {
      this.isDelivering = false
      for (const subscription of this.subscriptions!) subscription.deliver()
    }))
  }

  /** The values from the moment of subscription, up to and including the first that is the last. */
  get values(): Stream.Stream<A> {
    return stream(suspend(() => {
      const subscriptions = this.subscriptions ??= new Set()
      const subscription = new Subscription(this)
      return ensuring(
        andThen(
          fromEffect(Effect.sync(() => subscriptions.add(subscription))),
          () => this.hasEnded() ? end : repeated(subscription.take)
        ),
        () => Effect.sync(() => subscriptions.delete(subscription))
      )
    }))
  }
}

/**
 * Sends the channel's input and emits what is read. An error of either ends the channel; the end of the input does not.
 */
export const duplex = <E, IE>(
  next: Effect.Effect<Uint8Array, E>,
  isEnd: (error: E) => boolean,
  send: (data: Uint8Array | string) => Effect.Effect<void, E>
): Channel.Channel<
  Chunk.Chunk<Uint8Array>,
  Chunk.Chunk<Uint8Array | string>,
  E | IE,
  IE,
  void,
  unknown
> => {
  const running = (broken: Deferred.Deferred<never, E | IE>) => {
    const failed = (cause: Cause.Cause<E | IE>) => Deferred.failCause(broken, cause)
    return embedInput(repeated(Effect.raceFirst(Deferred.await(broken), untilEnd(next, isEnd))), {
      emit: (chunk: Chunk.Chunk<Uint8Array | string>) =>
        Effect.catchAllCause(Effect.forEach(chunk, send, { discard: true }), failed),
      failed
    })
  }
  return andThen(fromEffect(Deferred.make<never, E | IE>()), running) as Channel.Channel<any, any, any, any, any, any>
}
