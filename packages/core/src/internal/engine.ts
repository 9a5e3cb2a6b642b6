/**
 * The only place that runs what transitions return. Its parts call them: `lender.ts` for borrowers, `verbs.ts` for what
 * users ask besides, `upkeep.ts` because time passes, and the engine itself for what happens to connections, which
 * `lives.ts` opens and closes.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { AnySpan } from "effect/Tracer"
import type { CloseReason } from "../PoolStats.js"
import { EventBus } from "./eventBus.js"
import { Hooks } from "./hooks.js"
import { LeaseManager } from "./leasing.js"
import { ConnectionLifecycle } from "./lifecycle.js"
import type { Resolved } from "./options.js"
import { Readiness } from "./readiness.js"
import * as Registry from "./registry.js"
import * as PoolRuntime from "./runtime.js"
import { SlotIndex } from "./slotIndex.js"
import { type OpenFailure, type Slot, State, type Waiter } from "./state.js"
import { Timers } from "./timers.js"
import * as Tracing from "./tracing.js"
import type { Commands } from "./transitions/commands.js"
import * as Demand from "./transitions/demand.js"
import * as Leases from "./transitions/leases.js"
import * as Opening from "./transitions/opening.js"
import * as Retiring from "./transitions/retiring.js"
import * as Whole from "./transitions/whole.js"

export class Engine<C, E> {
  readonly state: State<C>
  readonly events: EventBus<C>
  readonly readiness: Readiness
  readonly index = new SlotIndex<C>()
  /** Why the last open failed, until one succeeds. */
  lastConnectError: Option.Option<unknown> = Option.none()

  /** Completes when a closing pool is empty. */
  readonly done = Deferred.unsafeMake<void>(FiberId.none)

  /** What spans say of the pool. */
  readonly attributes: Tracing.Attributes

  readonly leases: LeaseManager<C, E>

  readonly runtime: PoolRuntime.PoolRuntime
  readonly hooks: Hooks<C>
  readonly lifecycle: ConnectionLifecycle<C, E>
  readonly timers: Timers<C, E>

  constructor(
    readonly options: Resolved<C, E, Scope.Scope>,
    context: Runtime.Runtime<never>,
    clock: Clock.Clock
  ) {
    this.attributes = { "db.client.connection.pool.name": options.name, ...options.attributes }
    const runtime = PoolRuntime.make(options.name, context, clock)
    const state = new State<C>(options, runtime.now())
    this.state = state
    this.runtime = runtime
    this.events = new EventBus(options.name, runtime, state)
    this.readiness = new Readiness(state)
    this.hooks = new Hooks(options, runtime)
    this.leases = new LeaseManager(this)
    this.lifecycle = new ConnectionLifecycle(
      runtime,
      (slot) =>
        Tracing.connect(options.open, { ...this.attributes, "socketpool.connection.id": slot.id }, this.causeOf(slot)),
      options.closed,
      options.ttlJitter > 0 && options.connectionTTL !== Infinity,
      {
        opened: (slot, connection, drawn) => this.opened(slot, connection, drawn),
        openFailed: (slot, cause) => this.openFailed(slot, { _tag: "OpenFailed", cause }, false),
        died: (slot, reason) => this.run(Retiring.retireOnReturn(state, slot, reason, runtime.now())),
        gone: (slot) => this.gone(slot)
      }
    )
    this.timers = new Timers(runtime, state, options, {
      run: (commands) => this.run(commands),
      openTimedOut: (slot) => this.openFailed(slot, { _tag: "ConnectTimeout" }, true),
      validationTimedOut: (slot) => this.failed(slot),
      resetTimedOut: (lease, now) => this.leases.settle(lease, "Discarded", now),
      closeTimedOut: (slot) => this.closeTimedOut(slot),
      leakSuspected: (lease, now) => this.events.leakSuspected(lease, now),
      sweep: () => this.sweep()
    })
  }

  /** Milliseconds on the pool's clock. */
  now(): number {
    return this.runtime.now()
  }

  // --- Running what transitions return ------------------------------------------------------------------------------

  run(commands: Commands<C>): void {
    let onlyWoke = true
    for (const command of commands) {
      if (command._tag !== "Wake") onlyWoke = false
      switch (command._tag) {
        case "Open":
          this.lifecycle.open(command.slot)
          break
        case "Abort":
          this.lifecycle.abort(command.slot)
          break
        case "Validate":
          this.validate(command.slot)
          break
        case "Close":
          this.lifecycle.close(command.slot)
          break
        case "Ended":
          this.leases.release(command.lease, this.now())
          break
        case "Wake":
          this.wake(command.waiter)
          break
        case "BackOff":
          this.readiness.openFailed(command.failure)
          this.timers.backOff(typedError<E>(command.failure))
          break
      }
    }
    if (this.state.idle.length > 0 && this.state.waiters.length > 0) this.leases.serveWaiters()
    if (!onlyWoke) this.watch()
    else if (commands.length > 0) this.timers.queued()
    else if (this.state.lastOpenFailure !== undefined) this.timers.paced()
  }

  /** Wakes or parks whatever waits for something to change. */
  watch(): void {
    const { state } = this
    this.timers.refresh()
    this.readiness.refresh()
    if (state.phase === "Draining" && state.slots.size === 0) {
      Whole.closed(state)
      Registry.leave(state)
      this.events.publish(() => ({ _tag: "PoolClosed" }))
      Deferred.unsafeDone(this.done, Exit.void)
    }
  }

  private wake(waiter: Waiter<C>): void {
    if (waiter.failure?._tag === "AcquireTimeout") {
      this.events.exhausted("Timeout", Math.round(this.now() - waiter.since))
    }
    waiter.wake?.()
  }

  // --- What happens to connections ----------------------------------------------------------------------------------

  /** The span of the request that a connection is opened for: the first open is for the oldest waiter, and so on. */
  private causeOf(slot: Slot<C>): AnySpan | undefined {
    const { reconnecting: movers, opening, waiters } = this.state
    let before = 0
    for (const other of opening) {
      if (other === slot) break
      before++
    }
    for (const list of [movers, waiters]) {
      for (const waiter of list) if (before-- === 0) return waiter.span
    }
    return undefined
  }

  private opened(slot: Slot<C>, connection: C, drawn: number): boolean {
    if (slot.phase !== "Opening") return false
    const { connectionTTL, ttlJitter } = this.options
    const now = this.now()
    this.lastConnectError = Option.none()
    if (!this.hooks.hasViews) this.index.add(connection, slot)
    this.events.opened(slot, now - slot.since)
    const lifetime = connectionTTL === Infinity ? Infinity : connectionTTL * (1 - ttlJitter * drawn)
    this.run(Opening.opened(this.state, slot, connection, now + lifetime, now))
    this.watch()
    return true
  }

  private openFailed(slot: Slot<C>, setback: OpenFailure, inFlight: boolean): void {
    if (slot.phase !== "Opening") return
    const cause = setback._tag === "OpenFailed" ?
      setback.cause :
      Cause.fail(new Error(`opening took longer than ${this.options.connectTimeout} ms`))
    this.lastConnectError = Option.some(Cause.squash(cause))
    this.events.openFailed(slot, cause)
    if (this.state.pending === 0) this.runtime.warn("a connection could not be opened in the background", cause, slot)
    this.run(Opening.openFailed(this.state, slot, setback, inFlight, this.now()))
    this.watch()
  }

  private validate(slot: Slot<C>): void {
    this.lifecycle.ask(slot, this.hooks.validate(slot), (exit) => {
      if (slot.list !== this.state.validating) return
      if (exit._tag === "Failure" || !exit.value) return this.failed(slot)
      const now = this.now()
      const reason = this.hooks.checkLendable(slot, now)
      this.run(Leases.validated(this.state, slot, reason, now))
      this.watch()
    })
  }

  private failed(slot: Slot<C>): void {
    this.run(Leases.failed(this.state, slot, this.now()))
  }

  /** The reaper's round: closes what has expired or is stale, and lets the floor replace what it needs first. */
  private sweep(): void {
    const { state } = this
    for (const slot of [...state.idle]) {
      if (slot.list !== state.idle) continue
      const now = this.now()
      const reason = this.checkLendable(slot, now)
      // A predicate may have used the pool meanwhile.
      if (reason === undefined || slot.list !== state.idle) continue
      this.run(reason === "Expired" ? Retiring.expire(state, slot, now) : Retiring.retire(state, slot, reason, now))
    }
    const now = this.now()
    this.run([...Demand.demand(state, now), ...Retiring.rotate(state, now)])
  }

  /** Why a connection must not be lent (again), as far as can be told at once. */
  checkLendable(slot: Slot<C>, now: number): CloseReason | undefined {
    return Retiring.isStale(this.state, slot, now) ? "Stale" : this.hooks.checkLendable(slot, now)
  }

  private closeTimedOut(slot: Slot<C>): void {
    const after = `within ${this.options.closeTimeout} ms`
    this.runtime.warn(`a connection has not closed ${after}; its place is given to another`, Cause.empty, slot)
    this.gone(slot)
  }

  private gone(slot: Slot<C>): void {
    if (slot.phase === "Gone") return
    if (slot.phase === "Closing") this.events.closed(slot)
    this.lifecycle.forget(slot)
    if (!this.hooks.hasViews) this.index.remove(slot.connection as C, slot)
    this.run(Retiring.gone(this.state, slot, this.now()))
    this.watch()
  }
}

const typedError = <E>(setback: OpenFailure | undefined): Option.Option<E> =>
  setback?._tag === "OpenFailed" ? Cause.failureOption(setback.cause as Cause.Cause<E>) : Option.none()
