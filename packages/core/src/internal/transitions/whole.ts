/** Transitions of the pool as a whole. */
import { constTrue } from "effect/Function"
import { type Command, isLeased, isUnheld, type Slot, type State, Touched } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { demand, openTrial } from "./demand.js"
import { abortOpens } from "./opening.js"
import { calm } from "./overload.js"
import { close, isSurplus, mustNotBeLent, openWanted, retire, rotate, stopSharing, surplusReason } from "./retiring.js"
import { abandonProbe } from "./trial.js"
import { failQueue, failWaiter, moveQueue } from "./waiters.js"

/** Aborts opens in flight while `more` says so. */
const abortWhile = <C>(state: State<C>, now: number, more: () => boolean, except?: Slot<C>): Commands<C> => {
  const commands = abortOpens(state, now, more, except)
  // The open that was to end the backoff may have been among them.
  if (commands.length > 0) abandonProbe(state)
  return commands
}

/** Opens what the floor asks for. A budget hears of what it wants, also if it may not open anything yet. */
export const start = <C>(state: State<C>, now: number): Commands<C> => {
  state.touched |= Touched.everything
  return demand(state, now)
}

/** Begins a new generation. An open in flight that knows the reason for that already may belong to it. */
export const clear = <C>(state: State<C>, now: number, except?: Slot<C>): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.generation++
  state.pause = undefined
  state.touched |= Touched.everything
  const commands = [...abortWhile(state, now, constTrue, except)]
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
  const commands = shrink(state, now)
  // An initial connection for which there is no room is not owed any more.
  state.initialOwed = Math.min(state.initialOwed, Math.max(0, max - state.open))
  return [...commands, ...rotate(state, now), ...openWanted(state, now)]
}

/** Closes what there is no room for and nobody holds: the longest idle first, opens in flight last. */
const shrink = <C>(state: State<C>, now: number): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const slots of [state.expiring, state.idle, state.validating]) {
    for (const slot of slots) {
      if (!isSurplus(state)) break
      commands.push(...retire(state, slot, surplusReason(state), now))
    }
  }
  commands.push(...abortWhile(state, now, () => isSurplus(state)))
  return commands
}

/** A budget grants this number of places. Connections above it close: idle ones now, leased ones on return. */
export const allot = <C>(state: State<C>, places: number, now: number): Commands<C> => {
  const isLess = places < state.allotted
  state.allotted = places
  if (state.phase !== "Running") return nothing
  state.touched |= Touched.everything
  const commands = isLess ? [...shrink(state, now), ...rotate(state, now)] : []
  return [...commands, ...openWanted(state, now)]
}

/** Stops lending and opening. Idle connections close now, leased ones on return. */
export const beginClose = <C>(state: State<C>, drainDeadline: number, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  state.phase = "Draining"
  state.touched |= Touched.everything
  state.backingOff = false
  state.drainDeadline = drainDeadline
  const commands: Array<Command<C>> = []
  for (const waiter of state.reconnecting) commands.push(failWaiter(state, waiter, { _tag: "PoolClosed" }))
  commands.push(...failQueue(state, { _tag: "PoolClosed" }), ...calm(state, now))
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

/** The drain that goes on may last until then, and no longer. */
export const limitDrain = <C>(state: State<C>, drainDeadline: number): Commands<C> => {
  state.drainDeadline = Math.min(state.drainDeadline, drainDeadline)
  state.touched |= Touched.everything
  return nothing
}

/** Sends the borrowers in the queue to other pools. Nothing has been sent for them, so this retries nobody's work. */
export const turnOut = <C>(state: State<C>): Commands<C> => moveQueue(state, undefined)

/** Asks a server that was left alone whether it works, with a new connection: those that nobody holds may be dead. */
export const recheck = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  const commands: Array<Command<C>> = []
  for (const slot of state.slots) {
    if (isUnheld(slot)) commands.push(...close(state, slot, "Invalid", now))
  }
  return [...commands, ...openTrial(state, now)]
}

/** Gives up one connection, so that another part of the pool can have its place: an idle one, or one on return. */
export const giveUp = <C>(state: State<C>, now: number): Commands<C> => {
  const longest = state.idle.head
  if (longest !== undefined) return close(state, longest, "Surplus", now)
  for (const { slot } of state.held) {
    if (slot.reason !== undefined) continue
    mustNotBeLent(state, slot, "Surplus")
    break
  }
  return nothing
}

/** The last slot of a closing pool has gone. */
export const closed = <C>(state: State<C>): void => {
  state.phase = "Closed"
  state.touched |= Touched.everything
}
