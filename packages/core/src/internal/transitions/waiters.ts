/** Transitions: a borrower leaves the queue. */
import type { BorrowFailure } from "../../PoolStats.js"
import { type Command, type State, Touched, type Waiter, type WaitFailure } from "../state.js"
import { type Commands, nothing } from "./commands.js"

/** Takes a waiter out of the queue. Returns whether it was in it. */
export const leave = <C>(state: State<C>, waiter: Waiter<C>): boolean => {
  state.touched |= Touched.queue
  if (waiter.deadlineEntry !== undefined) state.deadlines.remove(waiter.deadlineEntry)
  return waiter.list?.remove(waiter) ?? false
}

const failure: { readonly [Tag in Exclude<WaitFailure["_tag"], "LeaseEnded">]: BorrowFailure } = {
  AcquireTimeout: "Timeout",
  ConnectTimeout: "OpenFailed",
  OpenFailed: "OpenFailed",
  PoolClosed: "PoolClosed"
}

/** Ends a wait without a connection. */
export const failWaiter = <C>(state: State<C>, waiter: Waiter<C>, why: WaitFailure): Command<C> => {
  leave(state, waiter)
  waiter.failure = why
  if (why._tag !== "LeaseEnded") state.failed[failure[why._tag]]++
  return { _tag: "Wake", waiter }
}

/** Fails the waiter whose turn it is, if there is one. */
export const failOldest = <C>(state: State<C>, why: WaitFailure): Commands<C> => {
  const oldest = state.reconnecting.head ?? state.waiters.head
  return oldest === undefined ? nothing : [failWaiter(state, oldest, why)]
}
