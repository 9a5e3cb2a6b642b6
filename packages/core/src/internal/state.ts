/**
 * The pool's state: one plain record that only transitions change.
 *
 * A slot is one place of capacity, from the decision to open until the end of the close:
 *
 *     demand                  hand off
 *   ──────────▶ Opening ───────────────────▶ InUse ◀───────────┐
 *                  │  │        park            │  ▲            │
 *       fails,     │  └──────────────▶ Idle    │  │ borrow     │ hand off
 *       times out, │                    │ ▲    │  │            │
 *       aborted    │                    │ └────┼──┼────────────┤ park
 *                  │                    └──────┼──┘            │
 *                  │                           │ lease ends    │
 *                  ▼                           ▼               │
 *               Aborting                   Returning ──────────┘
 *                  │
 *                  │     Idle, InUse and Returning retire ──▶ Closing
 *                  │                                             │
 *                  └────────────────▶ Gone ◀─────────────────────┘
 *
 * Every slot that is not `Gone` counts against `maxConnections`.
 */
import type { Cause } from "effect/Cause"
import type { RuntimeFiber } from "effect/Fiber"
import type { CloseReason } from "../PoolStats.js"
import { type Linked, List } from "./list.js"

/** Where a slot stands. */
export type Phase = "Opening" | "Aborting" | "Idle" | "InUse" | "Returning" | "Closing" | "Gone"

/** The fiber that took a lease, kept for as long as it holds it. */
export type Holder = RuntimeFiber<any, any>

/** One place of capacity. */
export class Slot<C> implements Linked<Slot<C>> {
  prev: Slot<C> | undefined = undefined
  next: Slot<C> | undefined = undefined
  list: List<Slot<C>> | undefined = undefined

  phase: Phase = "Opening"
  /** What `open` gave; there from `Idle` or `InUse` on. */
  connection: C | undefined = undefined
  /** What the present holder was given: the connection, or its view of it. */
  lent: C | undefined = undefined
  /** When the present phase must end, if it is one that has a limit. */
  deadline = Infinity
  expiresAt = Infinity
  /** The present lease's number; 0 when not leased. Numbers are never used twice. */
  lease = 0
  /** Whether the present holder has taken it up, and who ends its lease: `release`, or a scope or an effect's end. */
  claim: "None" | "Manual" | "Scoped" = "None"
  holder: Holder | undefined = undefined
  heldSince = 0
  /** Leases that its holders took up so far. */
  uses = 0
  /** Why it closes, or must close once its lease ends. */
  reason: CloseReason | undefined = undefined
}

/** Why a waiter gets no connection. */
export type Refusal =
  | { readonly _tag: "OpenFailed"; readonly cause: Cause<unknown> }
  | { readonly _tag: "ConnectTimeout" }
  | { readonly _tag: "AcquireTimeout" }
  | { readonly _tag: "PoolClosed" }

/** A borrower without a connection yet. It waits while it is in the list; then it has a slot or a refusal. */
export class Waiter<C> implements Linked<Waiter<C>> {
  prev: Waiter<C> | undefined = undefined
  next: Waiter<C> | undefined = undefined
  list: List<Waiter<C>> | undefined = undefined

  /** Its place in the order in which borrowers came; set when it joins the queue. */
  ticket = 0
  slot: Slot<C> | undefined = undefined
  lease = 0
  refusal: Refusal | undefined = undefined
  /** Its place among the waiters whose deadlines are in order; none if its deadline is its own. */
  readonly turn: Turn<C> | undefined
  /** Tells the borrower's fiber to go on; set once it is parked. */
  wake: (() => void) | undefined = undefined

  constructor(
    readonly holder: Holder,
    readonly since: number,
    readonly deadline: number,
    /** Whether `deadline` is the caller's own, so that it need not be in the queue's order. */
    readonly ownDeadline: boolean
  ) {
    this.turn = ownDeadline ? undefined : new Turn(this)
  }
}

/** A waiter's place in a second list, of those who share one timeout: the first of them is the next to time out. */
export class Turn<C> implements Linked<Turn<C>> {
  prev: Turn<C> | undefined = undefined
  next: Turn<C> | undefined = undefined
  list: List<Turn<C>> | undefined = undefined

  constructor(readonly waiter: Waiter<C>) {}
}

/** What a transition asks its caller to do next. */
export type Command<C> =
  | { readonly _tag: "Open"; readonly slot: Slot<C> }
  | { readonly _tag: "Abort"; readonly slot: Slot<C> }
  | { readonly _tag: "Close"; readonly slot: Slot<C> }
  | { readonly _tag: "Wake"; readonly waiter: Waiter<C> }
  | { readonly _tag: "BackOff"; readonly refusal: Refusal | undefined }

/** The numbers that transitions obey; times in milliseconds. */
export interface Limits {
  readonly max: number
  readonly min: number
  readonly initial: number
  readonly maxConnecting: number
  readonly lifo: boolean
  readonly connectTimeout: number
  readonly connectionTTL: number
  readonly closeTimeout: number
}

/** The whole state of one pool. */
export class State<C> {
  phase: "Running" | "Draining" | "Closed" = "Running"
  /** Everything that counts against `max`. In use = all − opening − aborting − idle − closing. */
  readonly slots = new Set<Slot<C>>()
  readonly opening = new List<Slot<C>>()
  readonly aborting = new List<Slot<C>>()
  readonly idle = new List<Slot<C>>()
  /** Only those whose `onRelease` takes its time; they count as in use. */
  readonly resetting = new List<Slot<C>>()
  readonly closing = new List<Slot<C>>()
  readonly waiters = new List<Waiter<C>>()
  /** Those of them whose deadlines are in order. */
  readonly turns = new List<Turn<C>>()

  /** Opens of `initialConnections` that have not succeeded yet. */
  warm: number
  /** The background fill waits for its backoff, after a setback. */
  cooling = false
  /** When leases still out are taken back by force; set when closing begins. */
  drainDeadline = Infinity

  leases = 0
  tickets = 0
  acquired = 0
  waited = 0
  exhausted = 0
  opened = 0
  openFailed = 0
  readonly closed: Record<CloseReason, number> = {
    Expired: 0,
    Invalid: 0,
    Disconnected: 0,
    Unclean: 0,
    Dropped: 0,
    PoolClosed: 0
  }

  constructor(readonly limits: Limits) {
    this.warm = limits.initial
  }

  get inUse(): number {
    return this.slots.size - this.opening.length - this.aborting.length - this.idle.length - this.closing.length
  }
}
