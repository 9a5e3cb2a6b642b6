/**
 * Every change of the state. Each function is synchronous, leaves all invariants true and returns what must happen
 * next; the engine is the only caller.
 */
import type { CloseReason } from "../PoolStats.js"
import type { Command, Holder, Refusal, Slot as SlotOf, State, Waiter } from "./state.js"
import { Slot } from "./state.js"

type Commands<C> = ReadonlyArray<Command<C>>
const nothing: Commands<never> = []

// --- Demand ---------------------------------------------------------------------------------------------------------

/** How many connections the floor lacks, counting those on their way. */
const floorDeficit = <C>(state: State<C>): number => {
  const live = state.opening.length + state.idle.length + state.inUse
  return Math.max(state.limits.min - live, state.warm - state.opening.length)
}

const open = <C>(state: State<C>, count: number, now: number): Commands<C> => {
  const inFlight = state.opening.length + state.aborting.length
  const room = Math.min(count, state.limits.max - state.slots.size, state.limits.maxConnecting - inFlight)
  if (room <= 0) return nothing
  const commands: Array<Command<C>> = []
  for (let i = 0; i < room; i++) {
    const slot = new Slot<C>()
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    state.opening.push(slot)
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** Opens what the waiters and the floor ask for, as far as the limits allow. */
export const demand = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  const forWaiters = state.waiters.length - state.opening.length
  const forFloor = state.cooling ? 0 : floorDeficit(state)
  return open(state, Math.max(forWaiters, forFloor), now)
}

/** Opens one connection for a borrower who does not wait, so that the next one may find it. */
export const anticipate = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" && state.opening.length <= state.waiters.length ? open(state, 1, now) : nothing

/** The backoff is over: tries one connection for the floor. The rest follows once one has succeeded. */
export const probe = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || !state.cooling) return nothing
  const commands = floorDeficit(state) > 0 ? open(state, 1, now) : nothing
  if (commands.length === 0) state.cooling = false
  return commands
}

/** A connection came to nothing; the floor is filled more slowly for a while. */
const setBack = <C>(state: State<C>, refusal: Refusal | undefined): Commands<C> => {
  if (floorDeficit(state) <= 0) {
    state.cooling = false
    return nothing
  }
  state.cooling = true
  return [{ _tag: "BackOff", refusal }]
}

// --- Lending --------------------------------------------------------------------------------------------------------

/** Takes an idle slot out of everybody's reach. Where waiters are, none is idle, so nobody is overtaken. */
export const take = <C>(state: State<C>): SlotOf<C> | undefined => {
  const slot = state.limits.lifo ? state.idle.pop() : state.idle.shift()
  if (slot !== undefined) slot.phase = "Returning"
  return slot
}

/** Gives a slot that is out of reach to a holder. */
export const lend = <C>(state: State<C>, slot: SlotOf<C>, holder: Holder, now: number): void => {
  slot.phase = "InUse"
  slot.lease = ++state.leases
  slot.claim = "None"
  slot.holder = holder
  slot.heldSince = now
}

const serve = <C>(state: State<C>, slot: SlotOf<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  lend(state, slot, waiter.holder, now)
  waiter.slot = slot
  waiter.lease = slot.lease
  return [{ _tag: "Wake", waiter }]
}

const park = <C>(state: State<C>, slot: SlotOf<C>): void => {
  slot.phase = "Idle"
  state.idle.push(slot)
}

const leave = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  if (waiter.turn !== undefined) state.turns.remove(waiter.turn)
  return state.waiters.remove(waiter)
}

/** Gives a slot without a holder to the oldest waiter, or parks it as idle. */
const handOff = <C>(state: State<C>, slot: SlotOf<C>, now: number): Commands<C> => {
  const waiter = state.waiters.head
  if (waiter === undefined) {
    park(state, slot)
    return nothing
  }
  leave(state, waiter)
  return serve(state, slot, waiter, now)
}

/** The holder has the connection, or its view of it, in hand. */
export const claim = <C>(state: State<C>, slot: SlotOf<C>, lent: C, by: "Manual" | "Scoped"): void => {
  slot.lent = lent
  slot.claim = by
  slot.uses++
  state.acquired++
}

/** Puts a borrower at the end of the queue. */
export const enqueue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  waiter.ticket = ++state.tickets
  state.waiters.push(waiter)
  if (waiter.turn !== undefined) state.turns.push(waiter.turn)
  return demand(state, now)
}

/** A waiter takes up what it was handed. */
export const endWait = <C>(state: State<C>): void => {
  state.waited++
}

/** Puts a borrower back in its place, whose connection was lost between the hand-off and its next step. */
export const requeue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  waiter.slot = undefined
  waiter.lease = 0
  // Its timer may have rung while it had a connection.
  if (waiter.deadline <= now) return [refuse(state, waiter, { _tag: "AcquireTimeout" })]
  let successor = state.waiters.head
  while (successor !== undefined && successor.ticket < waiter.ticket) successor = successor.next
  state.waiters.insertBefore(waiter, successor)
  if (waiter.turn !== undefined) {
    while (successor?.ownDeadline === true) successor = successor.next
    state.turns.insertBefore(waiter.turn, successor?.turn)
  }
  return demand(state, now)
}

/** A borrower went away while it waited; whether it was still in the queue. */
export const withdraw = <C>(state: State<C>, waiter: Waiter<C>): boolean => leave(state, waiter)

/** A borrower was turned away without waiting. */
export const turnAway = <C>(state: State<C>): void => {
  state.exhausted++
}

/** Tells a waiter that it gets no connection. */
const refuse = <C>(state: State<C>, waiter: Waiter<C>, refusal: Refusal): Command<C> => {
  leave(state, waiter)
  waiter.refusal = refusal
  if (refusal._tag === "AcquireTimeout") state.exhausted++
  return { _tag: "Wake", waiter }
}

