/**
 * The pool's state: one plain record that only transitions change.
 *
 * A slot is one place of capacity, from the decision to open until the end of the close:
 *
 *     demand                  hand off
 *   ─────────▶ Opening ─────────────────────────▶ Leased ◀───┐
 *                │  │                             ││ │ ▲     │ hand off
 *       fails,   │  │ idle             idle       ││ └─┼─────┘
 *       times    │  └────────▶ Idle ◀─────────────┘│   │
 *       out,     │             │  ▲                │   │
 *       aborted  │       check │  │ idle           │   │ lend, hand off
 *                │             ▼  │                │   │
 *                │          Checking ──────────────┼───┤
 *                │             │                   │   │
 *                ▼             ▼      validate     │   │
 *             Aborting     Validating ◀────────────┘───┘
 *                │
 *                │     Idle, Checking, Validating and Leased retire ──▶ Closing
 *                │                                                         │
 *                └──────────────▶ Gone ◀───────────────────────────────────┘
 *
 * Some phases have a twin. `Expiring` is an idle slot that has expired: it stays until the floor has a replacement.
 * `Shareable` is a leased slot with room for another lease (`concurrency`). `Reserved` is a leased slot that takes no
 * further lease, because an exclusive borrower waits for its last lease to end. A slot leaves `Leased` when its last
 * lease ends. In `Checking` the user's predicates look at the slot, in `Validating` the user's `validate` asks it; nobody
 * else can reach it then. Every slot that is not `Gone` counts against `maxConnections`.
 *
 * A lease is the right to use a slot; a slot has at most `concurrency` of them:
 *
 *                    ends                       settled
 *     ──▶ Held ───────────────▶ Returning ─────────────────▶ Ended
 *         │  ▲                                                 ▲
 *         │  │ served                                          │
 *         ▼  │                   fails, or is ended            │
 *     Reconnecting ────────────────────────────────────────────┘
 *
 * It is `Returning` while `onRelease` decides, and `Reconnecting` while `reconnect` gets it another connection.
 */
import type { Cause } from "effect/Cause"
import type { AnySpan } from "effect/Tracer"
import type { BorrowFailure, CloseReason } from "../PoolStats.js"
import type { Caller } from "./caller.js"
import type { Holder as FiberHolder } from "./effect/fiber.js"
import { Histogram } from "./histogram.js"
import { type Linked, List } from "./list.js"
import type { Figures } from "./protocol/figures.js"

/** The phases of a slot. Each but `Checking`, `Leased` and `Gone` has a list of its own in the state. */
export type Phase =
  | "Opening"
  | "Aborting"
  | "Idle"
  | "Expiring"
  | "Checking"
  | "Validating"
  | "Leased"
  | "Shareable"
  | "Reserved"
  | "Closing"
  | "Gone"

/** The fiber that asked for something, or the promise borrower. */
export type Holder = FiberHolder | Caller

export const noLeases: ReadonlyArray<never> = []

/** One place of capacity. */
export class Slot<C> implements Linked<Slot<C>> {
  prev: Slot<C> | undefined = undefined
  next: Slot<C> | undefined = undefined
  list: List<Slot<C>> | undefined = undefined

