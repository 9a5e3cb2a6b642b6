/**
 * Transitions: the pace of opens while they fail.
 *
 * The limiter is a leaky bucket (J. Turner, "New directions in communications", 1986). A failed open fills it by one,
 * up to `burst`; it leaks one each `leakMillis`, and a connection that works empties it. An open may begin if all opens
 * in flight, and all connections on trial (`trial.ts`), could fail without an overflow. So at most 10 opens begin at
 * once, and then one each 100 ms: 20 in the first second. Only the opens and trials that were under way at the first
 * failure can be more: up to `maxConnecting`, and up to `maxConnections`.
 */
import type { LostOnTrial, OpenFailure, State } from "../state.js"

const burst = 10
const leakMillis = 100

/** Records a failed open, or the loss of a connection on trial. */
export const penalize = <C>(state: State<C>, failure: OpenFailure | LostOnTrial, now: number): void => {
  const { openLimiter } = state
  openLimiter.blockedUntil = Math.min(
    Math.max(openLimiter.blockedUntil, now) + leakMillis,
    now + burst * leakMillis
  )
  state.lastOpenFailure = failure
}

/** Records that a connection works. */
export const resetLimiter = <C>(state: State<C>): void => {
  state.openLimiter.blockedUntil = -Infinity
  state.lastOpenFailure = undefined
}

/** The moment from which another open is allowed; in the past while nothing fails. */
export const nextOpenAt = <C>(state: State<C>): number =>
  Math.max(
    state.openLimiter.blockedUntil - Math.max(0, burst - 1 - state.opening.length - state.onTrial.size) * leakMillis,
    state.pause?.until ?? -Infinity
  )

/** A failure that further opens would repeat: they pause. Afterwards one at a time may try, until one succeeds. */
export const pauseOpens = <C>(state: State<C>, failure: OpenFailure, until: number): void => {
  state.pause = { failure, until }
}

/** The failure for which opens pause now. */
export const pausedBy = <C>({ pause }: State<C>, now: number): OpenFailure | undefined =>
  pause !== undefined && now < pause.until ? pause.failure : undefined

/** Whether recent failures still count. */
export const isLimiting = <C>(state: State<C>): boolean => state.openLimiter.blockedUntil !== -Infinity
