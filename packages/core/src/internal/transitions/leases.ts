/** Transitions: connections go to holders and come back. */
import type { AnySpan } from "effect/Tracer"
import type { CloseReason } from "../../PoolStats.js"
import { type Command, type Holder, Lease, noLeases, type Slot, type State, type Waiter } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { demand } from "./demand.js"
import { enqueue, failWaiter, leave } from "./queue.js"
import { isSurplus, leaveHolder, makeRoom, retire, retireOnReturn } from "./retiring.js"

/** The connection that is to be lent next, as far as the state can tell. */
export const candidate = <C>(state: State<C>): Slot<C> | undefined =>
  state.limits.lifo ? state.shareable.tail ?? state.idle.tail : state.idle.head ?? state.shareable.head

/** The connection that was used last. */
export const freshest = <C>(state: State<C>): Slot<C> | undefined => state.shareable.tail ?? state.idle.tail

/** Takes an idle slot out of everybody's reach. */
export const take = <C>(state: State<C>, slot: Slot<C>): void => {
  state.idle.remove(slot)
  slot.phase = "Taken"
}

const hasRoom = <C>(state: State<C>, slot: Slot<C>): boolean =>
  state.phase === "Running" && slot.reason === undefined && slot.generation === state.generation &&
  slot.leases.length < state.limits.concurrency && slot.uses < state.limits.maxUses

const attach = <C>(state: State<C>, slot: Slot<C>, lease: Lease<C>): void => {
  slot.phase = "InUse"
  slot.validated = false
  slot.uses++
  slot.leases = slot.leases.length === 0 ? [lease] : [...slot.leases, lease]
  state.held.push(lease)
  if (state.limits.concurrency === 1) return
  state.shareable.remove(slot)
  if (hasRoom(state, slot)) state.shareable.push(slot)
}

/** Gives a slot that is out of reach, or has room, to a holder. */
export const lend = <C>(
  state: State<C>,
  slot: Slot<C>,
  holder: Holder,
  span: AnySpan | undefined,
  now: number
): Lease<C> => {
  const lease = new Lease(slot, holder, span, now)
  attach(state, slot, lease)
  return lease
}

/** Gives a waiter what it waits for. */
export const serve = <C>(state: State<C>, slot: Slot<C>, waiter: Waiter<C>, now: number): Command<C> => {
  leave(state, waiter)
  const { forLease: moving } = waiter
  if (moving === undefined) {
    waiter.lease = lend(state, slot, waiter.holder, waiter.span, now)
  } else {
    moving.phase = "Held"
    moving.slot = slot
    moving.since = now
    moving.waiter = undefined
    attach(state, slot, moving)
    waiter.lease = moving
  }
  return { _tag: "Wake", waiter }
}

/** Who is the next to get a slot, if it has room for another. Who reconnects wants one that is newer than that wish. */
const nextFor = <C>(state: State<C>, slot: Slot<C>): Waiter<C> | undefined => {
  if (!hasRoom(state, slot)) return undefined
  const { reconnecting: movers, waiters } = state
  return movers.head !== undefined && slot.ticket > movers.head.ticket ? movers.head : waiters.head
}

/**
 * Gives a slot to those who wait, as many as it has room for; one that nobody holds then is idle. Those who reconnect
 * come first; a connection that is too old for them may have to make way for one that is not.
 */
export const handOff = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  const first = nextFor(state, slot)
  if (first !== undefined) {
    const commands = [serve(state, slot, first, now)]
    for (let next = nextFor(state, slot); next !== undefined; next = nextFor(state, slot)) {
      commands.push(serve(state, slot, next, now))
    }
    return commands
  }
  if (slot.leases.length === 0) {
    slot.phase = "Idle"
    slot.since = now
    state.idle.push(slot)
    return makeRoom(state, now)
  }
  if (slot.list === undefined && hasRoom(state, slot)) state.shareable.push(slot)
  return nothing
}

/** The holder has the connection, or its view of it, in hand. */
export const claim = <C>(
  state: State<C>,
  lease: Lease<C>,
  lent: C,
  by: "Manual" | "Scoped",
  waitedMillis: number
): void => {
  lease.lent = lent
  lease.isLent = true
  lease.slot.used = true
  // One that was given another connection has been counted.
  if (lease.owner !== "None") return
  lease.owner = by
  state.acquired++
  state.waitTime.record(waitedMillis)
}

/** A waiter takes up what it was handed. */
export const endWait = <C>(state: State<C>): void => {
  state.waited++
}

/** Ends the present hold; the lease keeps its place until `settle` or `retire` says where the slot goes. */
export const endHold = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  leaveHolder(state, lease, now)
  lease.phase = "Returning"
}

/** Ends a lease that its holder never took up. */
export const giveBack = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  endHold(state, lease, now)
  lease.slot.uses--
}

