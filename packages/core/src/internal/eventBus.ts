/** Publishes pool events; builds none without a subscriber. */
import * as Cause from "effect/Cause"
import type * as Stream from "effect/Stream"
import type { PoolExhaustedError } from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import { describeError, describeHolder, holderOf } from "./describe.js"
import { isoOf } from "./effect/value.js"
import { Hub } from "./hub.js"
import type { PoolRuntime } from "./runtime.js"
import type { Lease, Slot, State } from "./state.js"

/** The number of events kept for a slow subscriber. */
export const bufferedEvents = 1_024

/** The fields of an event, without the pool and the time. */
export type EventFields = PoolEvent extends infer Event ? Event extends PoolEvent ? Omit<Event, "pool" | "at"> : never
  : never

const isLast = ({ _tag }: PoolEvent): boolean => _tag === "PoolClosed"

/** A receiver of events. */
export type Listener = Pick<Hub<PoolEvent>, "isIdle" | "publish">

/** The receivers of events: of all, and of those that are not of leases. */
export interface Listeners {
  readonly all: Listener
  readonly withoutLeases: Listener
}

export interface Hubs extends Listeners {
  readonly all: Hub<PoolEvent>
  readonly withoutLeases: Hub<PoolEvent>
}

const isIdle = ({ all, withoutLeases }: Listeners): boolean => all.isIdle && withoutLeases.isIdle

export class EventBus<C> implements Hubs {
  readonly all: Hub<PoolEvent>
  /** For those who do not want to hear of every lease. */
  readonly withoutLeases: Hub<PoolEvent>

  /** Gets all events, too. */
  private also: Listeners | undefined = undefined

  constructor(private readonly pool: string, private readonly runtime: PoolRuntime, state: State<C>) {
    const hasEnded = () => state.phase === "Closed"
    this.all = new Hub(runtime, bufferedEvents, isLast, hasEnded)
    this.withoutLeases = new Hub(runtime, bufferedEvents, isLast, hasEnded)
  }

  get events(): Stream.Stream<PoolEvent> {
    return this.all.values
  }

  get notices(): Stream.Stream<PoolEvent> {
    return this.withoutLeases.values
  }

  publish(event: () => EventFields): void {
    if (!this.isIdle) this.tell({ ...event(), pool: this.pool, at: this.runtime.wallTime() } as PoolEvent)
  }

  /** Sends all events to these hubs, too. */
  alsoTo(hubs: Listeners): void {
    this.also = hubs
  }

  private get isIdle(): boolean {
    return isIdle(this) && (this.also === undefined || isIdle(this.also))
  }

  /** Whether nobody wants to hear of leases. */
  private get ignoresLeases(): boolean {
    return this.all.isIdle && (this.also === undefined || this.also.all.isIdle)
  }

  private tell(event: PoolEvent): void {
    const isOfLease = event._tag === "Borrowed" || event._tag === "Released"
    this.all.publish(event)
    this.also?.all.publish(event)
    if (isOfLease) return
    this.withoutLeases.publish(event)
    this.also?.withoutLeases.publish(event)
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

  // These two are written out: to put events together of parts costs more than the lease that they tell of.

  borrowed(lease: Lease<C>, waitedMillis: number): void {
    if (this.ignoresLeases) return
    this.tell({
      _tag: "Borrowed",
      pool: this.pool,
      at: this.runtime.wallTime(),
      connectionId: lease.slot.id,
      holder: holderOf(lease, lease.since),
      waitedMillis
    })
  }

  /** Publishes the end of a lease that its holder had taken up. */
  released(lease: Lease<C>, now: number): void {
    if (!this.ignoresLeases) {
      this.tell({
        _tag: "Released",
        pool: this.pool,
        at: this.runtime.wallTime(),
        connectionId: lease.slot.id,
        holder: holderOf(lease, now)
      })
    }
    if (!lease.suspected) return
    const holder = holderOf(lease, now)
    this.publish(() => ({ _tag: "LeakReturned", connectionId: lease.slot.id, holder }))
    this.runtime.inform(`a suspected leak has come back from ${describeHolder(holder)}`, Cause.empty, lease.slot)
  }

  leakSuspected(lease: Lease<C>, now: number): void {
    const holder = holderOf(lease, now)
    this.publish(() => ({ _tag: "LeakSuspected", connectionId: lease.slot.id, holder }))
    const taken = isoOf(this.runtime.wallTime() - (now - lease.since))
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
