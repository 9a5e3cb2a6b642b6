/** Transitions: how many connections are opened, and when. */
import { type Command, type OpenFailure, Slot, type State, Touched } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { isLimiting, nextOpenAt, pausedBy } from "./openLimiter.js"
import { enter } from "./phases.js"
import { failQueue, failWaiter } from "./waiters.js"

/** The connections that the floor lacks. Opens in flight count, expired connections do not. */
const floorDeficit = <C>(state: State<C>): number => {
  const live = state.opening.length + state.open - state.expiring.length
  return Math.max(state.min - live, state.initialOwed - state.opening.length)
}

/** The connections that the waiters need. Exclusive ones need one each, the others share. */
const needed = <C>(state: State<C>): number =>
  Math.ceil((state.waiters.length + state.reconnecting.length) / state.places) + state.exclusives.length

/** The further opens that the waiters justify. Connections that are idle or being validated will serve some of them. */
const queueDeficit = <C>(state: State<C>): number => {
  const missing = needed(state) - state.validating.length - state.idle.length
  return Math.max(state.reconnecting.length, missing) - state.opening.length
}

/** The opens that a number of places and `maxConnecting` have room for. After a fatal failure one at a time may try. */
const roomIn = <C>(state: State<C>, places: number): number =>
  Math.min(
    places - state.slots.size,
    (state.pause === undefined ? state.limits.maxConnecting : 1) - state.opening.length - state.aborting.length
  )

/** The opens that there is room for now; the limiter is another matter. */
const room = <C>(state: State<C>): number => roomIn(state, state.cap)

const open = <C>(state: State<C>, wanted: number, now: number): Commands<C> => {
  const count = Math.min(wanted, room(state))
  if (count <= 0) return nothing
  state.isPlaceForeseen = false
  const commands: Array<Command<C>> = []
  for (let i = 0; i < count && now >= nextOpenAt(state); i++) {
    state.isTrialOwed = false
    const slot = new Slot<C>(++state.numbers.last, state.generation, now)
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    enter(state, slot, "Opening")
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** The opens that are asked for. */
const deficit = <C>(state: State<C>): number => {
  const lacking = deficitOfUsers(state)
  return state.isTrialOwed && lacking < 1 ? 1 : lacking
}

/** The opens that the waiters and the floor ask for, or one for a borrower that did not wait for the budget. */
const deficitOfUsers = <C>(state: State<C>): number => {
  const forQueue = queueDeficit(state)
  const lacking = Math.max(forQueue, state.backingOff ? 0 : floorDeficit(state))
  return lacking <= 0 && state.isPlaceForeseen && forQueue === 0 && state.validating.length === 0 ? 1 : lacking
}

/**
 * Opens what the waiters and the floor ask for, as far as the limits allow. While opens pause, waiters that only an open
 * could serve fail.
 */
export const demand = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  // A connection has become free, or will: nobody need open one for the next borrower.
  if (state.isPlaceForeseen && queueDeficit(state) < 0) state.isPlaceForeseen = false
  const failure = state.pause && pausedBy(state, now)
  return failure === undefined ? open(state, deficit(state), now) : failStranded(state, failure)
}

const failStranded = <C>(state: State<C>, failure: OpenFailure): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const waiter of state.reconnecting) commands.push(failWaiter(state, waiter, failure))
  if (state.open > 0) return commands
  return both(commands, failQueue(state, failure))
}

/** The failure of a borrower that comes while opens pause and nothing is open that could serve it. */
export const standstill = <C>(state: State<C>, now: number): OpenFailure | undefined =>
  state.open > 0 ? undefined : pausedBy(state, now)

/**
 * The places that the pool could use now, beyond those it has and whatever a budget has granted. None while opens are
 * delayed: a pool whose server is down must not take the places of others.
 */
export const wanted = <C>(state: State<C>, now: () => number): number => {
  if (state.phase !== "Running") return 0
  if ((isLimiting(state) || state.pause !== undefined) && now() < nextOpenAt(state)) return 0
  return Math.max(0, Math.min(deficit(state), roomIn(state, state.max)))
}

/**
 * The moment of the next open that is wanted and that only the limiter delays. One for which the budget has no place is
 * waited for once, because from then on the pool wants a place.
 */
export const delayedUntil = <C>(state: State<C>): number | undefined => {
  const { openLimiter, pause, phase } = state
  if ((!isLimiting(state) && pause === undefined) || phase !== "Running" || deficit(state) <= 0) return undefined
  const until = nextOpenAt(state)
  return room(state) > 0 || (roomIn(state, state.max) > 0 && until > openLimiter.awaited) ? until : undefined
}

/** The moment of a delayed open has come. From now on the budget has to be asked for its place. */
export const awaited = <C>(state: State<C>, now: number): void => {
  state.openLimiter.awaited = now
  state.touched |= Touched.queue
}

/** Whether a waiter has no open in flight although there is room for one: the limiter delays it. */
export const isOpenDelayed = <C>(state: State<C>): boolean => Math.min(queueDeficit(state), room(state)) > 0

/** Opens one connection for the next borrower, after one that does not wait found none. */
export const openForNext = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || state.validating.length > 0 || queueDeficit(state) < 0) return nothing
  const commands = open(state, 1, now)
  if (commands.length === 0 && state.cap < state.max) {
    state.isPlaceForeseen = true
    state.touched |= Touched.queue
  }
  return commands
}

/** Opens one connection that nobody waits for, as soon as there is a place: it shows whether the server works. */
export const openTrial = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || state.opening.length > 0) return nothing
  state.isTrialOwed = true
  state.touched |= Touched.everything
  return demand(state, now)
}

/**
 * The wait is over: opens one connection for the floor, or lets `demand` do so as soon as the limiter allows. The others
 * follow once it has worked.
 */
export const probe = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running" || !state.backingOff) return nothing
  const commands = floorDeficit(state) > 0 ? open(state, 1, now) : nothing
  if (commands.length === 0) {
    state.backingOff = false
    state.touched |= Touched.everything
  }
  return commands
}

/** An open failed, or a connection died unused: the floor is filled with a delay. */
export const backOff = <C>(state: State<C>, failure?: OpenFailure): Commands<C> => {
  state.touched |= Touched.everything
  if (floorDeficit(state) <= 0) {
    // The failed open may have been the probe that ends a backoff; nothing else would end it.
    state.backingOff = false
    return nothing
  }
  state.backingOff = true
  return [{ _tag: "BackOff", failure }]
}

/** Whether everything that `minConnections` and `initialConnections` ask for is open. */
export const isReady = <C>(state: State<C>): boolean => state.initialOwed === 0 && state.open >= state.min
