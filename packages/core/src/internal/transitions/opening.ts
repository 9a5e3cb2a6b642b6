/** Transitions: what becomes of opens. */
import type { Command, OpenFailure, Slot, State } from "../state.js"
import type { Commands } from "./commands.js"
import { backOff, demand } from "./demand.js"
import { handOff } from "./leases.js"
import { penalize, resetLimiter } from "./openLimiter.js"
import { failOldest } from "./queue.js"
import { makeRoom, rotate } from "./retiring.js"

/** An open has succeeded. */
export const opened = <C>(
  state: State<C>,
  slot: Slot<C>,
  connection: C,
  expiresAt: number,
  now: number
): Commands<C> => {
  state.opening.remove(slot)
  state.opened++
  state.openTime.record(now - slot.since)
  if (state.initialOwed > 0) state.initialOwed--
  state.backingOff = false
  resetLimiter(state)
  slot.connection = connection
  slot.expiresAt = expiresAt
  slot.generation = state.generation
  slot.ticket = ++state.tickets
  return [
    ...handOff(state, slot, now),
    ...demand(state, now),
    ...makeRoom(state, now),
    ...rotate(state, now)
  ]
}

/** An open has failed, or has been given up while in flight: the oldest waiter learns why, the others go on. */
export const openFailed = <C>(
  state: State<C>,
  slot: Slot<C>,
  setback: OpenFailure,
  inFlight: boolean,
  now: number
): Commands<C> => {
  const commands: Array<Command<C>> = []
  if (inFlight) commands.push(abort(state, slot, now))
  else abandon(state, slot, now)
  penalize(state, setback, now)
  commands.push(...failOldest(state, setback), ...backOff(state, setback), ...demand(state, now))
  return commands
}

/** Nobody needs the outcome of an open any more; its slot stays taken until what it left behind is cleaned up. */
const abandon = <C>(state: State<C>, slot: Slot<C>, now: number): void => {
  state.opening.remove(slot)
  slot.phase = "Aborting"
  slot.deadline = now + state.limits.closeTimeout
  state.aborting.push(slot)
}

/** Gives up an open in flight. */
export const abort = <C>(state: State<C>, slot: Slot<C>, now: number): Command<C> => {
  abandon(state, slot, now)
  return { _tag: "Abort", slot }
}
