/**
 * The pool's state: one plain record that only transitions change.
 *
 * A slot is one place of capacity, from the decision to open until the end of the close:
 *
 *     demand                  hand off
 *   ─────────▶ Opening ─────────────────────────▶ InUse ◀────┐
 *                │  │                             ││ │ ▲     │ hand off
 *       fails,   │  │ park             park       ││ └─┼─────┘
 *       times    │  └────────▶ Idle ◀─────────────┘│   │
 *       out,     │             │  ▲                │   │
 *       aborted  │        take │  │ park           │   │
 *                │             ▼  │                │   │
 *                │            Taken ◀──────────────┘   │
 *                │              │    validate          │
 *                ▼              └──────────────────────┘
 *             Aborting               lend, hand off
 *                │
 *                │     Idle, Taken and InUse retire ──▶ Closing
 *                │                                         │
 *                └──────────────▶ Gone ◀───────────────────┘
 *
 * What leads away from InUse happens when the last of its leases has ended. A taken slot is out of everybody's reach
 * while the user's predicates look at it, or while `validate` asks it. Every slot that is not `Gone` counts against
 * `maxConnections`.
 *
 * A lease is the right to use a slot; a slot has as many as `concurrency` allows:
 *
 *                    ends                       settled
 *     ──▶ Held ───────────────▶ Returning ─────────────────▶ Ended
 *         │  ▲                                                 ▲
 *         │  │ served                                          │
 *         ▼  │                   fails, or is ended            │
 *        Moving ───────────────────────────────────────────────┘
 *
 * It is `Returning` while `onRelease` has a look, and `Moving` while `reconnect` gets it another connection.
 */
import type { Cause } from "effect/Cause"
import type { RuntimeFiber } from "effect/Fiber"
import type { AnySpan } from "effect/Tracer"
import type { BorrowFailure, CloseReason } from "../PoolStats.js"
import { Histogram } from "./histogram.js"
import { type Linked, List } from "./list.js"

/** Where a slot stands. */
export type Phase = "Opening" | "Aborting" | "Idle" | "Taken" | "InUse" | "Closing" | "Gone"

/** The fiber that asked for a lease. */
export type Holder = RuntimeFiber<any, any>

export const noLeases: ReadonlyArray<never> = []

/** One place of capacity. */
export class Slot<C> implements Linked<Slot<C>> {
  prev: Slot<C> | undefined = undefined
  next: Slot<C> | undefined = undefined
  list: List<Slot<C>> | undefined = undefined

  phase: Phase = "Opening"
  /** What `open` gave; there from `Idle` or `InUse` on. */
  connection: C | undefined = undefined
  /** Its leases that have not ended. Never changed but replaced: idle connections share an empty list. */
  leases: ReadonlyArray<Lease<C>> = noLeases
  /** When the present phase began: the open, or the idle spell. */
  since: number
  /** When the present phase must end, if it is one that has a limit. */
  deadline = Infinity
  /** Higher than those of the waiters that came before it was open. */
  ticket = 0
  /** The highest ticket when `validate` began to ask it. */
  validateTicket = 0
  expiresAt = Infinity
  /** Leases given so far, without those that were given back untouched. */
  uses = 0
  /** Whether any of their holders has taken it up. */
  used = false
  /** It has answered `validate` and was not lent since. */
  validated = false
  /** Why it closes, or must close once its leases have ended. */
  reason: CloseReason | undefined = undefined

  constructor(readonly id: number, /** Older than the pool's: suspect. */ public generation: number, now: number) {
    this.since = now
  }
}

/** The right of one holder to use one connection. It ends once, and is then worth nothing. */
export class Lease<C> implements Linked<Lease<C>> {
  prev: Lease<C> | undefined = undefined
  next: Lease<C> | undefined = undefined
  list: List<Lease<C>> | undefined = undefined

  phase: "Held" | "Returning" | "Reconnecting" | "Ended" = "Held"
  /** Whether its holder has taken it up, and who ends it: `release`, or a scope or an effect's end. */
  owner: "None" | "Manual" | "Scoped" = "None"
  /** What the holder was given: the connection, or its view of it. */
  lent: C | undefined = undefined
  isLent = false
  /** When `onRelease` must have answered. */
  deadline = Infinity
  /** Who waits for its next connection while it is `Moving`. */
  waiter: Waiter<C> | undefined = undefined
  /** Whether it was held for longer than `leakThreshold`. */
  suspected = false

  constructor(
    public slot: Slot<C>,
    readonly holder: Holder,
    /** The span that the holder was in when it asked. */
    readonly span: AnySpan | undefined,
    /** When it was lent. */
    public since: number
  ) {}
}

/** Why no connection was opened. */
export type OpenFailure =
  | { readonly _tag: "OpenFailed"; readonly cause: Cause<unknown> }
  | { readonly _tag: "ConnectTimeout" }
  | { readonly _tag: "PoolClosed" }

/** Why a waiter gets no connection. */
export type WaitFailure = OpenFailure | { readonly _tag: "AcquireTimeout" } | { readonly _tag: "LeaseEnded" }

/** A borrower without a connection yet. It waits while it is in a list; then it has a lease or a refusal. */
export class Waiter<C> implements Linked<Waiter<C>> {
  prev: Waiter<C> | undefined = undefined
  next: Waiter<C> | undefined = undefined
  list: List<Waiter<C>> | undefined = undefined

  /** Its place in the order in which borrowers came; set when it joins the queue. */
  ticket = 0
  lease: Lease<C> | undefined = undefined
  failure: WaitFailure | undefined = undefined
  /** Its place among the waiters whose deadlines are in order; none if its deadline is its own. */
  readonly deadlineEntry: DeadlineEntry<C> | undefined
  /** Tells the borrower's fiber to go on; set once it is parked. */
  wake: (() => void) | undefined = undefined

