/** Transitions: a connection closes, with a reason, and its place becomes free. */
import type { CloseReason } from "../../PoolStats.js"
import { type Command, type Lease, noLeases, type Slot, type State } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { backOff, demand } from "./demand.js"

/** The present holder has given its lease back, or lost it; the lease keeps its place until it has ended. */
export const leaveHolder = <C>(state: State<C>, lease: Lease<C>, now: number): void => {
  if (lease.phase !== "Held") return
  lease.list?.remove(lease)
  if (lease.owner !== "None") state.useTime.record(now - lease.since)
}

/** Decides that an open connection closes. Leases on it end here; who counted on it gets another. */
export const retire = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => {
  slot.list?.remove(slot)
  slot.phase = "Closing"
  slot.reason = reason
  slot.deadline = now + state.limits.closeTimeout
  state.closing.push(slot)
  const commands: Array<Command<C>> = []
  for (const lease of slot.leases) {
    const held = lease.phase === "Held"
    leaveHolder(state, lease, now)
    lease.list?.remove(lease)
    lease.phase = "Ended"
    if (held) commands.push({ _tag: "Ended", lease })
  }
  slot.leases = noLeases
  commands.push({ _tag: "Close", slot })
  const diedUnused = !slot.used && (reason === "Disconnected" || reason === "Desync")
  if (diedUnused && state.phase === "Running") commands.push(...backOff(state, undefined))
  commands.push(...demand(state, now))
  return commands
}

/** A connection must not be lent again: one that nobody holds closes now, a leased one when its leases have ended. */
export const retireOnReturn = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => {
  if (slot.phase === "Idle" || slot.phase === "Taken") return retire(state, slot, reason, now)
  if (slot.phase === "InUse") {
    slot.reason ??= reason
    state.shareable.remove(slot)
  }
  return nothing
}

/** Nothing is left of a slot, or it has been given up: its place is free. */
export const gone = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  if (slot.phase === "Closing") state.closed[slot.reason!]++
  else if (slot.phase === "Aborting") state.openFailed++
  else return nothing
  slot.list?.remove(slot)
  slot.phase = "Gone"
  state.slots.delete(slot)
  return [...demand(state, now), ...makeRoom(state, now)]
}

/** Who reconnects needs room for a new connection: where idle ones take it all, the longest idle gives way. */
export const makeRoom = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.reconnecting.length === 0 || state.idle.head === undefined) return nothing
  const onTheirWay = state.opening.length + state.aborting.length + state.closing.length
  const isBlocked = state.slots.size >= state.max && onTheirWay < state.reconnecting.length
  return isBlocked ? retire(state, state.idle.head, "Surplus", now) : nothing
}

/**
 * An idle connection has expired. One that the floor needs stays, out of reach, until another has taken its place; while
 * somebody waits its place is worth more.
 */
export const expire = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  const isNeeded = state.open <= state.min && state.pending === 0 && state.phase === "Running"
  if (!isNeeded) return retire(state, slot, "Expired", now)
  state.idle.remove(slot)
  slot.reason = "Expired"
  state.expiring.push(slot)
  return nothing
}

/**
 * Closes the expired connections that the floor has others for by now. Where the cap leaves no room for another beside
 * them, one at a time goes first.
 */
export const rotate = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.expiring.length === 0) return nothing
  const commands: Array<Command<C>> = []
  for (const slot of state.expiring) {
    const inFlight = state.opening.length + state.aborting.length + state.closing.length
    const noRoom = state.slots.size >= state.max && inFlight === 0
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

/** Whether a connection that nobody holds has been idle for too long, and the floor does not need it. */
export const isStale = <C>(state: State<C>, slot: Slot<C>, now: number): boolean =>
  state.limits.idleTimeout !== Infinity && slot.leases.length === 0 && slot.since + state.limits.idleTimeout <= now &&
  state.open > state.min

/** Whether more connections are open, or being opened, than `resize` has left room for. */
export const isSurplus = <C>(state: State<C>): boolean => state.open + state.opening.length > state.max
