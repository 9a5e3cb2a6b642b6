/** Transitions: a connection closes, with a reason, and its place becomes free. */
import type { CloseReason } from "../../PoolStats.js"
import { type Command, isLeased, isUnheld, type Lease, type Slot, type State, Touched } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { demand } from "./demand.js"
import { enter, removeLeases } from "./phases.js"
import { endTrial, passAged } from "./trial.js"

/** The holder has given its lease back, or lost it. The lease keeps its place until it has ended. */
export const leaveHolder = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  if (lease.phase !== "Held") return
  state.touched |= Touched.leases
  lease.list?.remove(lease)
  if (lease.owner !== "None") state.useTime.record(now - lease.since)
}

/** Closes an open connection and opens a replacement if one is wanted. Its leases end here. */
export const retire = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => [
  ...close(state, slot, reason, now),
  ...openWanted(state, now)
]

/** Its holder may have left a connection in disorder. */
export const spoil = <C>(slot: Slot<C>): void => {
  slot.isSpoiled = true
}

/** Whether a connection that closes for this reason worked, as far as anybody knows. */
export const isNormal = (reason: CloseReason): boolean =>
  reason === "Expired" || reason === "Stale" || reason === "MaxUses" || reason === "Cleared" ||
  reason === "Surplus" || reason === "Reclaimed" || reason === "PoolClosed"

/** `retire` for several connections in a row: the caller asks for replacements once, at the end. */
export const close = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => {
  enter(state, slot, "Closing")
  slot.reason = reason
  slot.deadline = now + state.limits.closeTimeout
  const commands: Array<Command<C>> = []
  for (const lease of slot.leases) {
    const held = lease.phase === "Held"
    leaveHolder(state, lease, now)
    lease.list?.remove(lease)
    lease.phase = "Ended"
    if (held) commands.push({ _tag: "Ended", lease })
    spoil(slot)
  }
  removeLeases(slot)
  commands.push({ _tag: "Close", slot }, ...endTrial(state, slot, reason, now))
  return commands
}

/** Closes a connection that nobody holds now, and a leased one when its leases have ended. */
export const retireOnReturn = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => {
  if (isUnheld(slot)) return retire(state, slot, reason, now)
  if (isLeased(slot)) mustNotBeLent(state, slot, reason)
  return nothing
}

/** Marks a leased connection: it closes when its leases have ended. */
export const mustNotBeLent = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason): void => {
  slot.reason ??= reason
  stopSharing(state, slot)
}

/** A leased connection takes no further lease. */
export const stopSharing = <C>(state: State<C>, slot: Slot<C>): void => {
  if (slot.phase === "Shareable" || slot.phase === "Reserved") enter(state, slot, "Leased")
}

/** Frees the place of a slot that has closed, or whose time to close is over. */
export const gone = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  if (slot.phase === "Closing") state.closed[slot.reason!]++
  else if (slot.phase === "Aborting") state.openFailed++
  else return nothing
  enter(state, slot, "Gone")
  state.slots.delete(slot)
  return openWanted(state, now)
}

/** Opens what is wanted now. An open may take the last place while another holder reconnects. */
export const openWanted = <C>(state: State<C>, now: number): Commands<C> =>
  both(demand(state, now), makeRoom(state, now))

/** Time has passed, and the pool opens what the backoff delayed. */
export const outlive = <C>(state: State<C>, now: number): Commands<C> =>
  both(passAged(state, now), openWanted(state, now))

/** Makes room for a holder that reconnects: where idle connections take it all, the longest idle closes. */
export const makeRoom = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.reconnecting.length === 0 || state.idle.head === undefined) return nothing
  const onTheirWay = state.opening.length + state.aborting.length + state.closing.length
  const isBlocked = state.slots.size >= state.cap && onTheirWay < state.reconnecting.length
  return isBlocked ? close(state, state.idle.head, "Surplus", now) : nothing
}

/**
 * An idle connection has expired. If the floor needs it, it stays, out of reach, until a replacement is open. While a
 * borrower waits, its place is worth more.
 */
export const expire = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  const isNeeded = state.open <= state.min && state.pending === 0 && state.phase === "Running"
  if (!isNeeded) return retire(state, slot, "Expired", now)
  slot.reason = "Expired"
  enter(state, slot, "Expiring")
  return nothing
}

/**
 * Closes the expired connections that the floor has replacements for. Where the cap leaves no room for a replacement
 * beside them, one at a time closes first.
 */
export const rotate = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.expiring.length === 0) return nothing
  const commands: Array<Command<C>> = []
  for (const slot of state.expiring) {
    const inFlight = state.opening.length + state.aborting.length + state.closing.length
    const noRoom = state.slots.size >= state.cap && inFlight === 0
    if (state.open <= state.min && !noRoom) break
    commands.push(...retire(state, slot, "Expired", now))
  }
  return commands
}

/** The next moment at which an idle connection above the floor is stale. */
export const nextStale = <C>(state: State<C>): number | undefined => {
  const longest = state.idle.head
  return longest === undefined || state.open <= state.min ? undefined : longest.since + state.limits.idleTimeout
}

/** Closes the idle connections above the floor that are stale. */
export const expireIdle = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.idle) {
    if (!isStale(state, slot, now)) break
    commands.push(...retire(state, slot, "Stale", now))
  }
  return commands
}

/**
 * Whether a connection has been idle for too long and the floor does not need it. One that is validated is not idle.
 */
export const isStale = <C>(state: State<C>, slot: Slot<C>, now: number): boolean =>
  state.limits.idleTimeout !== Infinity && isUnheld(slot) && slot.phase !== "Validating" &&
  slot.since + state.limits.idleTimeout <= now && state.open > state.min

/** Whether more connections are open, or being opened, than `resize` or a budget have left room for. */
export const isSurplus = <C>(state: State<C>): boolean => state.open + state.opening.length > state.cap

/** The reason for which a connection closes that there is no room for. */
export const surplusReason = <C>(state: State<C>): CloseReason =>
  state.open + state.opening.length > state.max ? "Surplus" : "Reclaimed"

/** Whether a connection is too old, or was idle for too long, if the time counts in which the machine slept. */
export const hasOverslept = <C>(state: State<C>, slot: Slot<C>, now: number): CloseReason | undefined => {
  if (slot.asleep === 0) return undefined
  if (slot.expiresAt <= now + slot.asleep) return "Expired"
  return slot.since + state.limits.idleTimeout <= now + slot.asleep && state.open > state.min ? "Stale" : undefined
}