  constructor(
    readonly holder: Holder,
    readonly span: AnySpan | undefined,
    readonly since: number,
    readonly deadline: number,
    /** Whether `deadline` is the caller's own, so that it need not be in the queue's order. */
    readonly ownDeadline: boolean,
    /** The lease that a newly opened connection is for; without one, any connection will do. */
    readonly forLease: Lease<C> | undefined
  ) {
    this.deadlineEntry = ownDeadline ? undefined : new DeadlineEntry(this)
  }
}

/** A waiter's place in a second list, of those who share one timeout: the first of them is the next to time out. */
export class DeadlineEntry<C> implements Linked<DeadlineEntry<C>> {
  prev: DeadlineEntry<C> | undefined = undefined
  next: DeadlineEntry<C> | undefined = undefined
  list: List<DeadlineEntry<C>> | undefined = undefined

  constructor(readonly waiter: Waiter<C>) {}
}

/** What a transition asks its caller to do next. */
export type Command<C> =
  | { readonly _tag: "Open"; readonly slot: Slot<C> }
  | { readonly _tag: "Abort"; readonly slot: Slot<C> }
  | { readonly _tag: "Validate"; readonly slot: Slot<C> }
  | { readonly _tag: "Close"; readonly slot: Slot<C> }
  | { readonly _tag: "Ended"; readonly lease: Lease<C> }
  | { readonly _tag: "Wake"; readonly waiter: Waiter<C> }
  | { readonly _tag: "BackOff"; readonly failure: OpenFailure | undefined }

/** The numbers that transitions obey; times in milliseconds. */
export interface Limits {
  readonly max: number
  readonly min: number
  readonly initial: number
  readonly maxConnecting: number
  readonly concurrency: number
  readonly maxUses: number
  readonly lifo: boolean
  readonly connectTimeout: number
  readonly idleTimeout: number
  readonly validateTimeout: number
  readonly closeTimeout: number
}

/** The whole state of one pool. */
export class State<C> {
  phase: "Running" | "Draining" | "Closed" = "Running"
  max: number
  min: number
  /** What was open before the last `clear`, or the last failed `validate`, belongs to an older one. */
  generation = 0

  /** Everything that counts against `max`. In use = all − opening − aborting − idle − outgoing − closing. */
  readonly slots = new Set<Slot<C>>()
  readonly opening = new List<Slot<C>>()
  readonly aborting = new List<Slot<C>>()
  /** The longest idle first. */
  readonly idle = new List<Slot<C>>()
  /** Idle too, but expired: they stay until the floor has others in their place. */
  readonly expiring = new List<Slot<C>>()
  /** Taken, and asked by `validate`. */
  readonly validating = new List<Slot<C>>()
  /** In use, and fit for another lease. */
  readonly shareable = new List<Slot<C>>()
  readonly closing = new List<Slot<C>>()

  /** Held leases, the oldest first; those suspected to be leaks are in a list of their own. */
  readonly held = new List<Lease<C>>()
  readonly suspected = new List<Lease<C>>()
  /** Returning leases whose `onRelease` takes its time. */
  readonly resetting = new List<Lease<C>>()

  readonly waiters = new List<Waiter<C>>()
  /** Waiters that want a newly opened connection; they come first. */
  readonly reconnecting = new List<Waiter<C>>()
  /** All waiters whose deadlines are in order. */
  readonly deadlines = new List<DeadlineEntry<C>>()

  /** Opens of `initialConnections` that have not succeeded yet. */
  initialOwed: number
  /** The background fill waits for its backoff, after a setback. */
  backingOff = false
  /** The pace of opens while they fail; see `transitions/openLimiter.ts`. */
  readonly openLimiter = { blockedUntil: -Infinity }
  /** Why the last open failed, until one succeeds. */
  lastOpenFailure: OpenFailure | undefined = undefined
  /** When leases still out are taken back by force; set when closing begins. */
  drainDeadline = Infinity

  ids = 0
  tickets = 0
  acquired = 0
  waited = 0
  exhausted = 0
  timedOut = 0
  readonly failed: Record<BorrowFailure, number> = {
    Timeout: 0,
    QueueFull: 0,
    NoWait: 0,
    SelfDeadlock: 0,
    OpenFailed: 0,
    PoolClosed: 0
  }
  cancelled = 0
  leaksSuspected = 0
  opened = 0
  openFailed = 0
  readonly closed: Record<CloseReason, number> = {
    Expired: 0,
    Stale: 0,
    MaxUses: 0,
    Invalid: 0,
    Disconnected: 0,
    Discarded: 0,
    Desync: 0,
    Dropped: 0,
    Cleared: 0,
    Surplus: 0,
    PoolClosed: 0
  }
  readonly waitTime = new Histogram()
  readonly useTime = new Histogram()
  readonly openTime = new Histogram()

  constructor(readonly limits: Limits, /** When the pool was made. */ readonly since = 0) {
    this.max = limits.max
    this.min = limits.min
    this.initialOwed = limits.initial
  }

  get inUse(): number {
    return this.slots.size - this.opening.length - this.aborting.length - this.idle.length - this.expiring.length -
      this.closing.length
  }

  /** Connections that are open and not closing. */
  get open(): number {
    return this.slots.size - this.opening.length - this.aborting.length - this.closing.length
  }

  /** How many leases one connection is good for at once. */
  get places(): number {
    return Math.min(this.limits.concurrency, this.limits.maxUses)
  }

  get leased(): number {
    return this.held.length + this.suspected.length
  }

  get pending(): number {
    return this.waiters.length + this.reconnecting.length
  }
}