  /** Changed by `enter` alone, together with the list. */
  phase: Phase = "Opening"
  /** The result of `open`. */
  connection: C | undefined = undefined
  /** The leases that have not ended; changed by `addLease`, `removeLease` and `removeLeases` alone. */
  leases: ReadonlyArray<Lease<C>> = noLeases
  /**
   * `leases` for a slot with one lease, made once. If each lease had an array literal of its own, and many leases lived
   * for long at the same time, V8 would allocate all later ones in old space, where each costs twice as much.
   */
  readonly only: [Lease<C> | undefined] = [undefined]
  /** `leases` for a slot with several, in no order: each knows its place, so that it leaves in one step. */
  several: Array<Lease<C>> | undefined = undefined
  /** Whether it has not proved yet that it works; see `transitions/trial.ts`. */
  isOnTrial = false
  /** The start of the open, or of the idle spell. */
  since: number
  /** Its place among idle slots. */
  idleTicket = 0
  /** The start of the idle spell, or the last answer in it. */
  heardAt = -Infinity
  /** Its place among the idle slots that are kept alive; none without `keepaliveTime`. */
  keepalive: KeepaliveEntry<C> | undefined = undefined
  /** Whether it is asked to keep it alive: it returns to its place among idle slots. */
  inBackground = false
  /** The moment at which a phase with a limit must end. */
  deadline = Infinity
  /** Higher than the tickets of waiters that came before the slot was open. */
  ticket = 0
  /** The highest ticket at the moment `validate` began. */
  validateTicket = 0
  expiresAt = Infinity
  /** Leases given so far, without those that were given back untouched. */
  uses = 0
  /** Whether any holder has taken up a lease of it. */
  used = false
  /** The end of the open. */
  openedAt = -Infinity
  /** The evidence, while it is on trial, that it does not work. */
  fault: LostOnTrial | undefined = undefined
  /** For the views whose leases have ended; made once for all of them. */
  reference: WeakRef<Slot<C>> | undefined = undefined
  /** Milliseconds that the machine slept while it was idle, since it was last asked. Monotonic time leaves them out. */
  asleep = 0
  /** Whether a holder or `validate` may have left it in disorder: it closes without a farewell. */
  isSpoiled = false
  /** Whether `validate` said yes since the last lease. */
  validated = false
  /** The reason for the close; the slot must not be lent again once there is one. */
  reason: CloseReason | undefined = undefined

  constructor(
    readonly id: number,
    /** A slot of an older generation than the pool's is suspect. */
    public generation: number,
    now: number
  ) {
    this.since = now
  }
}

/** Marks a lease whose holder has nothing in hand. (The connection itself may be `undefined`.) */
export const notLent: unique symbol = Symbol.for("@socketpool/core/notLent")

/** The right of one holder to use one connection. It ends once and is worthless afterwards. */
export class Lease<C> implements Linked<Lease<C>> {
  prev: Lease<C> | undefined = undefined
  next: Lease<C> | undefined = undefined
  list: List<Lease<C>> | undefined = undefined

  phase: "Held" | "Returning" | "Reconnecting" | "Ended" = "Held"
  /** The way the lease ends: by `release`, or with a scope or an effect. `None` until the holder has taken it up. */
  owner: "None" | "Manual" | "Scoped" = "None"
  /** The value in the holder's hand: the connection, or its view of it. */
  lent: C | typeof notLent = notLent
  /** The moment at which `onRelease` must have decided. */
  deadline = Infinity
  /** The waiter for the next connection while the lease is `Reconnecting`. */
  waiter: Waiter<C> | undefined = undefined
  /** Whether it was held for longer than `leakThreshold`. */
  suspected = false
  /** Whether it has its connection to itself, although others could share it. */
  isExclusive = false
  /** Its index in `Slot.several`. */
  place = 0
  /** Whether its holder succeeded. Set while the connection is on trial only. */
  served = false
  /** The typed failure of its holder. Set while the connection is on trial only. */
  fault: LostOnTrial | undefined = undefined

  constructor(
    public slot: Slot<C>,
    readonly holder: Holder,
    /** The holder's span at the moment it asked. */
    readonly span: AnySpan | undefined,
    /** The moment it was lent. */
    public since: number
  ) {}
}

/** A connection was lost before it had served anybody; with the error of its last holder, if there was one. */
export interface LostOnTrial {
  readonly _tag: "LostOnTrial"
  readonly error: { readonly value: unknown } | undefined
}

/** The reason why no connection was opened. */
export type OpenFailure =
  | { readonly _tag: "OpenFailed"; readonly cause: Cause<unknown> }
  | { readonly _tag: "ConnectTimeout" }
  | { readonly _tag: "PoolClosed" }

