/** Transitions: a borrower leaves the queue. */
import type { BorrowFailure } from "../../PoolStats.js"
import {
  type Command,
  type Moved,
  older,
  type OpenFailure,
  type State,
  Touched,
  type Waiter,
  type WaitFailure
} from "../state.js"
import { type Commands, nothing } from "./commands.js"

/** Takes a waiter out of the queue. Returns whether it was in it. */
export const leave = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  state.touched |= Touched.queue
  if (waiter.deadlineEntry !== undefined) state.deadlines.remove(waiter.deadlineEntry)
  return waiter.list?.remove(waiter) ?? false
}

const failure: { readonly [Tag in Exclude<WaitFailure["_tag"], "LeaseEnded" | "Moved">]: BorrowFailure } = {
  AcquireTimeout: "Timeout",
  ConnectTimeout: "OpenFailed",
  OpenFailed: "OpenFailed",
  PoolClosed: "PoolClosed",
  Shed: "Shed"
}

/** Ends a wait without a connection. */
export const failWaiter = <C>(state: State<C>, waiter: Waiter<C>, why: WaitFailure): Command<C> => {
  leave(state, waiter)
  waiter.failure = why
  if (why._tag !== "LeaseEnded" && why._tag !== "Moved") state.failed[failure[why._tag]]++
  return { _tag: "Wake", waiter }
}

/** Ends a wait for an open that has failed, or that the pool does not begin. */
const failForOpen = <C>(state: State<C>, waiter: Waiter<C>, why: WaitFailure): Command<C> =>
  failWaiter(
    state,
    waiter,
    waiter.canMove && (why._tag === "OpenFailed" || why._tag === "ConnectTimeout") ?
      { _tag: "Moved", failure: why } :
      why
  )

/** Fails the waiter whose turn it is, if there is one. */
export const failOldest = <C>(state: State<C>, why: WaitFailure): Commands<C> => {
  const oldest = state.reconnecting.head ?? state.firstInLine
  return oldest === undefined ? nothing : [failForOpen(state, oldest, why)]
}

/** Sends away the borrowers in the queue that have other pools to go to, in the order of their arrival. */
export const moveQueue = <C>(state: State<C>, failure: OpenFailure | undefined): Commands<C> => {
  const commands: Array<Command<C>> = []
  const why: Moved = { _tag: "Moved", failure }
  let shared = state.waiters.head
  let alone = state.exclusives.head
  for (let next = older(shared, alone); next !== undefined; next = older(shared, alone)) {
    if (next === shared) shared = shared.next
    else alone = next.next
    if (next.canMove) commands.push(failWaiter(state, next, why))
  }
  return commands
}

/** Fails all borrowers in the queue, in the order of their arrival. */
export const failQueue = <C>(state: State<C>, why: WaitFailure): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (let first = state.firstInLine; first !== undefined; first = state.firstInLine) {
    commands.push(failForOpen(state, first, why))
  }
  return commands
}
