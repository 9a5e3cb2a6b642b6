/** Transitions: connections go to holders and come back. */
import type { AnySpan } from "effect/Tracer"
import type { CloseReason } from "../../PoolStats.js"
import {
  type Command,
  type Holder,
  isLeased,
  isUnheld,
  Lease,
  notLent,
  type Slot,
  type State,
  Touched,
  type Waiter
} from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { calm, firstServed, relieve } from "./overload.js"
import { addLease, becomeIdle, enter, removeLease, returnToPlace } from "./phases.js"
import { enqueue } from "./queue.js"
import {
  close,
  isNormal,
  isSurplus,
  leaveHolder,
  makeRoom,
  mustNotBeLent,
  openWanted,
  retire,
  retireOnReturn,
  spoil,
  stopSharing,
  surplusReason
} from "./retiring.js"
import { judge, noError, recover } from "./trial.js"
import { failWaiter, leave } from "./waiters.js"

/** The connections that a borrower can have: all that have room, those that others use too, or idle ones. */
export type Choice = "Any" | "Shared" | "Whole"

/** The work that a connection still has for leases that have ended. */
export const burdenOf = <C>({ limits: { burden } }: State<C>, slot: Slot<C>): number =>
  burden === undefined ? 0 : burden(slot.connection)

/** The connection to lend next, as far as the state can tell. */
export const candidate = <C>(state: State<C>, choice: Choice): Slot<C> | undefined => {
  const { idle, limits, shareable } = state
  if (limits.fewest) return lightest(state, choice)
  const whole = choice === "Shared" ? undefined : limits.lifo ? idle.tail : idle.head
  if (choice === "Whole") return whole
  return limits.lifo ? shareable.tail ?? whole : whole ?? shareable.head
}

/** The connection with the fewest leases and burdens. Of idle ones without any it is the one that was used last. */
const lightest = <C>(state: State<C>, choice: Choice): Slot<C> | undefined => {
  let least = Infinity
  let lightest: Slot<C> | undefined
  // Without iterators: every request of a client takes this way.
  if (choice !== "Shared") {
    for (let slot = state.idle.tail; slot !== undefined; slot = slot.prev) {
      const load = burdenOf(state, slot)
      if (load === 0) return slot
      if (load < least) [least, lightest] = [load, slot]
    }
  }
  if (choice === "Whole") return lightest
  for (let slot = state.shareable.head; slot !== undefined; slot = slot.next) {
    const load = slot.leases.length + burdenOf(state, slot)
    if (load < least) [least, lightest] = [load, slot]
  }
  return lightest
}

/** The connection that was used last. */
export const freshest = <C>(state: State<C>, choice: Choice): Slot<C> | undefined =>
  (choice === "Whole" ? undefined : state.shareable.tail) ?? (choice === "Shared" ? undefined : state.idle.tail)

/** Takes an idle slot out of reach while the user's predicates look at it. */
export const take = <C>(state: State<C>, slot: Slot<C>): void => enter(state, slot, "Checking")

/** Whether a connection may have a further holder, now or when one of those that it has is done. */
export const canBeShared = <C>(state: State<C>, slot: Slot<C>): boolean =>
  state.phase === "Running" && slot.reason === undefined && slot.generation === state.generation &&
  slot.uses < state.limits.maxUses && slot.leases[0]?.isExclusive !== true

/** Whether it may have one now, unless it is reserved for others. */
const hasRoom = <C>(state: State<C>, slot: Slot<C>): boolean =>
  slot.leases.length < state.limits.concurrency && canBeShared(state, slot)

const attach = <C>(state: State<C>, slot: Slot<C>, lease: Lease<C>): void => {
  slot.validated = false
  slot.inBackground = false
  slot.uses++
  addLease(slot, lease)
  state.held.push(lease)
  const isShared = state.limits.concurrency > 1 && hasRoom(state, slot)
  // A borrower that came before the exclusive one may take a reserved connection first.
  enter(state, slot, !isShared ? "Leased" : slot.phase === "Reserved" ? "Reserved" : "Shareable")
}

/** A connection that was reserved is shared again. */
export const shareAgain = <C>(state: State<C>, slot: Slot<C>): void =>
  enter(state, slot, hasRoom(state, slot) ? "Shareable" : "Leased")

/** The machine has slept for this number of milliseconds, as far as the clocks tell: idle connections may be dead. */
export const wokeUp = <C>(state: State<C>, millis: number): void => {
  for (const list of [state.idle, state.expiring]) {
    for (const slot of list) slot.asleep += millis
  }
}

