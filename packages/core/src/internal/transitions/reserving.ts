/**
 * Transitions: connections are reserved for exclusive borrowers.
 *
 * An exclusive borrower wants a connection that nobody else holds. It stands in the queue like others. When its turn has
 * come and no idle connection and no open will serve it, the connection with the fewest leases is reserved: it takes no
 * further lease, and when its last lease has ended it goes to the exclusive borrower that came first. A reservation is
 * for none of them in particular. There are never more reservations than exclusive borrowers whose turn has come, and
 * none of a connection whose leases do not end before the first of them is served: its own, from a nested call.
 */
import type { Slot, State, Waiter } from "../state.js"
import { canBeShared, shareAgain } from "./leases.js"
import { enter } from "./phases.js"
import { type Ancestry, outlasts } from "./queue.js"

/** The exclusive borrowers that came before all others in the queue. More than there are connections make no odds. */
const atHead = <C>(state: State<C>): number => {
  const shared = state.waiters.head
  if (shared === undefined) return state.exclusives.length
  let count = 0
  for (const { ticket } of state.exclusives) {
    if (ticket > shared.ticket || count === state.slots.size) break
    count++
  }
  return count
}

/** The connections that will come to the queue whole, without a reservation. */
const coming = <C>(state: State<C>): number =>
  state.idle.length + state.validating.length + Math.max(0, state.opening.length - state.reconnecting.length)

/** Whether a borrower that waits for the connection waits for itself. */
const isOwn = <C>({ leases }: Slot<C>, { holder }: Waiter<C>, ancestry: Ancestry): boolean =>
  leases.some((lease) => outlasts(lease, holder, ancestry))

/** The connection with the fewest leases, of those that several borrowers can share. */
const leastShared = <C>(state: State<C>, first: Waiter<C>, ancestry: Ancestry): Slot<C> | undefined => {
  let least: Slot<C> | undefined
  for (const slot of state.slots) {
    // A connection that takes no further lease comes back whole anyway, or makes room for another.
    if ((slot.phase !== "Shareable" && slot.phase !== "Leased") || !canBeShared(state, slot)) continue
    if (least !== undefined && slot.leases.length >= least.leases.length) continue
    if (!isOwn(slot, first, ancestry)) least = slot
  }
  return least
}

/** Lifts the reservations that nobody needs any more, and makes those that are missing. */
export const reserve = <C>(state: State<C>, ancestry: Ancestry): void => {
  const wanted = atHead(state)
  while (state.reserved.length > wanted) shareAgain(state, state.reserved.tail!)
  const first = state.exclusives.head
  if (wanted === 0 || first === undefined) return
  // The slot that was reserved for one that has left the queue may be this one's own.
  if (first.ticket !== state.reservedFor) {
    state.reservedFor = first.ticket
    for (const slot of state.reserved) if (isOwn(slot, first, ancestry)) shareAgain(state, slot)
  }
  for (let missing = wanted - state.reserved.length - coming(state); missing > 0; missing--) {
    const slot = leastShared(state, first, ancestry)
    if (slot === undefined) break
    enter(state, slot, "Reserved")
  }
}

/** Whether `reserve` may have something to do. */
export const concernsExclusive = <C>(state: State<C>): boolean =>
  state.exclusives.length > 0 || state.reserved.length > 0
