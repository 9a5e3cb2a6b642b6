/**
 * Transitions: new connections are on trial.
 *
 * A server that accepts connections and drops them is down, although every connect succeeds. So a connect alone is no
 * proof. A connection is on trial until a lease of it ends in success, or until it has lived for `trialMillis`. If it
 * is lost before that, it counts as a failed open. Only a passed trial ends the pace of the limiter and the backoff of
 * the floor.
 */
import type { CloseReason } from "../../PoolStats.js"
import { type Lease, type LostOnTrial, type Slot, type State, Touched } from "../state.js"
import { both, type Commands, nothing } from "./commands.js"
import { backOff } from "./demand.js"
import { isLimiting, penalize, resetLimiter } from "./openLimiter.js"

/** A server that drops the connections it cannot serve does so at once, or after one round trip. */
const trialMillis = 1_000

/** A connection has been opened. */
export const beginTrial = <C>(state: State<C>, slot: Slot<C>, now: number): void => {
  slot.openedAt = now
  slot.isOnTrial = true
  state.onTrial.add(slot)
}

/** The trial of a connection is over. Returns whether it was on. */
const leaveTrial = <C>(state: State<C>, slot: Slot<C>): boolean => {
  slot.isOnTrial = false
  return state.onTrial.delete(slot)
}

/** A loss that nobody's error explains. */
export const noError: LostOnTrial = { _tag: "LostOnTrial", error: undefined }

/** A holder's effect has ended, before the lease ends: a success or a typed failure bears witness. */
export const testify = <C>(lease: Lease<C>, served: boolean, fault: LostOnTrial | undefined): void => {
  lease.served = served
  lease.fault = fault
}

/** Whether a close for this reason says that the connection does not work, or may not. */
const isLost = (reason: CloseReason): boolean => reason === "Disconnected" || reason === "Desync"

/** Whether a close for this reason is a loss, provided that somebody bears witness to a fault. */
const isPerhapsLost = (reason: CloseReason): boolean =>
  reason === "Discarded" || reason === "Dropped" || reason === "Invalid"

/** A connection has worked: the backoff is over. The caller asks for the opens that it delayed. */
export const recover = <C>(state: State<C>): Commands<C> => {
  if (!isLimiting(state) && !state.backingOff) return nothing
  resetLimiter(state)
  state.backingOff = false
  state.touched |= Touched.everything
  return [{ _tag: "Recovered" }]
}

/** A lease of a connection on trial ends. Returns whether the connection has passed. */
export const judge = <C>(state: State<C>, lease: Lease<C>, unfit: CloseReason | undefined): boolean => {
  const { fault, served, slot } = lease
  if (fault !== undefined) slot.fault = fault
  const reason = unfit ?? slot.reason
  const isSuspect = reason !== undefined && (isLost(reason) || reason === "Dropped" || reason === "Invalid")
  return served && !isSuspect && leaveTrial(state, slot)
}

/** A connection closes. One that is lost on trial counts as a failed open. */
export const endTrial = <C>(state: State<C>, slot: Slot<C>, reason: CloseReason, now: number): Commands<C> => {
  if (state.phase !== "Running") {
    leaveTrial(state, slot)
    return nothing
  }
  const recovered = passAged(state, now)
  const isLoss = isLost(reason) || (isPerhapsLost(reason) && slot.fault !== undefined)
  if (leaveTrial(state, slot)) {
    if (isLoss) penalize(state, slot.fault ?? noError, now)
    else abandonProbe(state)
    return isLoss ? both(recovered, backOff(state)) : recovered
  }
  return isLost(reason) && !slot.used ? both(recovered, backOff(state)) : recovered
}

/** The connections that have lived for long enough pass. */
export const passAged = <C>(state: State<C>, now: number): Commands<C> => {
  const before = state.onTrial.size
  for (const slot of state.onTrial) {
    if (now < slot.openedAt + trialMillis) break
    leaveTrial(state, slot)
  }
  return state.onTrial.size < before ? recover(state) : nothing
}

/** If nothing is under way that could end the backoff, it ends here. */
export const abandonProbe = <C>(state: State<C>): void => {
  if (!state.backingOff || state.opening.length > 0 || state.onTrial.size > 0) return
  state.backingOff = false
  state.touched |= Touched.everything
}

/** The moment at which the oldest trial is passed, while that makes a difference. */
export const nextPassed = <C>(state: State<C>): number | undefined => {
  if (state.onTrial.size === 0 || (!isLimiting(state) && !state.backingOff)) return undefined
  for (const slot of state.onTrial) return slot.openedAt + trialMillis
  return undefined
}
