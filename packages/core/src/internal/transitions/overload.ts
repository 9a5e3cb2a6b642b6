/**
 * Transitions: the pool notices that its queue does not get short, and what it does then.
 *
 * The sign is that of CoDel (K. Nichols and V. Jacobson, "Controlling Queue Delay", 2012): a queue that only smooths
 * bursts is short from time to time, so the least wait of an interval tells it from one that never gets short.
 */
import type { Command, OverloadRule, Slot, State, Waiter } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { nextOpenAt } from "./openLimiter.js"
import { failWaiter } from "./waiters.js"

/** The longest wait before a borrower is shed, in targets. */
const patience = 2

/** Whether the pool could serve more than it does: a connection is idle, or has room, or one can be opened. */
const hasMore = <C>(state: State<C>, slot: Slot<C>, now: number): boolean =>
  state.idle.length > 0 || state.shareable.length > (slot.phase === "Shareable" ? 1 : 0) ||
  (state.slots.size < state.cap && now >= nextOpenAt(state))

/** Looks at the queue, as somebody in it is about to be served with this slot. */
const sense = <C>(state: State<C>, slot: Slot<C>, rule: OverloadRule, now: number): Commands<C> => {
  const { overload } = state
  const wait = now - (state.firstInLine?.since ?? now)
  if (wait <= rule.target || hasMore(state, slot, now)) return calm(state, now)
  if (overload.above === undefined) overload.above = { since: now, least: wait }
  else overload.above.least = Math.min(overload.above.least, wait)
  if (overload.since !== undefined || now - overload.above.since < rule.interval) return nothing
  overload.since = now
  return [{ _tag: "Overloaded", leastWait: overload.above.least }]
}

/** This borrower is about to be served: sheds those like it that have waited for too long, but not the last ones. */
export const relieve = <C>(state: State<C>, slot: Slot<C>, first: Waiter<C>, now: number): Commands<C> => {
  const rule = state.limits.overload
  if (rule === undefined) return nothing
  const sensed = sense(state, slot, rule, now)
  const { above, since } = state.overload
  if (rule.lifo || since === undefined || above === undefined) return sensed
  const commands: Array<Command<C>> = [...sensed]
  const queue = first.isExclusive ? state.exclusives : state.waiters
  const served = first.isExclusive
    ? 1
    : Math.min(state.limits.concurrency - slot.leases.length, state.limits.maxUses - slot.uses)
  const why = { _tag: "Shed", leastWait: above.least, millis: now - above.since } as const
  for (const oldest of queue) {
    if (queue.length <= served || now - oldest.since <= patience * rule.target) break
    commands.push(failWaiter(state, oldest, why))
  }
  // The rest of the queue may be short.
  if (commands.length > sensed.length) commands.push(...sense(state, slot, rule, now))
  return commands
}

/** A connection is idle, or the queue is short: the pool is not overloaded, or has recovered. */
export const calm = <C>(state: State<C>, now: number): Commands<C> => {
  const { overload } = state
  overload.above = undefined
  if (overload.since === undefined) return nothing
  const millis = now - overload.since
  overload.since = undefined
  overload.millis += millis
  return [{ _tag: "Calmed", millis }]
}

/** The time that the pool has been overloaded. */
export const overloadedMillis = <C>({ overload }: State<C>, now: number): number =>
  overload.millis + (overload.since === undefined ? 0 : now - overload.since)

/** The one of these borrowers that is served first. They are in the order of their arrival. */
export const firstServed = <C>({ limits, overload, waiters }: State<C>): Waiter<C> | undefined =>
  overload.since !== undefined && limits.overload?.lifo === true ? waiters.tail : waiters.head
