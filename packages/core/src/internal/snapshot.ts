/** Statistics and leases, computed from the state. */
import type { LeaseHolder, PoolLease } from "../PoolLease.js"
import type { PoolStats } from "../PoolStats.js"
import type { PoolTimes } from "../PoolTimes.js"
import { holderOf } from "./describe.js"
import { isAncestor } from "./holders.js"
import type { Holder, State } from "./state.js"
import { overloadedMillis } from "./transitions/overload.js"

/** Returns the time that the longest-waiting borrower has been waiting; each queue is in the order of arrival. */
export const oldestWait = (state: State<any>, now: number): number => {
  const since = Math.min(state.firstInLine?.since ?? now, state.reconnecting.head?.since ?? now)
  return now - since
}

export const times = (state: State<any>): PoolTimes => ({
  waitTime: state.waitTime.buckets,
  useTime: state.useTime.buckets,
  openTime: state.openTime.buckets,
  ...(state.sessions === undefined ? {} : { roundTripTime: state.sessions.roundTrips.buckets })
})

export const snapshot = <C>(state: State<C>, now: number): PoolStats => ({
  ageMillis: now - state.since,
  maxConnections: state.max,
  minConnections: state.min,
  ...(state.allotted === Infinity ? {} : { allotted: state.allotted }),
  opening: state.opening.length + state.aborting.length,
  idle: state.idle.length + state.expiring.length,
  inUse: state.inUse,
  validating: state.validating.length,
  closing: state.closing.length,
  leased: state.leased,
  pending: state.queued,
  reconnecting: state.reconnecting.length,
  oldestWaitMillis: oldestWait(state, now),
  opened: state.opened,
  openFailed: state.openFailed,
  closed: { ...state.closed },
  acquired: state.acquired,
  waited: state.waited,
  exhausted: state.exhausted,
  timedOut: state.failed.Timeout,
  failed: { ...state.failed },
  cancelled: state.cancelled,
  leaksSuspected: state.leaksSuspected,
  ...(state.limits.overload === undefined ? {} : { overloadedMillis: overloadedMillis(state, now) }),
  waitTime: state.waitTime.summary,
  useTime: state.useTime.summary,
  openTime: state.openTime.summary,
  ...(state.sessions === undefined ? {} : { sessions: state.sessions.snapshot })
})

const shown = 3

/** Returns the longest leases, longest first. Suspected leaks are older than all others. */
export const longestHolders = <C>(state: State<C>, now: number): ReadonlyArray<LeaseHolder> => {
  const longest: Array<LeaseHolder> = []
  for (const list of [state.suspected, state.held]) {
    for (const lease of list) {
      if (longest.length === shown) return longest
      longest.push(holderOf(lease, now))
    }
  }
  return longest
}

/** Returns all held leases, longest first. */
export const leases = <C>(state: State<C>, now: number): ReadonlyArray<PoolLease> =>
  Array.from([...state.suspected, ...state.held], (lease) => ({
    connectionId: lease.slot.id,
    holder: holderOf(lease, now),
    suspected: lease.suspected,
    exclusive: lease.isExclusive
  })).sort((a, b) => b.holder.heldMillis - a.holder.heldMillis)

/** Counts the leases of a holder and of those that it was started by. */
export const heldBy = <C>(state: State<C>, holder: Holder): number => {
  let held = 0
  for (const list of [state.suspected, state.held]) {
    for (const lease of list) if (lease.holder === holder || isAncestor(lease.holder, holder)) held++
  }
  return held
}
