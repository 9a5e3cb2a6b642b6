/** Transitions of the pool as a whole. */
import { constTrue } from "effect/Function"
import { type Command, isLeased, isUnheld, type Slot, type State, Touched } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { demand } from "./demand.js"
import { abortOpens } from "./opening.js"
import { close, isSurplus, mustNotBeLent, openWanted, retire, rotate, stopSharing } from "./retiring.js"
import { abandonProbe } from "./trial.js"
import { failWaiter } from "./waiters.js"

/** Aborts opens in flight while `more` says so. */
const abortWhile = <C>(state: State<C>, now: number, more: () => boolean): Commands<C> => {
  const commands = abortOpens(state, now, more)
  // The open that was to end the backoff may have been among them.
  if (commands.length > 0) abandonProbe(state)
  return commands
}

/** Begins a new generation. */
export const clear = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.generation++
  state.pause = undefined
  state.touched |= Touched.everything
  const commands = [...abortWhile(state, now, constTrue)]
  for (const slot of state.slots) {
    if (isUnheld(slot)) commands.push(...close(state, slot, "Cleared", now))
    else if (isLeased(slot)) mustNotBeLent(state, slot, "Cleared")
  }
  commands.push(...demand(state, now))
  return commands
}

/** Sets new limits. Surplus connections close: those nobody holds now, leased ones on return. */
export const resize = <C>(state: State<C>, min: number, max: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.min = min
  state.max = max
  state.touched |= Touched.everything
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
  // An initial connection for which there is no room is not owed any more.
  state.initialOwed = Math.min(state.initialOwed, Math.max(0, max - state.open))
  commands.push(...rotate(state, now), ...openWanted(state, now))
  return commands
}

/** Stops lending and opening. Idle connections close now, leased ones on return. */
export const beginClose = <C>(state: State<C>, drainDeadline: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.phase = "Draining"
  state.touched |= Touched.everything
  state.backingOff = false
  state.drainDeadline = drainDeadline
  const commands: Array<Command<C>> = []
  for (const list of [state.reconnecting, state.waiters]) {
    for (const waiter of list) commands.push(failWaiter(state, waiter, { _tag: "PoolClosed" }))
  }
  commands.push(...abortWhile(state, now, constTrue))
  for (const slot of state.slots) {
    if (isUnheld(slot)) commands.push(...close(state, slot, "PoolClosed", now))
    else stopSharing(state, slot)
  }
  return commands
}

/** The drain is over: revokes every lease still held. */
export const forceClose = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slot of state.slots) {
    if (isLeased(slot)) commands.push(...close(state, slot, slot.reason ?? "PoolClosed", now))
  }
  return commands
}

/** The last slot of a closing pool has gone. */
export const closed = <C>(state: State<C>): void => {
  state.phase = "Closed"
  state.touched |= Touched.everything
}