/** The reason why a waiter gets no connection. */
export type WaitFailure =
  | OpenFailure
  | Shed
  | Moved
  | { readonly _tag: "AcquireTimeout" }
  | { readonly _tag: "LeaseEnded" }

/** No failure: the borrower chooses another pool to wait in. With the failure of an open, if that was the reason. */
export interface Moved {
  readonly _tag: "Moved"
  readonly failure: OpenFailure | undefined
}

/** The pool is overloaded: for these milliseconds, nobody in its queue has been served after a shorter wait. */
interface Shed {
  readonly _tag: "Shed"
  readonly leastWait: number
  readonly millis: number
}

/** A borrower without a connection yet. It waits while it is in a list; afterwards it has a lease or a failure. */
export class Waiter<C> implements Linked<Waiter<C>> {
  prev: Waiter<C> | undefined = undefined
  next: Waiter<C> | undefined = undefined
  list: List<Waiter<C>> | undefined = undefined

  /** Its place in the order of arrival; set when it joins the queue. */
  ticket = 0
  lease: Lease<C> | undefined = undefined
  failure: WaitFailure | undefined = undefined
  /** Its place among the waiters whose deadlines are in order; none if its deadline is its own. */
  readonly deadlineEntry: DeadlineEntry<C> | undefined
  /** Resumes the borrower's fiber. The engine sets it once the fiber is parked; no transition looks at it. */
  wake: (() => void) | undefined = undefined
  /** Whether it has other pools to go to, so that a failed open moves it instead of failing it. */
  canMove = false

  constructor(
    readonly holder: Holder,
    readonly span: AnySpan | undefined,
    readonly since: number,
    readonly deadline: number,
    /** Whether `deadline` is the caller's own, so that it need not be in the queue's order. */
    readonly ownDeadline: boolean,
    /** The lease that reconnects; without one, any connection will do. */
    readonly forLease: Lease<C> | undefined,
    /** Whether it wants a connection to itself. */
    readonly isExclusive = false
  ) {
    this.deadlineEntry = ownDeadline ? undefined : new DeadlineEntry(this)
  }
}

/** A waiter's place in a second list, of the waiters that share one timeout: its head times out first. */
export class DeadlineEntry<C> implements Linked<DeadlineEntry<C>> {
  prev: DeadlineEntry<C> | undefined = undefined
  next: DeadlineEntry<C> | undefined = undefined
  list: List<DeadlineEntry<C>> | undefined = undefined

  constructor(readonly waiter: Waiter<C>) {}
}

/** An idle slot's place in a second list, in the order of `since`: its head is asked first. */
export class KeepaliveEntry<C> implements Linked<KeepaliveEntry<C>> {
  prev: KeepaliveEntry<C> | undefined = undefined
  next: KeepaliveEntry<C> | undefined = undefined
  list: List<KeepaliveEntry<C>> | undefined = undefined

  /** The moment at which it became idle, was asked or was found unfit to be asked. */
  since = -Infinity

  constructor(readonly slot: Slot<C>) {}
}

/** An instruction that a transition returns to the engine. */
export type Command<C> =
  | { readonly _tag: "Open"; readonly slot: Slot<C> }
  | { readonly _tag: "Abort"; readonly slot: Slot<C> }
  | { readonly _tag: "Validate"; readonly slot: Slot<C> }
  | { readonly _tag: "Close"; readonly slot: Slot<C> }
  | { readonly _tag: "Ended"; readonly lease: Lease<C> }
  | { readonly _tag: "Wake"; readonly waiter: Waiter<C> }
  | { readonly _tag: "BackOff"; readonly failure: OpenFailure | undefined }
  | { readonly _tag: "Recovered" }
  | { readonly _tag: "Overloaded"; readonly leastWait: number }
  | { readonly _tag: "Calmed"; readonly millis: number }

/** When a pool is overloaded, and whether it then serves the newest borrower first or sheds the oldest. */
export interface OverloadRule {
  readonly lifo: boolean
  readonly target: number
  readonly interval: number
}

