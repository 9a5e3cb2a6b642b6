/**
 * The one place that carries out the commands of transitions. Its parts call transitions and hand the commands to
 * `run`: `leasing.ts` for borrowers, `operations.ts` for the user's other calls, `timers.ts` because time passes, and
 * the engine itself for events of connections, which `lifecycle.ts` opens and closes.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { AnySpan } from "effect/Tracer"
import type { Seat } from "./budget/budget.js"
import { atMost, firstError, hasDies, type Surroundings } from "./effect/fiber.js"
import { EventBus } from "./eventBus.js"
import { HandOffs } from "./handOffs.js"
import * as Ancestry from "./holders.js"
import { Hooks } from "./hooks.js"
import { takeContext } from "./host.js"
import { Latch } from "./latch.js"
import { LeaseManager, type LeasePort } from "./leasing.js"
import { ConnectionLifecycle } from "./lifecycle.js"
import type { Resolved } from "./options.js"
import { Readiness } from "./readiness.js"
import * as PoolRuntime from "./runtime.js"
import { SlotIndex } from "./slotIndex.js"
import { type LostOnTrial, older, type OpenFailure, type Slot, State, Touched, type Waiter } from "./state.js"
import { Timers } from "./timers.js"
import * as Tracing from "./tracing.js"
import { type Commands, nothing } from "./transitions/commands.js"
import * as Keepalive from "./transitions/keepalive.js"
import * as Leases from "./transitions/leases.js"
import * as Opening from "./transitions/opening.js"
import { returnToPlace } from "./transitions/phases.js"
import * as Reserving from "./transitions/reserving.js"
import * as Retiring from "./transitions/retiring.js"
import * as Whole from "./transitions/whole.js"

export class Engine<C, E> implements LeasePort<C> {
  readonly state: State<C>
  readonly events: EventBus<C>
  readonly readiness: Readiness
  readonly index = new SlotIndex<C>()
  readonly leases: LeaseManager<C>
  readonly runtime: PoolRuntime.PoolRuntime
  readonly hooks: Hooks<C>
  readonly lifecycle: ConnectionLifecycle<C, E>
  private readonly timers: Timers<C, E>
  private readonly handOffs: HandOffs

  /** The pool's seat in a budget. */
  seat: Seat | undefined = undefined

  /** Hears of opens, for a pool that judges its server by that. */
  onOpen: ((failure: Cause.Cause<unknown> | undefined) => void) | undefined = undefined

  /** Asks a new connection, before anybody gets it, for a pool that wants to know more of its server. */
  onConnected: ((slot: Slot<C>, connection: C) => Effect.Effect<void, unknown>) | undefined = undefined

  /** Opens when a closing pool is empty. */
  readonly done = new Latch()

  /** The attributes of the pool's spans. */
  readonly attributes: Tracing.Attributes

  constructor(
    readonly options: Resolved<C, E, Scope.Scope>,
    context: Surroundings<never>,
    clock: Clock.Clock,
    /** Called once, when the pool has closed. */
    private readonly onClosed: (state: State<C>) => void
  ) {
    this.attributes = { "db.client.connection.pool.name": options.name, ...options.attributes }
    const runtime = PoolRuntime.make(options.name, context, clock, takeContext())
    const state = new State<C>(options, runtime.now(), options.sessions)
    this.state = state
    this.runtime = runtime
    this.handOffs = new HandOffs(runtime)
    this.events = new EventBus(options.name, runtime, state)
    this.readiness = new Readiness(state)
    this.hooks = new Hooks(options, runtime, state)
    this.lifecycle = new ConnectionLifecycle(
      runtime,
      (slot) => Tracing.connect(this.connecting(slot), this.attributesOf(slot), this.causeOf(slot)),
      options,
      options.farewell && ((slot) => this.farewell(slot)),
      options.ttlJitter > 0 && options.connectionTTL !== Infinity,
      {
        opened: (slot, connection, drawn) => this.opened(slot, connection, drawn),
        openFailed: (slot, cause) => this.openFailed(slot, { _tag: "OpenFailed", cause }, false),
        died: (slot, reason) => this.run(Retiring.retireOnReturn(state, slot, reason, runtime.now())),
        gone: (slot) => this.gone(slot)
      }
    )
    const { events, hooks, index, lifecycle } = this
    this.leases = new LeaseManager({ events, hooks, index, lifecycle, options, runtime, state }, this)
    this.timers = new Timers(runtime, state, options, {
      run: (commands) => this.run(commands),
      openTimedOut: (slot) => this.openFailed(slot, { _tag: "ConnectTimeout" }, true),
      validationTimedOut: (slot) => this.validationFailed(slot),
      resetTimedOut: (lease, now) => this.leases.settle(lease, "Discarded", now),
      closeTimedOut: (slot) => this.closeTimedOut(slot),
      leakSuspected: (lease, now) => this.events.leakSuspected(lease, now),
      sweep: () => this.sweep(),
      keepAlive: () => this.keepAlive()
    })
  }

  /** The attributes of the spans of one connection. */
  attributesOf(slot: Slot<C>): Tracing.Attributes {
    return { ...this.attributes, "socketpool.connection.id": slot.id }
  }

  /** Milliseconds on the pool's clock. */
  now(): number {
    return this.runtime.now()
  }

  // --- Carrying out commands ----------------------------------------------------------------------------------------

  /** To be called after every transition, also after one that returned no command. */
  run(commands: Commands<C>): void {
    for (const command of commands) {
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
        case "Recovered":
          this.timers.recovered()
          break
        case "Overloaded":
          this.events.publish(() => ({ _tag: "Overloaded", leastWaitMillis: command.leastWait }))
          break
        case "Calmed":
          this.events.publish(() => ({ _tag: "Recovered", overloadedMillis: command.millis }))
          break
      }
    }
    const { state } = this
    if (Reserving.concernsExclusive(state)) Reserving.reserve(state, Ancestry)
    if (state.queued > 0 && (state.idle.length > 0 || state.shareable.length > 0)) this.leases.serveWaiters()
    const { touched } = state
    this.refresh()
    // Without a pool in need, a lease changes nothing for the budget.
    if (this.seat !== undefined && ((touched & ~Touched.leases) !== 0 || this.seat.isWatched)) this.seat.changed()
  }

  /** Refreshes the timers that depend on what changed. */
  private refresh(): void {
    const { state, timers } = this
    const { touched } = state
    state.touched = Touched.nothing
    if ((touched & Touched.everything) !== 0) {
      timers.refresh()
      this.readiness.refresh()
      if (state.phase === "Draining" && state.slots.size === 0) this.closed()
      return
    }
    if ((touched & Touched.queue) !== 0) timers.queueChanged()
    if ((touched & Touched.leases) !== 0) timers.leasesChanged()
  }

  private closed(): void {
    Whole.closed(this.state)
    this.onClosed(this.state)
    this.seat?.leave()
    this.seat = undefined
    this.events.publish(() => ({ _tag: "PoolClosed" }))
    this.done.open()
  }

  private wake(waiter: Waiter<C>): void {
    const { failure } = waiter
    if (failure === undefined) return this.handOffs.resume(waiter)
    if (failure._tag === "AcquireTimeout" || failure._tag === "Shed") {
      const reason = failure._tag === "Shed" ? "Shed" : "Timeout"
      this.events.exhausted(reason, Math.round(this.now() - waiter.since))
    }
    waiter.wake?.()
  }

  // --- Events of connections ----------------------------------------------------------------------------------------

  /** The span of the request that causes an open: the first open is for the oldest waiter, and so on. */
  private causeOf(slot: Slot<C>): AnySpan | undefined {
    const { exclusives, opening, reconnecting, waiters } = this.state
    let before = 0
    for (const other of opening) {
      if (other === slot) break
      before++
    }
    for (const waiter of reconnecting) if (before-- === 0) return waiter.span
    let shared = waiters.head
    let alone = exclusives.head
    for (;;) {
      const next = older(shared, alone)
      if (next === undefined || before-- === 0) return next?.span
      if (next === shared) shared = shared.next
      else alone = next.next
    }
  }

  private connecting(slot: Slot<C>): Effect.Effect<C, E, Scope.Scope> {
    const { onConnected } = this
    const { open } = this.options
    if (onConnected === undefined) return open
    return Effect.tap(open, (connection) => onConnected(slot, connection) as Effect.Effect<void, E>)
  }

  private opened(slot: Slot<C>, connection: C, drawn: number): boolean {
    if (slot.phase !== "Opening") return false
    const { connectionTTL, ttlJitter } = this.options
    const now = this.now()
    if (!this.hooks.hasViews) this.index.add(connection, slot)
    this.events.opened(slot, now - slot.since)
    const lifetime = connectionTTL === Infinity ? Infinity : connectionTTL * (1 - ttlJitter * drawn)
    this.run(Opening.opened(this.state, slot, connection, now + lifetime, now))
    this.onOpen?.(undefined)
    return true
  }

  private openFailed(slot: Slot<C>, failure: OpenFailure, inFlight: boolean): void {
    if (slot.phase !== "Opening") return
    const cause = this.causeOfFailure(failure)
    this.events.openFailed(slot, cause)
    if (this.state.pending === 0) this.runtime.warn("a connection could not be opened in the background", cause, slot)
    const isFatal = this.isFatal(slot, failure, cause)
    this.run(Opening.openFailed(this.state, slot, failure, inFlight, this.now(), isFatal))
    this.onOpen?.(cause)
  }

  /** Only a typed failure of the connector can be fatal. */
  private isFatal(slot: Slot<C>, failure: OpenFailure, cause: Cause.Cause<unknown>): boolean {
    const error = typedError(failure)
    if (Option.isNone(error) || !this.hooks.isFatal(error.value, slot)) return false
    const { fatalPause } = this.options
    const until = fatalPause === Infinity ? "until the pool is cleared" : `for ${fatalPause} ms`
    this.runtime.warn(`an open failed with a fatal error; opens pause ${until}`, cause, slot)
    return true
  }

  /** Says goodbye to a connection. It has half of `closeTimeout`, and the close itself has the rest. */
  private farewell(slot: Slot<C>): Effect.Effect<void> {
    const { closeTimeout, farewell } = this.options
    const said = Effect.suspend(() => farewell!(slot.connection!))
    const inTime = atMost(Tracing.farewell(said, this.attributesOf(slot), undefined), closeTimeout / 2)
    return Effect.matchCause(inTime, {
      onFailure: (cause) => {
        if (hasDies(cause)) this.runtime.warn("farewell died", cause, slot)
      },
      onSuccess: () => {}
    })
  }

  private causeOfFailure(failure: OpenFailure | LostOnTrial): Cause.Cause<unknown> {
    switch (failure._tag) {
      case "OpenFailed":
        return failure.cause
      case "LostOnTrial":
        return Cause.fail(
          failure.error === undefined ? new Error("a connection was lost before it had served") : failure.error.value
        )
      default:
        return Cause.fail(new Error(`opening took longer than ${this.options.connectTimeout} ms`))
    }
  }

  /** The error of the last open, until one succeeds. */
  get lastConnectError(): Option.Option<unknown> {
    const { lastOpenFailure } = this.state
    return lastOpenFailure === undefined
      ? Option.none()
      : Option.some(Cause.squash(this.causeOfFailure(lastOpenFailure)))
  }

  private validate(slot: Slot<C>): void {
    // The borrower that it is asked for joins the queue in this same turn.
    const question = Effect.suspend(() =>
      Tracing.validate(this.hooks.validate(slot), this.attributesOf(slot), this.state.firstInLine?.span)
    )
    this.lifecycle.ask(slot, question, (exit) => {
      if (slot.phase !== "Validating") return
      if (exit._tag === "Failure" || !exit.value) return this.validationFailed(slot)
      const now = this.now()
      const reason = this.hooks.checkLendable(slot, now)
      this.run(Leases.validated(this.state, slot, reason, now))
    })
  }

  private validationFailed(slot: Slot<C>): void {
    this.run(Leases.failed(this.state, slot, this.now()))
  }

  /** The reaper's round: closes expired and stale connections, those that the floor needs once they are replaced. */
  private sweep(): void {
    const { state } = this
    for (const slot of [...state.idle]) {
      if (slot.phase !== "Idle") continue
      const now = this.now()
      const reason = this.hooks.checkLendable(slot, now)
      // A predicate may have used the pool meanwhile.
      if (reason === undefined || !isIdle(slot)) continue
      this.run(reason === "Expired" ? Retiring.expire(state, slot, now) : Retiring.retire(state, slot, reason, now))
    }
    const now = this.now()
    this.run([...Retiring.openWanted(state, now), ...Retiring.rotate(state, now)])
  }

  /**
   * Asks the idle connections that have been silent for too long. Those known to be lost close unasked, because a no
   * would take the others with it. Expired and stale ones are the reaper's.
   */
  private keepAlive(): void {
    const { state } = this
    for (;;) {
      const now = this.now()
      const slot = Keepalive.takeSilent(state, now)
      if (slot === undefined) break
      const reason = this.hooks.checkLendable(slot, now)
      // A predicate may have used the pool meanwhile.
      if (!isChecked(slot)) continue
      if (reason === undefined) this.run(Keepalive.ask(state, slot, now))
      else if (reason === "Expired" || reason === "Stale") returnToPlace(state, slot, now)
      else this.run(Retiring.retire(state, slot, reason, now))
    }
    this.run(nothing)
  }

  private closeTimedOut(slot: Slot<C>): void {
    const after = `within ${this.options.closeTimeout} ms`
    this.runtime.warn(`a connection has not closed ${after}; its place is free for another`, Cause.empty, slot)
    this.gone(slot)
  }

  private gone(slot: Slot<C>): void {
    if (slot.phase === "Gone") return
    if (slot.phase === "Closing") this.events.closed(slot)
    this.lifecycle.forget(slot)
    if (!this.hooks.hasViews) this.index.remove(slot.connection as C, slot)
    this.run(Retiring.gone(this.state, slot, this.now()))
  }
}

const isChecked = (slot: Slot<any>): boolean => slot.phase === "Checking"

const isIdle = (slot: Slot<any>): boolean => slot.phase === "Idle"

const typedError = <E>(failure: OpenFailure | undefined): Option.Option<E> =>
  failure?._tag === "OpenFailed" ? firstError(failure.cause as Cause.Cause<E>) : Option.none()
