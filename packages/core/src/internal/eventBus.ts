/** Publishes pool events; builds none without a subscriber. */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { PoolExhaustedError } from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import { describeError, describeHolder, holderOf } from "./describe.js"
import type { PoolRuntime } from "./runtime.js"
import type { Lease, Slot, State } from "./state.js"

/** The number of events kept for a slow subscriber. */
const bufferedEvents = 1_024

/** The fields of an event, without the pool and the time. */
type EventFields = PoolEvent extends infer Event ? Event extends PoolEvent ? Omit<Event, "pool" | "at"> : never : never

/** One stream of events and the number of its subscribers. */
class Channel {
  private readonly hub = Effect.runSync(PubSub.sliding<PoolEvent>(bufferedEvents))
  private subscribers = 0
  readonly events: Stream.Stream<PoolEvent>

  constructor(state: State<any>) {
    this.events = Stream.unwrapScoped(Effect.gen(this, function*() {
      const subscription = yield* Effect.acquireRelease(
        Effect.tap(PubSub.subscribe(this.hub), () => this.subscribers++),
        () => Effect.sync(() => this.subscribers--)
      )
      if (state.phase === "Closed") return Stream.empty
      return Stream.takeUntil(Stream.fromQueue(subscription), (event) => event._tag === "PoolClosed")
    }))
  }

  get isIdle(): boolean {
    return this.subscribers === 0
  }

  publish(event: PoolEvent): void {
    if (this.isIdle) return
    // `unsafeOffer` would drop the newest event when a subscriber is slow, not the oldest.
    Effect.runSync(PubSub.publish(this.hub, event))
  }
}

export class EventBus<C> {
  private readonly all: Channel
  /** For subscribers that do not want every lease. */
  private readonly withoutLeases: Channel
  readonly events: Stream.Stream<PoolEvent>
  readonly notices: Stream.Stream<PoolEvent>

  constructor(private readonly pool: string, private readonly runtime: PoolRuntime, state: State<C>) {
    this.all = new Channel(state)
    this.withoutLeases = new Channel(state)
    this.events = this.all.events
    this.notices = this.withoutLeases.events
  }

  publish(event: () => EventFields): void {
    if (this.all.isIdle && this.withoutLeases.isIdle) return
    const told = { ...event(), pool: this.pool, at: this.runtime.wallTime() } as PoolEvent
    this.all.publish(told)
    if (told._tag !== "Borrowed" && told._tag !== "Released") this.withoutLeases.publish(told)
  }

  opened(slot: Slot<C>, tookMillis: number): void {
    this.publish(() => ({ _tag: "Opened", connectionId: slot.id, tookMillis }))
  }

  openFailed(slot: Slot<C>, cause: Cause.Cause<unknown>): void {
    this.publish(() => ({ _tag: "OpenFailed", connectionId: slot.id, error: describeError(Cause.squash(cause)) }))
  }

  closed(slot: Slot<C>): void {
    this.publish(() => ({ _tag: "Closed", connectionId: slot.id, reason: slot.reason! }))
  }

  borrowed(lease: Lease<C>, waitedMillis: number): void {
    if (this.all.isIdle) return
    this.publish(() => ({
      _tag: "Borrowed",
      connectionId: lease.slot.id,
      holder: holderOf(lease, lease.since),
      waitedMillis
    }))
  }

  /** Publishes the end of a lease that its holder had taken up. */
  released(lease: Lease<C>, now: number): void {
    if (!this.all.isIdle) {
      this.publish(() => ({ _tag: "Released", connectionId: lease.slot.id, holder: holderOf(lease, now) }))
    }
    if (!lease.suspected) return
    const holder = holderOf(lease, now)
    this.publish(() => ({ _tag: "LeakReturned", connectionId: lease.slot.id, holder }))
    this.runtime.inform(`a suspected leak has come back from ${describeHolder(holder)}`, Cause.empty, lease.slot)
  }

  leakSuspected(lease: Lease<C>, now: number): void {
    const holder = holderOf(lease, now)
    this.publish(() => ({ _tag: "LeakSuspected", connectionId: lease.slot.id, holder }))
    const taken = DateTime.formatIso(DateTime.unsafeMake(this.runtime.wallTime() - (now - lease.since)))
    this.runtime.warn(
      `a leak is suspected: a lease is held by ${describeHolder(holder)}, since ${taken}`,
      Cause.empty,
      lease.slot
    )
  }

  exhausted(reason: PoolExhaustedError["reason"], waitedMillis: number): void {
    this.publish(() => ({ _tag: "Exhausted", reason, waitedMillis }))
  }
}
