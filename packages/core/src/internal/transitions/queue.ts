/** Transitions: borrowers wait in line. */
import type { BorrowFailure } from "../../PoolStats.js"
import { type Command, type Holder, type State, Touched, type Waiter, type WaitFailure } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { isOpenDelayed } from "./demand.js"
import { openWanted, retire } from "./retiring.js"
import { failWaiter, leave } from "./waiters.js"

/** Puts a borrower at the end of the queue. Holders that reconnect have a queue of their own, which comes first. */
export const enqueue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  state.touched |= Touched.queue
  waiter.ticket = ++state.tickets
  if (waiter.forLease === undefined) state.waiters.push(waiter)
  else state.reconnecting.push(waiter)
  if (waiter.deadlineEntry !== undefined) state.deadlines.push(waiter.deadlineEntry)
  return claimRoom(state, now)
}

/** Opens what is wanted now. A waiter needs the places of expired connections more than the floor does. */
const claimRoom = <C>(state: State<C>, now: number): Commands<C> => {
  const freed = state.expiring.length === 0 ? nothing : closeExpiring(state, now)
  return both(freed, openWanted(state, now))
}

const closeExpiring = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.expiring) commands.push(...retire(state, slot, "Expired", now))
  return commands
}

/** Puts a borrower back in its old place, because its connection was lost between the hand-off and its next step. */
export const requeue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  state.touched |= Touched.queue
  waiter.lease = undefined
  // Its timer may have rung while it had a connection.
  if (waiter.deadline <= now) return [failWaiter(state, waiter, timeoutFailure(state))]
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

/** A borrower was interrupted while it waited. Returns whether it was still in the queue. */
export const withdraw = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  if (!leave(state, waiter)) return false
  state.cancelled++
  return true
}

/** A borrower fails without having waited. */
export const reject = <C>(state: State<C>, why: BorrowFailure): void => {
  state.failed[why]++
}

/**
 * The failure of a waiter at its deadline. While opens fail and none was tried for it, it is the last open's failure.
 * The failure of a connection on trial is another holder's, so a waiter gets a timeout that names it.
 */
const timeoutFailure = <C>(state: State<C>): WaitFailure => {
  const last = state.lastOpenFailure
  return last !== undefined && last._tag !== "LostOnTrial" && isOpenDelayed(state) ? last : { _tag: "AcquireTimeout" }
}

/** A deadline of a waiter's own has passed. */
export const expireWaiter = <C>(state: State<C>, waiter: Waiter<C>): Commands<C> =>
  waiter.list === undefined ? nothing : [failWaiter(state, waiter, timeoutFailure(state))]

/** Fails the waiters whose shared deadline has passed; they are in order. */
export const expireWaiters = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  const why = timeoutFailure(state)
  for (const { waiter } of state.deadlines) {
    if (waiter.deadline > now) break
    commands.push(failWaiter(state, waiter, why))
  }
  return commands
}

/** The number of waiters for whom no connection is being validated. */
export const unservedWaiters = <C>(state: State<C>): number =>
  state.waiters.length - state.validating.length * state.places

/** What is known of the holders that others were started by. */
export interface Ancestry {
  readonly isAncestor: (ancestor: Holder, holder: Holder) => boolean
  /** Whether none of these ancestors goes on before the holder ends or is interrupted. */
  readonly allWaitFor: (holder: Holder, ancestors: ReadonlySet<Holder>) => boolean
}

/**
 * Whether this holder would wait for itself: it holds every lease there can be, alone or with ancestors that wait for it,
 * and nobody else can end them. Takes one step per lease.
 */
export const waitsForItself = <C>(state: State<C>, holder: Holder, ancestry: Ancestry): boolean => {
  const isFull = state.slots.size >= state.max && state.inUse === state.slots.size
  if (!isFull || state.validating.length > 0 || state.resetting.length > 0) return false
  let ancestors: Set<Holder> | undefined
  for (const slot of state.slots) {
    for (const lease of slot.leases) {
      if (lease.owner !== "Scoped") return false
      if (lease.holder === holder) continue
      if (!ancestry.isAncestor(lease.holder, holder)) return false
      ancestors ??= new Set()
      ancestors.add(lease.holder)
    }
  }
  return ancestors === undefined || ancestry.allWaitFor(holder, ancestors)
}