/** A waiter's own deadline has passed. */
export const expireWaiter = <C>(state: State<C>, waiter: Waiter<C>): Commands<C> =>
  waiter.list === undefined ? nothing : [refuse(state, waiter, { _tag: "AcquireTimeout" })]

/** Refuses the waiters whose deadline has passed; those without one of their own are in order. */
export const expireWaiters = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const { waiter } of state.turns) {
    if (waiter.deadline > now) break
    commands.push(refuse(state, waiter, { _tag: "AcquireTimeout" }))
  }
  return commands
}

/** Ends the present lease; the slot stays out of reach until `settle` or `retire` says where it goes. */
export const endLease = <C>(slot: SlotOf<C>): void => {
  slot.phase = "Returning"
  slot.lease = 0
  slot.holder = undefined
  slot.lent = undefined
}

/** `onRelease` takes its time; it is given as long as a close. */
export const reset = <C>(state: State<C>, slot: SlotOf<C>, now: number): void => {
  slot.deadline = now + state.limits.closeTimeout
  state.resetting.push(slot)
}

/** Gives a returned slot to the oldest waiter, parks it as idle, or retires it. */
export const settle = <C>(
  state: State<C>,
  slot: SlotOf<C>,
  reason: CloseReason | undefined,
  now: number
): Commands<C> => {
  if (slot.phase !== "Returning") return nothing
  state.resetting.remove(slot)
  if (state.phase !== "Running") return retire(state, slot, reason ?? "PoolClosed", now)
  if (reason !== undefined) return retire(state, slot, reason, now)
  return handOff(state, slot, now)
}

// --- The life of a slot ---------------------------------------------------------------------------------------------

/** An open has succeeded. */
export const opened = <C>(state: State<C>, slot: SlotOf<C>, connection: C, now: number): Commands<C> => {
  state.opening.remove(slot)
  state.opened++
  if (state.warm > 0) state.warm--
  state.cooling = false
  slot.connection = connection
  slot.expiresAt = now + state.limits.connectionTTL
  return [...handOff(state, slot, now), ...demand(state, now)]
}

/** An open has failed, or has been given up while in flight: the oldest waiter learns why, the others go on. */
export const openFailed = <C>(
  state: State<C>,
  slot: SlotOf<C>,
  refusal: Refusal,
  inFlight: boolean,
  now: number
): Commands<C> => {
  const commands: Array<Command<C>> = inFlight ? [{ _tag: "Abort", slot }] : []
  abandon(state, slot, now)
  const waiter = state.waiters.head
  if (waiter !== undefined) commands.push(refuse(state, waiter, refusal))
  commands.push(...setBack(state, refusal))
  return commands
}

/** Nobody needs the outcome of an open any more; its slot stays taken until what it left behind is cleaned up. */
const abandon = <C>(state: State<C>, slot: SlotOf<C>, now: number): void => {
  state.opening.remove(slot)
  slot.phase = "Aborting"
  slot.deadline = now + state.limits.closeTimeout
  state.aborting.push(slot)
}

/** Decides that an open connection closes. A lease on it ends here. */
export const retire = <C>(state: State<C>, slot: SlotOf<C>, reason: CloseReason, now: number): Commands<C> => {
  slot.list?.remove(slot)
  slot.phase = "Closing"
  slot.reason = reason
  slot.lease = 0
  slot.holder = undefined
  slot.lent = undefined
  slot.deadline = now + state.limits.closeTimeout
  state.closing.push(slot)
  const commands: Array<Command<C>> = [{ _tag: "Close", slot }]
  const diedUnused = slot.uses === 0 && reason === "Disconnected"
  if (diedUnused && state.phase === "Running") commands.push(...setBack(state, undefined))
  return commands
}

/** Nothing is left of a slot, or it has been given up: its place is free. */
export const gone = <C>(state: State<C>, slot: SlotOf<C>, now: number): Commands<C> => {
  if (slot.phase === "Closing") state.closed[slot.reason!]++
  else if (slot.phase === "Aborting") state.openFailed++
  else return nothing
  slot.list?.remove(slot)
  slot.phase = "Gone"
  state.slots.delete(slot)
  return demand(state, now)
}

/** A connection must not be lent again: an idle one closes now, a leased one when it comes back. */
export const condemn = <C>(state: State<C>, slot: SlotOf<C>, reason: CloseReason, now: number): Commands<C> => {
  if (slot.phase === "Idle") return retire(state, slot, reason, now)
  if (slot.phase === "InUse" || slot.phase === "Returning") slot.reason ??= reason
  return nothing
}

// --- Closing the pool -----------------------------------------------------------------------------------------------

/** Stops lending and opening; what is idle closes now, what is leased when it comes back. */
export const beginClose = <C>(state: State<C>, drainDeadline: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.phase = "Draining"
  state.cooling = false
  state.drainDeadline = drainDeadline
  const commands: Array<Command<C>> = []
  for (const waiter of state.waiters) commands.push(refuse(state, waiter, { _tag: "PoolClosed" }))
  for (const slot of state.opening) {
    abandon(state, slot, now)
    commands.push({ _tag: "Abort", slot })
  }
  for (const slot of state.idle) commands.push(...retire(state, slot, "PoolClosed", now))
  return commands
}

/** The drain is over: takes back every lease still out. */
export const forceClose = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.slots) {
    if (slot.phase === "InUse" || slot.phase === "Returning") {
      commands.push(...retire(state, slot, slot.reason ?? "PoolClosed", now))
    }
  }
  return commands
}

/** The last slot of a closing pool has gone. */
export const closed = <C>(state: State<C>): void => {
  state.phase = "Closed"
}
