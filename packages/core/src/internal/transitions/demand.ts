/** Transitions: how many connections are opened, and when. */
import { type Command, type OpenFailure, Slot, type State } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { isLimiting, nextOpenAt } from "./openLimiter.js"

/** How many connections the floor lacks, counting those on their way, but not those that have expired. */
const floorDeficit = <C>(state: State<C>): number => {
  const live = state.opening.length + state.open - state.expiring.length
  return Math.max(state.min - live, state.initialOwed - state.opening.length)
}

/**
 * How many more connections the waiters justify. Those that are asked whether they still work count first, and those
 * that are idle and about to be.
 */
const queueDeficit = <C>(state: State<C>): number => {
  const places = state.pending - (state.validating.length + state.idle.length) * state.places
  return Math.max(state.reconnecting.length, Math.ceil(places / state.places)) - state.opening.length
}

/** How many opens the limits have room for; the pace is another matter. */
const room = <C>(state: State<C>): number =>
  Math.min(
    state.max - state.slots.size,
    state.limits.maxConnecting - state.opening.length - state.aborting.length
  )

const open = <C>(state: State<C>, wanted: number, now: number): Commands<C> => {
  const count = Math.min(wanted, room(state))
  if (count <= 0) return nothing
  const commands: Array<Command<C>> = []
  for (let i = 0; i < count && now >= nextOpenAt(state); i++) {
    const slot = new Slot<C>(++state.ids, state.generation, now)
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    state.opening.push(slot)
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** How many connections the waiters and the floor ask for. */
const deficit = <C>(state: State<C>): number =>
  Math.max(queueDeficit(state), state.backingOff ? 0 : floorDeficit(state))

/** Opens what the waiters and the floor ask for, as far as the limits and the pace allow. */
export const demand = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" ? open(state, deficit(state), now) : nothing

/** When an open may begin that waiters or the floor want and only the pace holds back. */
export const delayedUntil = <C>(state: State<C>): number | undefined =>
  isLimiting(state) && state.phase === "Running" && Math.min(deficit(state), room(state)) > 0
    ? nextOpenAt(state)
    : undefined

/** Whether waiters are without an attempt to open connections for them: only because others have failed. */
export const isOpenDelayed = <C>(state: State<C>): boolean => Math.min(queueDeficit(state), room(state)) > 0

/** Opens one connection for a borrower who does not wait, so that the next one may find it. */
export const openForNext = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" && state.validating.length === 0 && queueDeficit(state) >= 0 ? open(state, 1, now) : nothing

/**
 * The backoff is over: tries one connection for the floor, or has `demand` do so as soon as the pace allows. The rest
 * follows once one has succeeded.
 */
export const probe = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || !state.backingOff) return nothing
  const commands = floorDeficit(state) > 0 ? open(state, 1, now) : nothing
  if (commands.length === 0) state.backingOff = false
  return commands
}

/** A connection came to nothing; the floor is filled more slowly for a while. */
export const backOff = <C>(state: State<C>, setback: OpenFailure | undefined): Commands<C> => {
  if (floorDeficit(state) <= 0) {
    // What failed may have been the probe after a backoff, and nothing would end that any more.
    state.backingOff = false
    return nothing
  }
  state.backingOff = true
  return [{ _tag: "BackOff", failure: setback }]
}

/** Whether everything that `minConnections` and `initialConnections` ask for is open. */
export const isReady = <C>(state: State<C>): boolean => state.initialOwed === 0 && state.open >= state.min
