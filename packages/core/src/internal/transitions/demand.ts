/** Transitions: how many connections are opened, and when. */
import { type Command, type Setback, Slot, type State } from "../state.js"
import { type Commands, nothing } from "./commands.js"

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
  for (let i = 0; i < count && now >= pace(state); i++) {
    const slot = new Slot<C>(++state.ids, state.generation, now)
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    state.opening.push(slot)
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** How many connections the waiters and the floor ask for. */
const deficit = <C>(state: State<C>): number => Math.max(queueDeficit(state), state.cooling ? 0 : floorDeficit(state))

/** Opens what the waiters and the floor ask for, as far as the limits and the pace allow. */
export const demand = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" ? open(state, deficit(state), now) : nothing

// --- The pace of opens while they fail ------------------------------------------------------------------------------

/*
 * A leaky bucket (J. Turner, "New directions in communications", 1986). Each failed open fills it by one, up to `burst`;
 * it loses one each `leakMillis`, and a success empties it. An open may begin if those in flight could all fail without
 * an overflow. So at most 10 begin at once and one each 100 ms after that, which makes 20 in the first second; only those
 * that were in flight when the first one failed can be more, up to `maxConnecting`.
 */
const burst = 10
const leakMillis = 100

/** An open has failed. */
export const strain = <C>(state: State<C>, setback: Setback, now: number): void => {
  state.strainedUntil = Math.min(Math.max(state.strainedUntil, now) + leakMillis, now + burst * leakMillis)
  state.lastSetback = setback
}

/** An open has succeeded. */
export const relieve = <C>(state: State<C>): void => {
  state.strainedUntil = -Infinity
  state.lastSetback = undefined
}

/** When the pace allows another open. */
const pace = <C>(state: State<C>): number =>
  state.strainedUntil - Math.max(0, burst - 1 - state.opening.length) * leakMillis

/** When an open may begin that waiters or the floor want and only the pace holds back. */
export const heldBackUntil = <C>(state: State<C>): number | undefined =>
  state.strainedUntil !== -Infinity && state.phase === "Running" && Math.min(deficit(state), room(state)) > 0
    ? pace(state)
    : undefined

/** Whether waiters are without an attempt to open connections for them: only because others have failed. */
export const isHeldBack = <C>(state: State<C>): boolean => Math.min(queueDeficit(state), room(state)) > 0

/** Opens one connection for a borrower who does not wait, so that the next one may find it. */
export const anticipate = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" && state.validating.length === 0 && queueDeficit(state) >= 0 ? open(state, 1, now) : nothing

/**
 * The backoff is over: tries one connection for the floor, or has `demand` do so as soon as the pace allows. The rest
 * follows once one has succeeded.
 */
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
