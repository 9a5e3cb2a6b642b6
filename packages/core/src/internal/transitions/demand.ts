/** Transitions: how many connections are opened, and when. */
import { type Command, type OpenFailure, Slot, type State, Touched } from "../state.js"
import { type Commands, nothing } from "./commands.js"
import { isLimiting, nextOpenAt, pausedBy } from "./openLimiter.js"
import { enter } from "./phases.js"
import { failWaiter } from "./waiters.js"

/** The connections that the floor lacks. Opens in flight count, expired connections do not. */
const floorDeficit = <C>(state: State<C>): number => {
  const live = state.opening.length + state.open - state.expiring.length
  return Math.max(state.min - live, state.initialOwed - state.opening.length)
}

/** The further opens that the waiters justify. Connections that are idle or being validated will serve some of them. */
const queueDeficit = <C>(state: State<C>): number => {
  const places = state.pending - (state.validating.length + state.idle.length) * state.places
  return Math.max(state.reconnecting.length, Math.ceil(places / state.places)) - state.opening.length
}

/**
 * The opens that `max` and `maxConnecting` have room for; the limiter is another matter. After a fatal failure one at a
 * time may try.
 */
const room = <C>(state: State<C>): number =>
  Math.min(
    state.max - state.slots.size,
    (state.pause === undefined ? state.limits.maxConnecting : 1) - state.opening.length - state.aborting.length
  )

const open = <C>(state: State<C>, wanted: number, now: number): Commands<C> => {
  const count = Math.min(wanted, room(state))
  if (count <= 0) return nothing
  const commands: Array<Command<C>> = []
  for (let i = 0; i < count && now >= nextOpenAt(state); i++) {
    const slot = new Slot<C>(++state.ids, state.generation, now)
    slot.deadline = now + state.limits.connectTimeout
    state.slots.add(slot)
    enter(state, slot, "Opening")
    commands.push({ _tag: "Open", slot })
  }
  return commands
}

/** The opens that the waiters and the floor ask for. */
const deficit = <C>(state: State<C>): number =>
  Math.max(queueDeficit(state), state.backingOff ? 0 : floorDeficit(state))

/**
 * Opens what the waiters and the floor ask for, as far as the limits allow. While opens pause, waiters that only an open
 * could serve fail.
 */
export const demand = <C>(state: State<C>, now: number): Commands<C> => {
  if (state.phase !== "Running") return nothing
  const failure = state.pause && pausedBy(state, now)
  return failure === undefined ? open(state, deficit(state), now) : failStranded(state, failure)
}

const failStranded = <C>(state: State<C>, failure: OpenFailure): Commands<C> => {
  const commands: Array<Command<C>> = []
  for (const waiter of state.reconnecting) commands.push(failWaiter(state, waiter, failure))
  if (state.open > 0) return commands
  for (const waiter of state.waiters) commands.push(failWaiter(state, waiter, failure))
  return commands
}

/** The failure of a borrower that comes while opens pause and nothing is open that could serve it. */
export const standstill = <C>(state: State<C>, now: number): OpenFailure | undefined =>
  state.open > 0 ? undefined : pausedBy(state, now)

/** The moment of the next open that is wanted and that only the limiter delays. */
export const delayedUntil = <C>(state: State<C>): number | undefined =>
  (isLimiting(state) || state.pause !== undefined) && state.phase === "Running" &&
    Math.min(deficit(state), room(state)) > 0
    ? nextOpenAt(state)
    : undefined

/** Whether a waiter has no open in flight although there is room for one: the limiter delays it. */
export const isOpenDelayed = <C>(state: State<C>): boolean => Math.min(queueDeficit(state), room(state)) > 0

/** Opens one connection for the next borrower, after one that does not wait found none. */
export const openForNext = <C>(state: State<C>, now: number): Commands<C> =>
  state.phase === "Running" && state.validating.length === 0 && queueDeficit(state) >= 0 ? open(state, 1, now) : nothing

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