/** Lends a slot that is out of reach, or has room, to a holder. */
export const lend = <C>(
  state: State<C>,
  slot: Slot<C>,
  holder: Holder,
  span: AnySpan | undefined,
  now: number,
  isExclusive = false
): Lease<C> => {
  const lease = new Lease(slot, holder, span, now)
  lease.isExclusive = isExclusive
  attach(state, slot, lease)
  return lease
}

/** Gives a waiter its connection. */
const serve = <C>(state: State<C>, slot: Slot<C>, waiter: Waiter<C>, now: number): Command<C> => {
  leave(state, waiter)
  const { forLease } = waiter
  if (forLease === undefined) {
    waiter.lease = lend(state, slot, waiter.holder, waiter.span, now, waiter.isExclusive)
  } else {
    forLease.phase = "Held"
    forLease.slot = slot
    forLease.since = now
    forLease.waiter = undefined
    attach(state, slot, forLease)
    waiter.lease = forLease
  }
  return { _tag: "Wake", waiter }
}

/**
 * The next waiter for a slot that has room. A holder that reconnects wants a slot that is newer than its request. An
 * exclusive borrower wants one that nobody holds, and nobody behind it in the queue takes a place of one reserved.
 */
const nextFor = <C>(state: State<C>, slot: Slot<C>): Waiter<C> | undefined => {
  if (!hasRoom(state, slot)) return undefined
  const isWhole = slot.leases.length === 0
  // An iterator would cost as much as the rest of a hand-off.
  for (let waiter = state.reconnecting.head; waiter !== undefined; waiter = waiter.next) {
    if (waiter.ticket > slot.ticket) break
    if (isWhole || !waiter.isExclusive) return waiter
  }
  const first = isWhole ? state.firstInLine : slot.phase === "Reserved" ? undefined : state.waiters.head
  return first === undefined || first.isExclusive ? first : firstServed(state)
}

/** The next one, unless an exclusive borrower's turn has come, for which `reserve` may have to take this very slot. */
const nextInTurn = <C>(state: State<C>, slot: Slot<C>): Waiter<C> | undefined => {
  const next = nextFor(state, slot)
  return next?.forLease !== undefined || next?.isExclusive === state.firstInLine?.isExclusive ? next : undefined
}

/**
 * Hands a slot to as many waiters as it has room for; a slot that nobody holds then is idle. Holders that reconnect
 * come first; a connection too old for them may have to make room.
 */
export const handOff = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  const first = nextFor(state, slot)
  if (first !== undefined) {
    const commands: Array<Command<C>> = []
    for (let next: Waiter<C> | undefined = first; next !== undefined; next = nextInTurn(state, slot)) {
      const relieved = next.forLease === undefined ? relieve(state, slot, next, now) : nothing
      if (relieved !== nothing) commands.push(...relieved)
      commands.push(serve(state, slot, relieved === nothing ? next : nextFor(state, slot)!, now))
    }
    return commands
  }
  if (slot.leases.length === 0) {
    slot.heardAt = now
    if (slot.inBackground) {
      slot.inBackground = false
      returnToPlace(state, slot, now)
    } else {
      slot.since = now
      slot.idleTicket = ++state.idleTickets
      becomeIdle(state, slot, now)
    }
    return both(calm(state, now), makeRoom(state, now))
  }
  if (slot.phase === "Leased" && hasRoom(state, slot)) enter(state, slot, "Shareable")
  return nothing
}

/** The holder takes up its lease: the connection, or its view, is in its hand. */
export const claim = <C>(
  state: State<C>,
  lease: Lease<C>,
  lent: C,
  by: "Manual" | "Scoped",
  waitedMillis: number
): void => {
  lease.lent = lent
  lease.slot.used = true
  // A lease that reconnects has been counted.
  if (lease.owner !== "None") return
  lease.owner = by
  state.acquired++
  state.waitTime.record(waitedMillis)
}

/** The holder has nothing in its hand any more. */
export const letGo = <C>(lease: Lease<C>): void => {
  lease.lent = notLent
}

/** A waiter takes up the lease it was handed. */
export const endWait = <C>(state: State<C>): void => {
  state.waited++
}

/** Ends the hold; the lease keeps its place until `settle` or `retire` decides where the slot goes. */
export const endHold = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  leaveHolder(state, lease, now)
  lease.phase = "Returning"
}

/** Ends a lease that its holder never took up. */
export const giveBack = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  endHold(state, lease, now)
  lease.slot.uses--
}

/** `onRelease` needs time; it gets as much as a close. */
export const reset = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  state.touched |= Touched.everything
  lease.deadline = now + state.limits.closeTimeout
  state.resetting.push(lease)
}

/** A lease is held for longer than `leakThreshold`. */
export const suspect = <C>(state: State<C>, lease: Lease<C>): void => {
  state.touched |= Touched.leases
  state.held.remove(lease)
  state.suspected.push(lease)
  lease.suspected = true
  state.leaksSuspected++
}

