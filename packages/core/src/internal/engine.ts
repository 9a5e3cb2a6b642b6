/**
 * The only caller of transitions and the only place that runs what they return. Borrowers meet it through `lending.ts`;
 * connections are opened and closed by `lives.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { constVoid } from "effect/Function"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../PoolStats.js"
import { Alarm } from "./alarm.js"
import { Directory } from "./directory.js"
import { Hooks, type Verdict } from "./hooks.js"
import * as Host from "./host.js"
import { Lives } from "./lives.js"
import type { Resolved } from "./options.js"
import { Reaper } from "./reaper.js"
import { Refill } from "./refill.js"
import { type Command, type Holder, type Refusal, type Slot, State, type Waiter } from "./state.js"
import * as Transitions from "./transitions.js"

const isInUse = (slot: Slot<any>): boolean => slot.phase === "InUse"
const isManual = (slot: Slot<any>): boolean => slot.claim === "Manual" && isInUse(slot)
const isReturning = (slot: Slot<any>): boolean => slot.phase === "Returning"
const isIdle = (slot: Slot<any>): boolean => slot.phase === "Idle"

export class Engine<C, E> {
  readonly state: State<C>
  /** Why the last open failed, until one succeeds. */
  lastConnectError: Option.Option<unknown> = Option.none()

  private readonly host: Host.Host
  private readonly hooks: Hooks<C>
  private readonly directory = new Directory<C>()
  private readonly lives: Lives<C, E>
  private readonly waiterAlarm: Alarm
  private readonly alarms: ReadonlyArray<Alarm>
  private readonly reaper: Reaper
  private readonly refill: Refill<E>
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)

  constructor(
    readonly options: Resolved<C, E, Scope.Scope>,
    runtime: Runtime.Runtime<never>,
    clock: Clock.Clock
  ) {
    const state = new State<C>(options)
    const host = Host.make(options.name, runtime, clock)
    this.state = state
    this.host = host
    this.hooks = new Hooks(options, host)
    this.lives = new Lives(host, options.open, options.closed, {
      opened: (slot, connection) => this.opened(slot, connection),
      openFailed: (slot, cause) => this.openFailed(slot, { _tag: "OpenFailed", cause }, false),
      died: (slot) => this.run(Transitions.condemn(state, slot, "Disconnected", host.now())),
      gone: (slot) => this.gone(slot)
    })
    this.waiterAlarm = new Alarm(
      host,
      () => state.turns.head?.waiter.deadline,
      (now) => this.run(Transitions.expireWaiters(state, now))
    )
    this.alarms = [
      this.waiterAlarm,
      Alarm.of(host, state.opening, (slot) => this.openFailed(slot, { _tag: "ConnectTimeout" }, true)),
      Alarm.of(host, state.aborting, (slot) => this.closeTimedOut(slot)),
      Alarm.of(host, state.closing, (slot) => this.closeTimedOut(slot)),
      Alarm.of(host, state.resetting, (slot, now) => this.settle(slot, "Unclean", now)),
      new Alarm(
        host,
        () => state.phase === "Draining" && state.inUse > 0 ? state.drainDeadline : undefined,
        (now) => this.run(Transitions.forceClose(state, now))
      )
    ]
    this.reaper = new Reaper(host, options.reapSchedule, () => this.dropExpired())
    this.refill = new Refill(host, options.retry, () => this.run(Transitions.probe(state, host.now())))
  }

  /** Milliseconds on the pool's clock. */
  now(): number {
    return this.host.now()
  }

  /** Opens what the floor asks for. */
  start(): void {
    this.run(Transitions.demand(this.state, this.now()))
  }

  // --- Lending ------------------------------------------------------------------------------------------------------

  /** Lends an idle connection that is fit to be lent; closes the unfit ones on the way. */
  borrow(holder: Holder): Slot<C> | undefined {
    const { state } = this
    if (state.idle.length === 0) return undefined
    const now = this.now()
    for (;;) {
      // Out of everybody's reach while the user's predicates look at it: they may use the pool.
      const slot = Transitions.take(state)
      if (slot === undefined) return undefined
      const reason = this.hooks.unfit(slot, now)
      if (slot.phase !== "Returning") continue
      if (reason === undefined) {
        Transitions.lend(state, slot, holder, now)
        return slot
      }
      this.run(Transitions.retire(state, slot, reason, now))
    }
  }

  /** Puts a borrower at the end of the queue. */
  enqueue(waiter: Waiter<C>, now: number): void {
    this.run(Transitions.enqueue(this.state, waiter, now))
    this.waiterAlarm.refresh()
  }

  /**
   * Whether a waiter may take up what it was handed. Its lease may have been ended meanwhile (`drop`, the end of the
   * drain), or the peer may have gone; then it waits again, in its place. A connection that was never used is lent
   * even so: opening another would most likely end the same way, and the borrower should hear of it.
   */
  claim(waiter: Waiter<C>): boolean {
    const slot = waiter.slot!
    if (slot.lease === waiter.lease) {
      if (slot.reason === undefined || slot.uses === 0) {
        Transitions.endWait(this.state)
        return true
      }
      this.giveBack(slot, waiter.lease)
    }
    return false
  }

  requeue(waiter: Waiter<C>): void {
    this.run(Transitions.requeue(this.state, waiter, this.now()))
    this.waiterAlarm.refresh()
  }

  /** Turns a borrower away who cannot wait, and lets the pool open a connection that the next one may find. */
  turnAway(): void {
    Transitions.turnAway(this.state)
    this.run(Transitions.anticipate(this.state, this.now()))
  }

  /** A borrower went away while it waited: takes it out of the queue, or gives back what it has been handed. */
  withdraw(waiter: Waiter<C>): void {
    waiter.wake = undefined
    if (Transitions.withdraw(this.state, waiter)) this.waiterAlarm.refresh()
    else if (waiter.slot !== undefined) this.giveBack(waiter.slot, waiter.lease)
  }

  /** Ends a lease that was never used. */
  private giveBack(slot: Slot<C>, lease: number): void {
    if (slot.lease !== lease) return
    Transitions.endLease(slot)
    const now = this.now()
    this.run(Transitions.settle(this.state, slot, this.hooks.unfit(slot, now), now))
  }

  /** Starts the timer of a waiter whose deadline is its own; gives what stops it. */
  startTimer(waiter: Waiter<C>): () => void {
    if (!waiter.ownDeadline || waiter.deadline === Infinity) return constVoid
    const timer = this.host.fork(Effect.andThen(
      Effect.sleep(Duration.millis(waiter.deadline - waiter.since)),
      Effect.sync(() => this.run(Transitions.expireWaiter(this.state, waiter)))
    ))
    return () => Host.stop(timer)
  }

  /** What the holder of a lease is given: the connection, or its view for this one lease. */
  present(slot: Slot<C>, by: "Manual" | "Scoped"): C {
    let lent: C
    try {
      lent = this.hooks.view(slot.connection!)
    } catch (defect) {
      this.run(Transitions.retire(this.state, slot, "Invalid", this.now()))
      throw defect
    }
    if (this.hooks.hasViews) this.directory.add(lent, slot)
    Transitions.claim(this.state, slot, lent, by)
    return lent
  }

  /** Ends a lease, if it is still on: the connection goes to the oldest waiter, becomes idle, or closes. */
  end(slot: Slot<C>, lease: number, exit: Exit.Exit<unknown, unknown>): void {
    if (slot.lease !== lease) return
    this.forget(slot)
    Transitions.endLease(slot)
    const now = this.now()
    const reason = this.hooks.unfit(slot, now)
    if (reason !== undefined || this.state.phase !== "Running") return this.settle(slot, reason, now)
    const verdict = this.hooks.verdict(slot.connection!, exit)
    if (slot.phase !== "Returning") return
    if (Exit.isExit(verdict)) return this.obey(slot, verdict as Exit.Exit<Verdict>, slot.reason, now)
    Transitions.reset(this.state, slot, now)
    this.lives.reset(slot, verdict, (exit) => {
      // Much may have happened to the connection meanwhile.
      if (slot.phase !== "Returning") return
      const now = this.now()
      this.obey(slot, exit, this.hooks.unfit(slot, now), now)
    })
    this.watch()
  }

  /** Does what `onRelease` has answered, as far as the connection is still fit. */
  private obey(slot: Slot<C>, verdict: Exit.Exit<Verdict>, unfit: CloseReason | undefined, now: number): void {
    if (verdict._tag === "Failure") {
      this.host.report("onRelease died", verdict.cause)
      this.settle(slot, "Invalid", now)
    } else {
      this.settle(slot, verdict.value === "keep" ? unfit : "Unclean", now)
    }
  }

  private settle(slot: Slot<C>, reason: CloseReason | undefined, now: number): void {
    if (reason === undefined) this.refill.recovered()
    this.run(Transitions.settle(this.state, slot, reason, now))
  }

  /** A lease's view must not be found once the lease has ended. */
  private forget(slot: Slot<C>): void {
    if (this.hooks.hasViews && slot.lent !== undefined) this.directory.remove(slot.lent, slot)
  }

  // --- What users ask for -------------------------------------------------------------------------------------------

  /**
   * Ends a lease that was taken by hand, or the caller's own. What somebody else has in a scope is not the caller's to
   * give back: he has released it before, and it has been lent again.
   */
  release(connection: C, caller: Holder): boolean {
    const isOwn = (slot: Slot<C>) => slot.claim === "Scoped" && slot.holder === caller && isInUse(slot)
    const slot = this.directory.find(connection, isManual, isOwn)
    if (slot === undefined) return false
    this.end(slot, slot.lease, Exit.void)
    return true
  }

  drop(connection: C): boolean {
    const slot = this.directory.find(connection, isManual, isInUse, isReturning, isIdle)
    if (slot === undefined) return false
    this.forget(slot)
    this.run(Transitions.retire(this.state, slot, "Dropped", this.now()))
    return true
  }

  invalidate(connection: C): void {
    const slot = this.directory.find(connection, isManual, isInUse, isReturning, isIdle)
    if (slot !== undefined) this.run(Transitions.condemn(this.state, slot, "Invalid", this.now()))
  }

  /** Closes every idle connection that has expired; how many. */
  dropExpired(): number {
    let dropped = 0
    for (const slot of [...this.state.idle]) {
      if (slot.phase !== "Idle") continue
      const now = this.now()
      const reason = this.hooks.unfit(slot, now)
      // A predicate may have used the pool meanwhile.
      if (reason === undefined || slot.phase !== "Idle") continue
      this.run(Transitions.retire(this.state, slot, reason, now))
      if (reason === "Expired") dropped++
    }
    return dropped
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now()
    this.run(Transitions.beginClose(this.state, now + this.options.drainTimeout, now))
    this.watch()
    return Deferred.await(this.done)
  })

  // --- Running what transitions return ------------------------------------------------------------------------------

  private run(commands: ReadonlyArray<Command<C>>): void {
    let onlyWoke = true
    for (const command of commands) {
      if (command._tag !== "Wake") onlyWoke = false
      switch (command._tag) {
        case "Open":
          this.lives.open(command.slot)
          break
        case "Abort":
          this.lives.abort(command.slot)
          break
        case "Close":
          this.lives.close(command.slot)
          break
        case "Wake":
          command.waiter.wake?.()
          break
        case "BackOff":
          this.refill.backOff(typedError<E>(command.refusal))
          break
      }
    }
    if (!onlyWoke) this.watch()
    else if (commands.length > 0) this.waiterAlarm.refresh()
  }

  /** Wakes or parks whatever waits for time to pass, and notices when a closing pool is empty. */
  private watch(): void {
    const { state } = this
    for (const alarm of this.alarms) alarm.refresh()
    if (!state.cooling) this.refill.stop()
    this.reaper.refresh(this.canExpire && state.phase === "Running" && state.slots.size > 0)
    if (state.phase === "Draining" && state.slots.size === 0) {
      Transitions.closed(state)
      Deferred.unsafeDone(this.done, Exit.void)
    }
  }

  private get canExpire(): boolean {
    return this.options.reapExpired && (this.options.connectionTTL !== Infinity || this.options.isExpired !== undefined)
  }

  // --- What happens to connections ----------------------------------------------------------------------------------

  private opened(slot: Slot<C>, connection: C): boolean {
    if (slot.phase !== "Opening") return false
    this.lastConnectError = Option.none()
    if (!this.hooks.hasViews) this.directory.add(connection, slot)
    this.run(Transitions.opened(this.state, slot, connection, this.now()))
    this.watch()
    return true
  }

  private openFailed(slot: Slot<C>, refusal: Refusal, inFlight: boolean): void {
    if (slot.phase !== "Opening") return
    const cause = refusal._tag === "OpenFailed" ?
      refusal.cause :
      Cause.fail(new Error(`opening took longer than ${this.options.connectTimeout} ms`))
    this.lastConnectError = Option.some(Cause.squash(cause))
    if (this.state.waiters.length === 0) {
      this.host.report("a connection could not be opened in the background", cause)
    }
    this.run(Transitions.openFailed(this.state, slot, refusal, inFlight, this.now()))
    this.watch()
  }

  private closeTimedOut(slot: Slot<C>): void {
    const after = `within ${this.options.closeTimeout} ms`
    this.host.report(`a connection has not closed ${after}; its place is given to another`, Cause.empty)
    this.gone(slot)
  }

  private gone(slot: Slot<C>): void {
    if (slot.phase === "Gone") return
    this.lives.forget(slot)
    if (!this.hooks.hasViews) this.directory.remove(slot.connection as C, slot)
    this.run(Transitions.gone(this.state, slot, this.now()))
    this.watch()
  }
}

const typedError = <E>(refusal: Refusal | undefined): Option.Option<E> =>
  refusal?._tag === "OpenFailed" ? Cause.failureOption(refusal.cause as Cause.Cause<E>) : Option.none()
