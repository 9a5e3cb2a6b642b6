/** The user's calls other than borrowing. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Engine } from "./engine.js"
import { size } from "./options.js"
import { type Holder, isLeased, isUnheld, type Lease, type Slot } from "./state.js"
import * as Retiring from "./transitions/retiring.js"
import * as Whole from "./transitions/whole.js"

const isManual = (lease: Lease<any>): boolean => lease.owner === "Manual"
const isAny = (): boolean => true
const isOpen = (slot: Slot<any>): boolean => isUnheld(slot) || isLeased(slot)

/**
 * Ends a lease that was taken by hand, or the caller's own. A lease that another fiber has by `get` or `use` is not the
 * caller's to end: the caller's own has ended before, and the connection has been lent again.
 */
export const release = <C, E>(engine: Engine<C, E>, connection: C, caller: Holder): boolean => {
  const isOwn = (lease: Lease<C>) => lease.holder === caller
  const lease = engine.index.lease(connection, (lease) => isManual(lease) && isOwn(lease), isOwn, isManual)
  if (lease === undefined) return false
  engine.leases.end(lease, Exit.void)
  return true
}

/** Finds the lease for which a caller wants another connection. */
export const leaseOf = <C, E>(engine: Engine<C, E>, connection: C, caller: Holder): Lease<C> | undefined =>
  engine.index.lease(connection, (lease) => lease.holder === caller, isManual, isAny)

const find = <C, E>(engine: Engine<C, E>, connection: C): Slot<C> | undefined =>
  engine.index.lease(connection, isManual, isAny)?.slot ?? engine.index.slot(connection, isOpen)

/** Whether a connection is open and every lease of it has been given back. */
const isNobodys = (slot: Slot<any>): boolean => isOpen(slot) && slot.leases.every(({ phase }) => phase === "Returning")

/** Finds the slot of a view that its holder has given back, for as long as a condition holds. */
const findFormer = <C, E>(
  engine: Engine<C, E>,
  view: C,
  condition: (slot: Slot<C>) => boolean
): Slot<C> | undefined => {
  const slot = engine.index.former(view)
  return slot !== undefined && condition(slot) ? slot : undefined
}

export const drop = <C, E>(engine: Engine<C, E>, connection: C): boolean => {
  // A view that was given back drops no connection that somebody else holds by now.
  const slot = find(engine, connection) ?? findFormer(engine, connection, isNobodys)
  if (slot === undefined) return false
  engine.run(Retiring.retire(engine.state, slot, "Dropped", engine.now()))
  return true
}

export const dropById = <C, E>(engine: Engine<C, E>, connectionId: number): boolean => {
  for (const slot of engine.state.slots) {
    if (slot.id !== connectionId || !isOpen(slot)) continue
    engine.run(Retiring.retire(engine.state, slot, "Dropped", engine.now()))
    return true
  }
  return false
}

export const invalidate = <C, E>(engine: Engine<C, E>, connection: C): void => {
  const slot = find(engine, connection) ?? findFormer(engine, connection, isOpen)
  if (slot !== undefined) engine.run(Retiring.retireOnReturn(engine.state, slot, "Invalid", engine.now()))
}

const isIdle = ({ phase }: Slot<any>): boolean => phase === "Idle" || phase === "Expiring"

/** Closes the idle connections that are unfit. Returns how many of them had expired or were stale. */
export const dropExpired = <C, E>(engine: Engine<C, E>): number => {
  const { state } = engine
  let dropped = 0
  for (const slot of [...state.expiring, ...state.idle]) {
    if (!isIdle(slot)) continue
    const now = engine.now()
    const reason = engine.hooks.checkLendable(slot, now)
    // A predicate may have used the pool meanwhile.
    if (reason === undefined || !isIdle(slot)) continue
    engine.run(Retiring.retire(state, slot, reason, now))
    if (reason === "Expired" || reason === "Stale") dropped++
  }
  return dropped
}

export const clear = <C, E>(engine: Engine<C, E>): void => {
  if (engine.state.phase !== "Running") return
  engine.events.publish(() => ({ _tag: "Cleared" }))
  engine.run(Whole.clear(engine.state, engine.now()))
}

export const resize = <C, E>(
  engine: Engine<C, E>,
  wanted: { readonly min?: number; readonly max?: number }
): void => {
  const { state } = engine
  const { max, min } = size(wanted, state, engine.seat)
  if (state.phase !== "Running") return
  engine.events.publish(() => ({ _tag: "Resized", minConnections: min, maxConnections: max }))
  engine.run(Whole.resize(state, min, max, engine.now()))
}

/** Begins to close, unless that has begun before, and waits for the end. */
export const close = <C, E>(engine: Engine<C, E>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { options, state } = engine
    const now = engine.now()
    if (state.phase === "Running") engine.events.publish(() => ({ _tag: "Draining" }))
    engine.run(Whole.beginClose(state, now + options.drainTimeout, now))
    return engine.done.opened
  })

/** Opens what the floor asks for. */
export const start = <C, E>(engine: Engine<C, E>): void => engine.run(Whole.start(engine.state, engine.now()))
