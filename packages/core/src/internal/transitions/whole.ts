/** Transitions: what happens to the pool as a whole. */
import { constTrue } from "effect/Function"
import type { Command, Slot, State } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { demand } from "./demand.js"
import { abort } from "./opening.js"
import { failWaiter } from "./queue.js"
import { isSurplus, makeRoom, retire, retireOnReturn, rotate } from "./retiring.js"

/** Gives up opens in flight, the youngest first, for as long as asked to. */
const abortWhile = <C>(state: State<C>, now: number, more: () => boolean): Array<Command<C>> => {
  const commands: Array<Command<C>> = []
  while (state.opening.tail !== undefined && more()) commands.push(abort(state, state.opening.tail, now))
  // What was to end the backoff may have been among them.
  if (commands.length > 0 && state.opening.length === 0) state.backingOff = false
  return commands
}

/** Begins a new generation. */
export const clear = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.generation++
  const commands = abortWhile(state, now, constTrue)
  for (const slot of state.slots) commands.push(...retireOnReturn(state, slot, "Cleared", now))
  commands.push(...demand(state, now))
  return commands
}

/** Sets new limits. What is too much now closes, as far as nobody holds it; the rest when it comes back. */
export const resize = <C>(state: State<C>, min: number, max: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.min = min
  state.max = max
  const commands: Array<Command<C>> = []
  const shrink = (slots: Iterable<Slot<C>>) => {
    for (const slot of slots) {
      if (!isSurplus(state)) return
      commands.push(...retire(state, slot, "Surplus", now))
    }
  }
  shrink(state.expiring)
  shrink(state.idle)
  shrink(state.validating)
  commands.push(...abortWhile(state, now, () => isSurplus(state)))
  // What was to be opened at the start is not owed any more where there is no room for it.
  state.initialOwed = Math.min(state.initialOwed, Math.max(0, max - state.open))
  commands.push(...rotate(state, now), ...demand(state, now), ...makeRoom(state, now))
  return commands
}

/** Stops lending and opening; what is idle closes now, what is leased when it comes back. */
export const beginClose = <C>(state: State<C>, drainDeadline: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.phase = "Draining"
  state.backingOff = false
  state.drainDeadline = drainDeadline
  const commands: Array<Command<C>> = []
  for (const list of [state.reconnecting, state.waiters]) {
    for (const waiter of list) commands.push(failWaiter(state, waiter, { _tag: "PoolClosed" }))
  }
  commands.push(...abortWhile(state, now, constTrue))
  for (const slot of state.slots) {
    if (slot.phase === "Idle" || slot.phase === "Taken") commands.push(...retire(state, slot, "PoolClosed", now))
    else state.shareable.remove(slot)
  }
  return commands
}

/** The drain is over: takes back every lease still out. */
export const forceClose = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.slots) {
    if (slot.phase === "InUse") commands.push(...retire(state, slot, slot.reason ?? "PoolClosed", now))
  }
  return commands
}

/** The last slot of a closing pool has gone. */
export const closed = <C>(state: State<C>): void => {
  state.phase = "Closed"
}