/** `onRelease` takes its time; it is given as long as a close. */
export const reset = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  lease.deadline = now + state.limits.closeTimeout
  state.resetting.push(lease)
}

/** A lease has been held for longer than leases should be. */
export const suspect = <C>(state: State<C>, lease: Lease<C>): void => {
  state.held.remove(lease)
  state.suspected.push(lease)
  lease.suspected = true
  state.leaksSuspected++
}

const detach = <C>(lease: Lease<C>): void => {
  lease.list?.remove(lease)
  const { slot } = lease
  slot.leases = slot.leases.length === 1 ? noLeases : slot.leases.filter((other) => other !== lease)
}

/** Ends a returned lease: its slot goes to the oldest waiter, becomes idle, or retires. */
export const settle = <C>(
  state: State<C>,
  lease: Lease<C>,
  reason: CloseReason | undefined,
  now: number
): Commands<C> => {
  if (lease.phase !== "Returning") return nothing
  detach(lease)
  lease.phase = "Ended"
  const { slot } = lease
  if (slot.leases.length === 0) return free(state, slot, reason, now)
  if (reason !== undefined) return retireOnReturn(state, slot, reason, now)
  return hasRoom(state, slot) ? handOff(state, slot, now) : nothing
}

/** Where a connection goes that nobody holds any more. */
const free = <C>(state: State<C>, slot: Slot<C>, unfit: CloseReason | undefined, now: number): Commands<C> => {
  state.shareable.remove(slot)
  const reason = slot.reason ?? unfit ?? surplus(state, slot)
  if (reason !== undefined) return retire(state, slot, reason, now)
  if (slot.generation !== state.generation) return validate(state, slot, now)
  return handOff(state, slot, now)
}

const surplus = <C>(state: State<C>, slot: Slot<C>): CloseReason | undefined => {
  if (state.phase !== "Running") return "PoolClosed"
  if (slot.uses >= state.limits.maxUses) return "MaxUses"
  return isSurplus(state) ? "Surplus" : undefined
}

// --- Asking whether a connection still works ------------------------------------------------------------------------

/** Asks a connection that nobody holds. */
export const validate = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  slot.phase = "Taken"
  slot.deadline = now + state.limits.validateTimeout
  slot.validateTicket = state.tickets
  state.validating.push(slot)
  return [{ _tag: "Validate", slot }]
}

/** A connection has answered that it works; meanwhile it may have become unfit otherwise. */
export const validated = <C>(
  state: State<C>,
  slot: Slot<C>,
  unfit: CloseReason | undefined,
  now: number
): Commands<C> => {
  if (!state.validating.remove(slot)) return nothing
  slot.generation = state.generation
  slot.validated = true
  // It may be good for fewer leases than its waiters counted on.
  return [...free(state, slot, unfit, now), ...demand(state, now)]
}

/**
 * A connection has not answered that it works. The others that were open when it was asked are suspect: asking each
 * would cost an outage one timeout per connection, so those that nobody holds close with it, and leased ones are asked
 * when they come back.
 */
export const failed = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  if (slot.list !== state.validating) return nothing
  const isFirst = slot.generation === state.generation
  const commands = [...retire(state, slot, "Invalid", now)]
  if (isFirst) {
    state.generation++
    for (const other of state.slots) {
      if (other.ticket > slot.validateTicket) other.generation = state.generation
      else if (other.phase === "InUse") state.shareable.remove(other)
      else if (other.phase === "Idle" || other.phase === "Taken") commands.push(...retire(state, other, "Invalid", now))
    }
  }
  return commands
}

// --- Another connection for the same lease --------------------------------------------------------------------------

/** Parts a lease from its connection, which closes, and puts its holder before the queue. */
export const startReconnect = <C>(state: State<C>, lease: Lease<C>, mover: Waiter<C>, now: number): Commands<C> => [
  ...detachForReconnect(state, lease, mover, now),
  ...enqueue(state, mover, now)
]

/** Parts a lease from its connection, which closes. */
export const detachForReconnect = <C>(state: State<C>, lease: Lease<C>, mover: Waiter<C>, now: number): Commands<C> => {
  const { slot } = lease
  leaveHolder(state, lease, now)
  detach(lease)
  lease.phase = "Reconnecting"
  lease.waiter = mover
  lease.lent = undefined
  lease.isLent = false
  lease.suspected = false
  slot.reason ??= "Dropped"
  state.shareable.remove(slot)
  return slot.leases.length === 0 ? retire(state, slot, slot.reason, now) : nothing
}

/** A lease that waits for another connection ends instead. */
export const endReconnect = <C>(state: State<C>, lease: Lease<C>): Commands<C> => {
  const { waiter: mover } = lease
  lease.phase = "Ended"
  lease.waiter = undefined
  return mover?.list === undefined ? nothing : [failWaiter(state, mover, { _tag: "LeaseEnded" })]
}
