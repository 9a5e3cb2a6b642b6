/** The state in numbers, counted from the state itself. */
import type { LeaseHolder } from "../PoolError.js"
import type { PoolStats } from "../PoolStats.js"
import type { Slot, State } from "./state.js"

export const snapshot = <C>(state: State<C>): PoolStats => ({
  maxConnections: state.limits.max,
  minConnections: state.limits.min,
  opening: state.opening.length + state.aborting.length,
  idle: state.idle.length,
  inUse: state.inUse,
  closing: state.closing.length,
  pending: state.waiters.length,
  opened: state.opened,
  openFailed: state.openFailed,
  closed: { ...state.closed },
  acquired: state.acquired,
  waited: state.waited,
  exhausted: state.exhausted
})

const shown = 3

/** The longest leases, longest first. Their spans are looked up only here, so that taking a lease costs nothing. */
export const longestHolders = <C>(state: State<C>, now: number): ReadonlyArray<LeaseHolder> => {
  const longest: Array<Slot<C>> = []
  for (const slot of state.slots) {
    if (slot.holder === undefined) continue
    const at = longest.findIndex((other) => slot.heldSince < other.heldSince)
    if (at >= 0) longest.splice(at, 0, slot)
    else longest.push(slot)
    if (longest.length > shown) longest.pop()
  }
  return longest.map((slot) => {
    const span = slot.holder!.currentSpan
    return {
      fiber: `#${slot.holder!.id().id}`,
      ...(span?._tag === "Span" ? { span: span.name } : {}),
      heldMillis: Math.round(now - slot.heldSince)
    }
  })
}
