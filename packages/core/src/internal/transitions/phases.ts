/** Transitions: a slot moves from one phase to the next, and so from one list to another. */
import type { List } from "../list.js"
import { type Lease, noLeases, type Phase, type Slot, type State, Touched } from "../state.js"

const listOf = <C>(state: State<C>, phase: Phase): List<Slot<C>> | undefined => {
  switch (phase) {
    case "Idle":
      return state.idle
    case "Checking":
    case "Leased":
    case "Gone":
      return undefined
    case "Shareable":
      return state.shareable
    case "Reserved":
      return state.reserved
    case "Opening":
      return state.opening
    case "Closing":
      return state.closing
    case "Validating":
      return state.validating
    case "Aborting":
      return state.aborting
    case "Expiring":
      return state.expiring
  }
}

/** A lease of the slot begins. */
export const addLease = <C>(slot: Slot<C>, lease: Lease<C>): void => {
  const { leases, only } = slot
  if (leases.length === 0) {
    only[0] = lease
    slot.leases = only as ReadonlyArray<Lease<C>>
    return
  }
  const several = slot.several ??= []
  if (leases !== several) {
    several.push(only[0]!)
    only[0]!.place = 0
    only[0] = undefined
    slot.leases = several
  }
  lease.place = several.length
  several.push(lease)
}

/** A lease of the slot has ended. */
export const removeLease = <C>(slot: Slot<C>, lease: Lease<C>): void => {
  if (slot.leases.length === 1) return removeLeases(slot)
  const several = slot.several!
  const last = several.pop()!
  if (last === lease) return
  several[lease.place] = last
  last.place = lease.place
}

/** All leases of the slot have ended. */
export const removeLeases = <C>(slot: Slot<C>): void => {
  slot.leases = noLeases
  // A lease would keep its holder alive.
  slot.only[0] = undefined
  if (slot.several !== undefined) slot.several.length = 0
}

/** Lending and returning change neither how many connections are open nor how many are on their way. */
const isLending = (phase: Phase): boolean =>
  phase === "Leased" || phase === "Idle" || phase === "Checking" || phase === "Shareable" ||
  phase === "Reserved"

/** Moves a slot to a phase, to the end of its list; a slot in the same phase goes to the end, too. */
export const enter = <C>(state: State<C>, slot: Slot<C>, phase: Phase): void => {
  state.touched |= isLending(phase) && isLending(slot.phase) ? Touched.leases : Touched.everything
  slot.list?.remove(slot)
  slot.phase = phase
  listOf(state, phase)?.push(slot)
  const { keepalive } = slot
  if (keepalive === undefined) return
  keepalive.list?.remove(keepalive)
  if (phase === "Idle") state.silent.push(keepalive)
}

/** A slot becomes the one that has been idle for the shortest time. */
export const becomeIdle = <C>(state: State<C>, slot: Slot<C>, now: number): void => {
  enter(state, slot, "Idle")
  if (slot.keepalive !== undefined) slot.keepalive.since = now
}

/** An idle connection returns to its place among the others, the longest idle first. */
export const returnToPlace = <C>(state: State<C>, slot: Slot<C>, now: number): void => {
  becomeIdle(state, slot, now)
  let successor = state.idle.head
  while (successor !== slot && successor!.idleTicket < slot.idleTicket) successor = successor!.next
  if (successor === slot) return
  state.idle.remove(slot)
  state.idle.insertBefore(slot, successor)
}
