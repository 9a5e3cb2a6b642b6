/** Transitions: idle connections that have been silent for `keepaliveTime` are asked whether they still work. */
import { KeepaliveEntry, type Slot, type State } from "../state.js"
import type { Commands } from "./commands.js"
import { validate } from "./leases.js"
import { enter } from "./phases.js"

/** The most connections that are asked at once, and never more than half of those at hand: borrowers find others. */
const askedAtOnce = 4

/** The number of connections that may still be asked now. */
const room = <C>(state: State<C>): number => {
  let asked = 0
  for (const slot of state.validating) if (slot.inBackground) asked++
  return Math.min(askedAtOnce, Math.max(1, Math.floor((state.idle.length + asked) / 2))) - asked
}

/** The pool asks this connection from now on. */
export const keepAlive = <C>(state: State<C>, slot: Slot<C>): void => {
  if (state.limits.keepaliveTime !== Infinity) slot.keepalive = new KeepaliveEntry(slot)
}

/** The moment at which the next idle connection must be asked. */
export const nextSilent = <C>(state: State<C>): number | undefined => {
  const entry = state.silent.head
  return entry === undefined || room(state) <= 0 ? undefined : entry.since + state.limits.keepaliveTime
}

/** Takes the connection that has been silent for longest out of reach, if it must be asked. */
export const takeSilent = <C>(state: State<C>, now: number): Slot<C> | undefined => {
  const due = nextSilent(state)
  if (due === undefined || due > now) return undefined
  const { slot } = state.silent.head!
  enter(state, slot, "Checking")
  return slot
}

/** Asks a connection that is out of reach. It has been idle for as long as before when it returns. */
export const ask = <C>(state: State<C>, slot: Slot<C>, now: number): Commands<C> => {
  slot.inBackground = true
  return validate(state, slot, now)
}
