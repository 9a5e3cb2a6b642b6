/** Transitions: how many connections are opened, and when. */
import { type Command, type Setback, Slot, type State } from "../state.js"

type Commands<C> = ReadonlyArray<Command<C>>
const nothing: Commands<never> = []

/** How many connections the floor lacks, counting those on their way, but not those that have expired. */
const floorDeficit = <C>(state: State<C>): number => {
  const live = state.opening.length + state.open - state.outgoing.length
  return Math.max(state.min - live, state.warm - state.opening.length)
}

/**
 * How many more connections the waiters justify. Those that are asked whether they still work count first, and those
 * that are idle and about to be.
 */
const queueDeficit = <C>(state: State<C>): number => {
  const places = state.pending - (state.validating.length + state.idle.length) * state.places
  return Math.max(state.movers.length, Math.ceil(places / state.places)) - state.opening.length
}

const open = <C>(state: State<C>, count: number, now: number): Commands<C> => {
  const inFlight = state.opening.length + state.aborting.length
  const room = Math.min(count, state.max - state.slots.size, state.limits.maxConnecting - inFlight)
  if (room <= 0) return nothing
  const commands: Array<Command<C>> = []
  for (let i = 0; i < room; i++) {
    const slot = new Slot<C>(++state.ids, state.generation, now)
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    state.opening.push(slot)
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** Opens what the waiters and the floor ask for, as far as the limits allow. */
export const demand = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  return open(state, Math.max(queueDeficit(state), state.cooling ? 0 : floorDeficit(state)), now)
}

/** Opens one connection for a borrower who does not wait, so that the next one may find it. */
export const anticipate = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" && state.validating.length === 0 && queueDeficit(state) >= 0 ? open(state, 1, now) : nothing

/** The backoff is over: tries one connection for the floor. The rest follows once one has succeeded. */
export const probe = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || !state.cooling) return nothing
  const commands = floorDeficit(state) > 0 ? open(state, 1, now) : nothing
  if (commands.length === 0) state.cooling = false
  return commands
}

/** A connection came to nothing; the floor is filled more slowly for a while. */
export const setBack = <C>(state: State<C>, setback: Setback | undefined): Commands<C> => {
  if (floorDeficit(state) <= 0) {
    // What failed may have been the probe after a backoff, and nothing would end that any more.
    state.cooling = false
    return nothing
  }
  state.cooling = true
  return [{ _tag: "BackOff", setback }]
}

/** Whether everything that `minConnections` and `initialConnections` ask for is open. */
export const isReady = <C>(state: State<C>): boolean => state.warm === 0 && state.open >= state.min
