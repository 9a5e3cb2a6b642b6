/** Streams whose subscribers all get every value. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { async, type Executor, graceTurn } from "./effect/fiber.js"
import { type Batches, streamOfBatches } from "./effect/stream.js"

/** A subscriber is woken up before this part of its buffer is full: it must not lose what comes until it runs. */
const parts = 8

/** The values of one subscriber that it has not taken yet. */
class Subscription<A> implements Batches<A> {
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

  /** No value comes any more. */
  end(): void {
    this.hasEnded = true
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  readonly begin = (): void => {
    this.hub.subscriptions.add(this)
    this.hasEnded = this.hub.hasEnded()
  }

  readonly leave = (): void => void this.hub.subscriptions.delete(this)

  /** Waits for values and takes all that are there by then. None comes after the last. */
  readonly take: Effect.Effect<ReadonlyArray<A> | undefined> = Effect.map(
    async<void>((resume) => {
      if (this.values.length > 0 || this.hasEnded) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => (this.wake = undefined))
    }),
    () => {
      const { values } = this
      this.values = []
      return values.length === 0 ? undefined : values
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
  private made: Set<Subscription<A>> | undefined = undefined
  private isDelivering = false

  constructor(
    readonly runtime: Pick<Executor, "fork" | "later">,
    /** The number of values kept for a slow subscriber, which loses the oldest. */
    readonly kept: number,
    readonly isLast: (value: A) => boolean,
    readonly hasEnded: () => boolean
  ) {}

  get subscriptions(): Set<Subscription<A>> {
    return this.made ??= new Set()
  }

  get isIdle(): boolean {
    return this.made === undefined || this.made.size === 0
  }

  publish(value: A): void {
    if (this.isIdle) return
    for (const subscription of this.subscriptions) subscription.push(value)
    if (this.isDelivering) return
    this.isDelivering = true
    this.runtime.fork(Effect.map(graceTurn, () => {
      this.isDelivering = false
      for (const subscription of this.subscriptions) subscription.deliver()
    }))
  }

  /** Ends the streams of all subscribers after the values that they have been sent. */
  end(): void {
    for (const subscription of this.made ?? []) subscription.end()
  }

  /** The values from the moment of subscription, up to and including the first that is the last. */
  get values(): Stream.Stream<A> {
    return streamOfBatches(() => new Subscription(this))
  }
}