/** The limits that transitions obey; times in milliseconds. */
export interface Limits {
  readonly max: number
  readonly min: number
  readonly initial: number
  readonly maxConnecting: number
  readonly concurrency: number
  readonly maxUses: number
  readonly lifo: boolean
  /** Whether the connection with the fewest leases is lent first. */
  readonly fewest: boolean
  /** The work that a connection still has for leases that have ended; counts like leases where the fewest decide. */
  readonly burden?: ((connection: any) => number) | undefined
  readonly connectTimeout: number
  readonly idleTimeout: number
  readonly keepaliveTime: number
  readonly validateTimeout: number
  readonly closeTimeout: number
  readonly fatalPause: number
  /** None if the pool serves in order at all times. */
  readonly overload?: OverloadRule | undefined
}

/** The parts of the state that timers depend on, as bits of `State.touched`. */
export const Touched = {
  nothing: 0,
  /** The queue: who waits, and until when. */
  queue: 1,
  /** Leases and idle connections. */
  leases: 2,
  /** Any of the rest. */
  everything: 4
} as const

/** The whole state of one pool. */
export class State<C> {
  phase: "Running" | "Draining" | "Closed" = "Running"
  max: number
  min: number
  /** Whether it is a part of a pool of endpoints, whose borrowers can go to other parts. */
  isPart = false
  /** The places that a budget has granted; without one there is no such limit. */
  allotted = Infinity
  /** Whether a borrower that did not wait wanted a place that the budget had not granted. */
  isPlaceForeseen = false
  /** Whether one connection is to be opened that nobody waits for. */
  isTrialOwed = false
  /** Counts calls of `clear` and failures of `validate`: connections that were open then are of an older generation. */
  generation = 0

  /**
   * Marks the parts that changed since the engine last looked. Each transition marks its own changes; `Engine.run`
   * alone reads the marks, refreshes the timers that depend on them, and clears them.
   */
  touched: number = Touched.nothing

  /** All slots that count against `cap`. In use = all − opening − aborting − idle − expiring − closing. */
  readonly slots = new Set<Slot<C>>()
  readonly opening = new List<Slot<C>>()
  readonly aborting = new List<Slot<C>>()
  /** Idle slots, the longest idle first. */
  readonly idle = new List<Slot<C>>()
  /** Idle slots that are kept alive, those that have been silent for longest first. */
  readonly silent = new List<KeepaliveEntry<C>>()
  /** Idle slots that have expired and stay until the floor has replacements. */
  readonly expiring = new List<Slot<C>>()
  readonly validating = new List<Slot<C>>()
  /** Leased slots that are fit for another lease. */
  readonly shareable = new List<Slot<C>>()
  /** Leased slots that wait for their last lease to end, for the sake of exclusive borrowers. */
  readonly reserved = new List<Slot<C>>()
  /** The ticket of the exclusive borrower that has none of its own connections reserved. */
  reservedFor = 0
  readonly closing = new List<Slot<C>>()

  /** Held leases, the oldest first, without the suspected leaks. */
  readonly held = new List<Lease<C>>()
  readonly suspected = new List<Lease<C>>()
  /** Returning leases whose `onRelease` has not decided yet. */
  readonly resetting = new List<Lease<C>>()

  readonly waiters = new List<Waiter<C>>()
  /** Waiters that want a connection to themselves. Their tickets tell which of them came before which of `waiters`. */
  readonly exclusives = new List<Waiter<C>>()
  /** Waiters that want a newly opened connection for their lease; they come first. */
  readonly reconnecting = new List<Waiter<C>>()
  /** All waiters whose deadlines are in order. */
  readonly deadlines = new List<DeadlineEntry<C>>()

