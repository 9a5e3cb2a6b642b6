/** What users ask of a pool, besides lending. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Engine } from "./engine.js"
import { size } from "./options.js"
import type { Holder, Lease, Slot } from "./state.js"
import * as Demand from "./transitions/demand.js"
import * as Retiring from "./transitions/retiring.js"
import * as Whole from "./transitions/whole.js"

const isManual = (lease: Lease<any>): boolean => lease.owner === "Manual"
const isAny = (): boolean => true
const isThere = (slot: Slot<any>): boolean => slot.phase === "Idle" || slot.phase === "Taken" || slot.phase === "InUse"

/**
 * Ends a lease that was taken by hand, or the caller's own. What somebody else has in a scope is not the caller's to
 * give back: he has released it before, and it has been lent again.
 */
export const release = <C, E>(engine: Engine<C, E>, connection: C, caller: Holder): boolean => {
  const isOwn = (lease: Lease<C>) => lease.holder === caller
  const lease = engine.index.lease(connection, (lease) => isManual(lease) && isOwn(lease), isOwn, isManual)
  if (lease === undefined) return false
  engine.leases.end(lease, Exit.void)
  return true
}

/** The lease that a caller means who wants another connection for it. */
export const leaseOf = <C, E>(engine: Engine<C, E>, connection: C, caller: Holder): Lease<C> | undefined =>
  engine.index.lease(connection, (lease) => lease.holder === caller, isManual, isAny)

const find = <C, E>(engine: Engine<C, E>, connection: C): Slot<C> | undefined =>
  engine.index.lease(connection, isManual, isAny)?.slot ?? engine.index.slot(connection, isThere)

export const drop = <C, E>(engine: Engine<C, E>, connection: C): boolean => {
  const slot = find(engine, connection)
  if (slot === undefined) return false
  engine.run(Retiring.retire(engine.state, slot, "Dropped", engine.now()))
  return true
}

export const dropById = <C, E>(engine: Engine<C, E>, id: number): boolean => {
  for (const slot of engine.state.slots) {
    if (slot.id !== id || !isThere(slot)) continue
    engine.run(Retiring.retire(engine.state, slot, "Dropped", engine.now()))
    return true
  }
  return false
}

export const invalidate = <C, E>(engine: Engine<C, E>, connection: C): void => {
  const slot = find(engine, connection)
  if (slot !== undefined) engine.run(Retiring.retireOnReturn(engine.state, slot, "Invalid", engine.now()))
}

/** Closes every idle connection that has expired or is stale, and any that is found unfit otherwise; how many had. */
export const dropExpired = <C, E>(engine: Engine<C, E>): number => {
  const { state } = engine
  let dropped = 0
  for (const slot of [...state.expiring, ...state.idle]) {
    if (slot.phase !== "Idle") continue
    const now = engine.now()
    const reason = engine.checkLendable(slot, now)
    // A predicate may have used the pool meanwhile.
    if (reason === undefined || slot.phase !== "Idle") continue
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
  const { max, min } = size(wanted, state)
  if (state.phase !== "Running") return
  engine.events.publish(() => ({ _tag: "Resized", minConnections: min, maxConnections: max }))
  engine.run(Whole.resize(state, min, max, engine.now()))
  engine.watch()
}

/** Begins to close, unless that has begun before, and waits for the end. */
export const close = <C, E>(engine: Engine<C, E>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { options, state } = engine
    const now = engine.now()
    if (state.phase === "Running") engine.events.publish(() => ({ _tag: "Draining" }))
    engine.run(Whole.beginClose(state, now + options.drainTimeout, now))
    engine.watch()
    return Deferred.await(engine.done)
  })

/** Opens what the floor asks for. */
export const start = <C, E>(engine: Engine<C, E>): void => engine.run(Demand.demand(engine.state, engine.now()))