const detach = <C>(lease: Lease<C>): void => {
  lease.list?.remove(lease)
  const { slot } = lease
  removeLease(slot, lease)
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
  // A reason that came first stays, and it may be that of a normal close.
  if (reason !== undefined && !isNormal(reason)) spoil(slot)
  if (!slot.isOnTrial) return goesOn(state, slot, reason, now)
  const hasPassed = judge(state, lease, reason)
  const commands = goesOn(state, slot, reason, now)
  return hasPassed ? [...commands, ...recover(state), ...openWanted(state, now)] : commands
}

/** A lease of the slot has ended. */
const goesOn = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason | undefined, now: number): Commands<C> => {
  if (slot.leases.length === 0) return free(state, slot, reason, now)
  if (reason !== undefined) return retireOnReturn(state, slot, reason, now)
  return hasRoom(state, slot) ? handOff(state, slot, now) : nothing
}

/** Decides where a connection goes that nobody holds any more. */
const free = <C>(state: State<C>, slot: Slot<C>, unfit: CloseReason | undefined, now: number): Commands<C> => {
  const reason = slot.reason ?? unfit ?? surplus(state, slot)
  if (reason !== undefined) return retire(state, slot, reason, now)
  if (slot.generation !== state.generation) return validate(state, slot, now)
  return handOff(state, slot, now)
}

const surplus = <C>(state: State<C>, slot: Slot<C>): CloseReason | undefined => {
  if (state.phase !== "Running") return "PoolClosed"
  if (slot.uses >= state.limits.maxUses) return "MaxUses"
  return isSurplus(state) ? surplusReason(state) : undefined
}

// --- Validating -----------------------------------------------------------------------------------------------------

/** Asks a connection that nobody holds whether it still works. */
export const validate = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  slot.deadline = now + state.limits.validateTimeout
  slot.validateTicket = state.tickets
  enter(state, slot, "Validating")
  return [{ _tag: "Validate", slot }]
}

/** `validate` said yes. Meanwhile the connection may have become unfit otherwise. */
export const validated = <C>(
  state: State<C>,
  slot: Slot<C>,
  unfit: CloseReason | undefined,
  now: number
): Commands<C> => {
  if (slot.phase !== "Validating") return nothing
  enter(state, slot, "Checking")
  slot.generation = state.generation
  slot.validated = true
  slot.asleep = 0
  // It may be good for fewer leases than its waiters counted on.
  return [...free(state, slot, unfit, now), ...openWanted(state, now)]
}

/**
 * `validate` did not say yes. The others that were open when it was asked are suspect. Asking each would cost an outage
 * one timeout per connection, so those that nobody holds close now and leased ones are asked on return.
 */
export const failed = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  if (slot.phase !== "Validating") return nothing
  const isFirst = slot.generation === state.generation
  slot.fault ??= noError
  const commands = [...close(state, slot, "Invalid", now)]
  if (isFirst) {
    state.generation++
    for (const other of state.slots) {
      if (other.ticket > slot.validateTicket) other.generation = state.generation
      else if (isLeased(other)) stopSharing(state, other)
      else if (isUnheld(other)) commands.push(...close(state, other, "Invalid", now))
    }
  }
  commands.push(...openWanted(state, now))
  return commands
}

// --- Reconnecting ---------------------------------------------------------------------------------------------------

/** Parts a lease from its connection, which closes, and puts its holder before the queue. */
export const startReconnect = <C>(state: State<C>, lease: Lease<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  // The holder says that the connection does not work.
  lease.slot.fault ??= noError
  return [...detachForReconnect(state, lease, waiter, now), ...enqueue(state, waiter, now)]
}

/** Parts a lease from its connection, which closes. */
export const detachForReconnect = <C>(
  state: State<C>,
  lease: Lease<C>,
  waiter: Waiter<C>,
  now: number
): Commands<C> => {
  const { slot } = lease
  leaveHolder(state, lease, now)
  detach(lease)
  letGo(lease)
  lease.phase = "Reconnecting"
  lease.waiter = waiter
  lease.suspected = false
  mustNotBeLent(state, slot, "Dropped")
  return slot.leases.length === 0 ? retire(state, slot, slot.reason!, now) : nothing
}

/** Ends a lease that waits for another connection. */
export const endReconnect = <C>(state: State<C>, lease: Lease<C>): Commands<C> => {
  const { waiter } = lease
  lease.phase = "Ended"
  lease.waiter = undefined
  return waiter?.list === undefined ? nothing : [failWaiter(state, waiter, { _tag: "LeaseEnded" })]
}
