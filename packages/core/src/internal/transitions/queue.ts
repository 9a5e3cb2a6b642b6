/** Transitions: borrowers that wait. */
import type { BorrowFailure } from "../../PoolStats.js"
import type { Command, Holder, State, Waiter, WaitFailure } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { demand, isOpenDelayed } from "./demand.js"
import { makeRoom, retire } from "./retiring.js"

/** Takes a waiter out of the queue; whether it was in it. */
export const leave = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  if (waiter.deadlineEntry !== undefined) state.deadlines.remove(waiter.deadlineEntry)
  return waiter.list?.remove(waiter) ?? false
}

/** Puts a borrower at the end of the queue, or one that reconnects at the end of those who come first. */
export const enqueue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  waiter.ticket = ++state.tickets
  if (waiter.forLease === undefined) state.waiters.push(waiter)
  else state.reconnecting.push(waiter)
  if (waiter.deadlineEntry !== undefined) state.deadlines.push(waiter.deadlineEntry)
  return claimRoom(state, now)
}

/** Opens what is wanted now. The places of expired connections are worth more to somebody who waits. */
const claimRoom = <C>(state: State<C>, now: number): Commands<C> => {
  const freed = state.expiring.length === 0 ? nothing : closeExpiring(state, now)
  return both(freed, both(demand(state, now), makeRoom(state, now)))
}

const closeExpiring = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.expiring) commands.push(...retire(state, slot, "Expired", now))
  return commands
}

/** Puts a borrower back in its place, whose connection was lost between the hand-off and its next step. */
export const requeue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  waiter.lease = undefined
  // Its timer may have rung while it had a connection.
  if (waiter.deadline <= now) return [failWaiter(state, waiter, tooLate(state))]
  const queue = waiter.forLease === undefined ? state.waiters : state.reconnecting
  let successor = queue.head
  while (successor !== undefined && successor.ticket < waiter.ticket) successor = successor.next
  queue.insertBefore(waiter, successor)
  if (waiter.deadlineEntry !== undefined) {
    let next = state.deadlines.head
    while (next !== undefined && next.waiter.ticket < waiter.ticket) next = next.next
    state.deadlines.insertBefore(waiter.deadlineEntry, next)
  }
  return claimRoom(state, now)
}

/** A borrower went away while it waited; whether it was still in the queue. */
export const withdraw = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  if (!leave(state, waiter)) return false
  state.cancelled++
  return true
}

/** A borrower was turned away, mostly without waiting. */
export const reject = <C>(state: State<C>, why: BorrowFailure): void => {
  state.failed[why]++
  if (why !== "PoolClosed") state.exhausted++
}

const failure: { readonly [Tag in Exclude<WaitFailure["_tag"], "LeaseEnded">]: BorrowFailure } = {
  AcquireTimeout: "Timeout",
  ConnectTimeout: "OpenFailed",
  OpenFailed: "OpenFailed",
  PoolClosed: "PoolClosed"
}

/** Tells a waiter that it gets no connection. */
export const failWaiter = <C>(state: State<C>, waiter: Waiter<C>, refusal: WaitFailure): Command<C> => {
  leave(state, waiter)
  waiter.failure = refusal
  if (refusal._tag !== "LeaseEnded") state.failed[failure[refusal._tag]]++
  if (refusal._tag === "AcquireTimeout") {
    state.exhausted++
    state.timedOut++
  }
  return { _tag: "Wake", waiter }
}

/** Tells the one whose turn it is, if anybody waits. */
export const failOldest = <C>(state: State<C>, refusal: WaitFailure): Commands<C> => {
  const oldest = state.reconnecting.head ?? state.waiters.head
  return oldest === undefined ? nothing : [failWaiter(state, oldest, refusal)]
}

/** What is told to those whose time is over. If nothing was even tried for them, as opens keep failing, they hear that. */
const tooLate = <C>(state: State<C>): WaitFailure =>
  state.lastOpenFailure !== undefined && isOpenDelayed(state) ? state.lastOpenFailure : { _tag: "AcquireTimeout" }

/** A waiter's own deadline has passed. */
export const expireWaiter = <C>(state: State<C>, waiter: Waiter<C>): Commands<C> =>
  waiter.list === undefined ? nothing : [failWaiter(state, waiter, tooLate(state))]

/** Refuses the waiters whose deadline has passed; those without one of their own are in order. */
export const expireWaiters = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  const refusal = tooLate(state)
  for (const { waiter } of state.deadlines) {
    if (waiter.deadline > now) break
    commands.push(failWaiter(state, waiter, refusal))
  }
  return commands
}

/** How many waiters have neither a connection nor one that is asked for them whether it still works. */
export const unservedWaiters = <C>(state: State<C>): number =>
  state.waiters.length - state.validating.length * state.places

/**
 * Whether this fiber would wait for itself: it holds every lease there can be, each until an end that only it brings
 * about. Costs as many steps as it has leases, and mostly one.
 */
export const waitsForItself = <C>(state: State<C>, holder: Holder): boolean => {
  const isFull = state.slots.size >= state.max && state.inUse === state.slots.size
  if (!isFull || state.validating.length > 0 || state.resetting.length > 0) return false
  for (const slot of state.slots) {
    for (const lease of slot.leases) if (lease.holder !== holder || lease.owner !== "Scoped") return false
  }
  return true
}