  /** Opens of `initialConnections` that have not succeeded yet. */
  initialOwed: number
  /** Whether the background fill waits after a failure. */
  backingOff = false
  /** The pace of opens while they fail; see `transitions/openLimiter.ts`. */
  readonly openLimiter = {
    blockedUntil: -Infinity,
    /** The last `blockedUntil` that was waited for. */
    awaited: -Infinity
  }
  /** The fatal failure after which opens pause, until one has succeeded or the pool is cleared. */
  pause: { readonly failure: OpenFailure; readonly until: number } | undefined = undefined
  /** The connections that have not proved yet that they work, the oldest first; see `transitions/trial.ts`. */
  readonly onTrial = new Set<Slot<C>>()
  /** The failure of the last open, or the loss of a connection on trial, until an open succeeds. */
  lastOpenFailure: OpenFailure | LostOnTrial | undefined = undefined
  /** Whether more comes than can be served; see `transitions/overload.ts`. */
  readonly overload: {
    /** The moment since which every borrower has been served late, and the least wait since then. */
    above: { readonly since: number; least: number } | undefined
    /** The beginning of the overload, while there is one. */
    since: number | undefined
    /** The length of those that are over. */
    millis: number
  } = { above: undefined, since: undefined, millis: 0 }
  /** The moment at which a closing pool revokes the leases still held. */
  drainDeadline = Infinity

  /** Counts the connections. Pools that are parts of one share a counter. */
  numbers = { last: 0 }
  tickets = 0
  idleTickets = 0
  acquired = 0
  waited = 0
  readonly failed: Record<BorrowFailure, number> = {
    Timeout: 0,
    QueueFull: 0,
    NoWait: 0,
    SelfDeadlock: 0,
    Shed: 0,
    OpenFailed: 0,
    PoolClosed: 0
  }
  cancelled = 0
  /** The borrows that a keyed pool has refused, in the state that stands for it. */
  tooManyKeys = 0
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
    Reclaimed: 0,
    PoolClosed: 0
  }
  readonly waitTime = new Histogram()
  readonly useTime = new Histogram()
  readonly openTime = new Histogram()

  constructor(
    readonly limits: Limits,
    /** The moment the pool was made. */
    readonly since = 0,
    /** The counts and times of the connections, if they are sessions. */
    readonly sessions: Figures | undefined = undefined
  ) {
    this.max = limits.max
    this.min = limits.min
    this.initialOwed = limits.initial
  }

  /** The places that there may be now. */
  get cap(): number {
    return this.allotted < this.max ? this.allotted : this.max
  }

  get inUse(): number {
    return this.open - this.idle.length - this.expiring.length
  }

  /** Connections that are open and not closing. */
  get open(): number {
    return this.slots.size - this.opening.length - this.aborting.length - this.closing.length
  }

  /** The leases one connection is good for at once. */
  get places(): number {
    return Math.min(this.limits.concurrency, this.limits.maxUses)
  }

  get leased(): number {
    return this.held.length + this.suspected.length
  }

  /** Borrowers in the queue. */
  get queued(): number {
    return this.waiters.length + this.exclusives.length
  }

  get pending(): number {
    return this.queued + this.reconnecting.length
  }

  /** The borrower in the queue that came first. */
  get firstInLine(): Waiter<C> | undefined {
    return older(this.waiters.head, this.exclusives.head)
  }

  /** Borrows that failed with `PoolExhaustedError`. */
  get exhausted(): number {
    const { NoWait, QueueFull, SelfDeadlock, Shed, Timeout } = this.failed
    return Timeout + QueueFull + NoWait + SelfDeadlock + Shed
  }
}

/** The waiter that came first. */
export const older = <C>(one: Waiter<C> | undefined, other: Waiter<C> | undefined): Waiter<C> | undefined =>
  other !== undefined && (one === undefined || other.ticket < one.ticket) ? other : one

/** Whether a connection is open and nobody holds it. */
export const isUnheld = ({ phase }: Slot<any>): boolean =>
  phase === "Idle" || phase === "Expiring" || phase === "Checking" || phase === "Validating"

export const isLeased = ({ phase }: Slot<any>): boolean =>
  phase === "Leased" || phase === "Shareable" || phase === "Reserved"
