/** Transitions: borrowers wait in line. */
import type { BorrowFailure } from "../../PoolStats.js"
import type { List } from "../list.js"
import { type Command, type Holder, type Lease, type State, Touched, type Waiter, type WaitFailure } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { isOpenDelayed } from "./demand.js"
import { openWanted, retire } from "./retiring.js"
import { failWaiter, leave } from "./waiters.js"

/** Puts a borrower at the end of the queue. Holders that reconnect have a queue of their own, which comes first. */
export const enqueue = <C>(state: State<C>, waiter: Waiter<C>, now: number): Commands<C> => {
  state.touched |= Touched.queue
  waiter.ticket = ++state.tickets
  queueOf(state, waiter).push(waiter)
  if (waiter.deadlineEntry !== undefined) state.deadlines.push(waiter.deadlineEntry)
  return claimRoom(state, now)
}

const queueOf = <C>(state: State<C>, waiter: Waiter<C>): List<Waiter<C>> =>
  waiter.forLease !== undefined ? state.reconnecting : waiter.isExclusive ? state.exclusives : state.waiters

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
  const queue = queueOf(state, waiter)
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
  const isQueued = leave(state, waiter)
  if (isQueued || waiter.failure?._tag === "Moved") state.cancelled++
  return isQueued
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

/** Whether an idle connection can serve a waiter, because those that are being validated are too few. */
export const isUnserved = <C>(state: State<C>): boolean =>
  Math.ceil(state.waiters.length / state.places) + state.exclusives.length > state.validating.length

/** The facts about the holders that others were started by. */
export interface Ancestry {
  readonly isAncestor: (ancestor: Holder, holder: Holder) => boolean
  /** Whether none of these ancestors goes on before the holder ends or is interrupted. */
  readonly allWaitFor: (holder: Holder, ancestors: ReadonlySet<Holder>) => boolean
}

/** Whether a lease is this holder's, or that of an ancestor which waits for it, and nobody else can end it. */
export const outlasts = <C>(lease: Lease<C>, holder: Holder, { allWaitFor, isAncestor }: Ancestry): boolean =>
  lease.owner === "Scoped" && (lease.holder === holder ||
    (isAncestor(lease.holder, holder) && allWaitFor(holder, new Set([lease.holder]))))

/**
 * Whether this holder would wait for itself: alone, or with ancestors that wait for it, it holds every lease there can
 * be, and nobody else can end them. A holder that wants a connection to itself waits for itself if it holds one
 * lease of each.
 * Takes one step per lease.
 */
export const waitsForItself = <C>(
  state: State<C>,
  holder: Holder,
  ancestry: Ancestry,
  isExclusive = false
): boolean => {
  if (state.slots.size < state.max || !isAllInUse(state)) return false
  if (isExclusive) {
    for (const { leases } of state.slots) {
      if (!leases.some((lease) => outlasts(lease, holder, ancestry))) return false
    }
    return true
  }
  const ancestors = ancestorsHolding(state, holder, ancestry, undefined)
  return ancestors !== false && (ancestors === undefined || ancestry.allWaitFor(holder, ancestors))
}

/** Whether this holder, alone or with ancestors that wait for it, holds every lease of these pools. */
export const holdsAll = (states: Iterable<State<any>>, holder: Holder, ancestry: Ancestry): boolean => {
  let ancestors: Set<Holder> | undefined
  for (const state of states) {
    const found = isAllInUse(state) && ancestorsHolding(state, holder, ancestry, ancestors)
    if (found === false) return false
    ancestors = found
  }
  return ancestors === undefined || ancestry.allWaitFor(holder, ancestors)
}

const isAllInUse = <C>(state: State<C>): boolean =>
  state.inUse === state.slots.size && state.validating.length === 0 && state.resetting.length === 0

/** The ancestors that hold a pool's leases beside this holder, added to those known; `false` if others hold one. */
const ancestorsHolding = <C>(
  state: State<C>,
  holder: Holder,
  ancestry: Ancestry,
  known: Set<Holder> | undefined
): Set<Holder> | undefined | false => {
  // No closure here: borrowers that wait take this way, and mostly the first lease is the last that is looked at.
  let ancestors = known
  for (const { leases } of state.slots) {
    for (const lease of leases) {
      if (lease.owner !== "Scoped") return false
      if (lease.holder === holder) continue
      if (!ancestry.isAncestor(lease.holder, holder)) return false
      ancestors ??= new Set()
      ancestors.add(lease.holder)
    }
  }
  return ancestors
}
