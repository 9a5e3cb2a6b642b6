/** Transitions: an open succeeds, fails or is aborted. */
import { constTrue } from "effect/Function"
import type { Command, OpenFailure, Slot, State } from "../state.js"
import type { Commands } from "./commands.js"
import { backOff } from "./demand.js"
import { keepAlive } from "./keepalive.js"
import { handOff } from "./leases.js"
import { pauseOpens, penalize } from "./openLimiter.js"
import { enter } from "./phases.js"
import { openWanted, rotate } from "./retiring.js"
import { beginTrial, passAged } from "./trial.js"
import { failOldest, moveQueue } from "./waiters.js"

/** An open has succeeded. */
export const opened = <C>(
  state: State<C>,
  slot: Slot<C>,
  connection: C,
  expiresAt: number,
  now: number
): Commands<C> => {
  // Not in flight any more, and not lent or idle yet: `handOff` decides.
  enter(state, slot, "Checking")
  state.opened++
  state.openTime.record(now - slot.since)
  if (state.initialOwed > 0) state.initialOwed--
  state.lastOpenFailure = undefined
  state.pause = undefined
  beginTrial(state, slot, now)
  keepAlive(state, slot)
  slot.connection = connection
  slot.expiresAt = expiresAt
  slot.generation = state.generation
  slot.ticket = ++state.tickets
  return [
    ...handOff(state, slot, now),
    ...openWanted(state, now),
    ...rotate(state, now)
  ]
}

/**
 * An open has failed, or was aborted at its deadline: the oldest waiter fails, the others wait on. Waiters that have
 * other pools to go to do that at once. After a fatal failure opens pause, and `demand` fails the waiters that only an
 * open could serve.
 */
export const openFailed = <C>(
  state: State<C>,
  slot: Slot<C>,
  failure: OpenFailure,
  inFlight: boolean,
  now: number,
  isFatal = false
): Commands<C> => {
  const commands: Array<Command<C>> = [...passAged(state, now)]
  if (inFlight) commands.push(abort(state, slot, now))
  else abandon(state, slot, now)
  penalize(state, failure, now)
  if (isFatal) {
    pauseOpens(state, failure, now + state.limits.fatalPause)
    commands.push(...abortOpens(state, now, constTrue))
  }
  commands.push(...failOldest(state, failure))
  if (state.isPart) commands.push(...moveQueue(state, failure))
  commands.push(...backOff(state, failure), ...openWanted(state, now))
  return commands
}

/** Nobody needs the outcome of an open any more. Its slot stays taken until its remains are cleaned up. */
const abandon = <C>(state: State<C>, slot: Slot<C>, now: number): void => {
  slot.deadline = now + state.limits.closeTimeout
  enter(state, slot, "Aborting")
}

/** Aborts opens in flight, the youngest first, while `more` says so; but not that of `except`. */
export const abortOpens = <C>(
  state: State<C>,
  now: number,
  more: () => boolean,
  except?: Slot<C>
): Commands<C> => {
  const commands: Array<Command<C>> = []
  let next = state.opening.tail
  while (next !== undefined && more()) {
    const slot = next
    next = slot.prev
    if (slot !== except) commands.push(abort(state, slot, now))
  }
  return commands
}

/** Aborts an open in flight. */
const abort = <C>(state: State<C>, slot: Slot<C>, now: number): Command<C> => {
  abandon(state, slot, now)
  return { _tag: "Abort", slot }
}
