/**
 * The only caller of transitions and the only place that runs what they return. Borrowers meet it through `lending.ts`;
 * connections are opened and closed by `lives.ts`; `upkeep.ts` knows what waits for time to pass.
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
import type { PoolExhaustedError } from "../PoolError.js"
import type { CloseReason } from "../PoolStats.js"
import { Directory } from "./directory.js"
import { Hooks, type Verdict } from "./hooks.js"
import * as Host from "./host.js"
import { Journal } from "./journal.js"
import { Lives } from "./lives.js"
import type { Resolved } from "./options.js"
import { Readiness } from "./readiness.js"
import { type Command, type Holder, type Lease, type Setback, type Slot, State, type Waiter } from "./state.js"
import * as Demand from "./transitions/demand.js"
import * as Leases from "./transitions/leases.js"
import * as Opening from "./transitions/opening.js"
import * as Queue from "./transitions/queue.js"
import * as Retiring from "./transitions/retiring.js"
import * as Whole from "./transitions/whole.js"
import { Upkeep } from "./upkeep.js"

type Commands<C> = ReadonlyArray<Command<C>>

export class Engine<C, E> {
  readonly state: State<C>
  readonly journal: Journal<C>
  readonly readiness: Readiness
  readonly directory = new Directory<C>()
  /** Why the last open failed, until one succeeds. */
  lastConnectError: Option.Option<unknown> = Option.none()

  /** Completes when a closing pool is empty. */
  readonly done = Deferred.unsafeMake<void>(FiberId.none)

  private readonly host: Host.Host
  private readonly hooks: Hooks<C>
  private readonly lives: Lives<C, E>
  private readonly upkeep: Upkeep<C, E>

  constructor(
    readonly options: Resolved<C, E, Scope.Scope>,
    runtime: Runtime.Runtime<never>,
    clock: Clock.Clock
  ) {
    const state = new State<C>(options)
    const host = Host.make(options.name, runtime, clock)
    this.state = state
    this.host = host
    this.journal = new Journal(options.name, host, state)
    this.readiness = new Readiness(state)
    this.hooks = new Hooks(options, host)
    this.lives = new Lives(host, options.open, options.closed, options.ttlJitter > 0, {
      opened: (slot, connection, drawn) => this.opened(slot, connection, drawn),
      openFailed: (slot, cause) => this.openFailed(slot, { _tag: "OpenFailed", cause }, false),
      died: (slot) => this.run(Retiring.condemn(state, slot, "Disconnected", host.now())),
      gone: (slot) => this.gone(slot)
    })
    this.upkeep = new Upkeep(host, state, options, {
      run: (commands) => this.run(commands),
      openTimedOut: (slot) => this.openFailed(slot, { _tag: "ConnectTimeout" }, true),
      validationTimedOut: (slot) => this.failed(slot),
      resetTimedOut: (lease, now) => this.settle(lease, "Unclean", now),
      closeTimedOut: (slot) => this.closeTimedOut(slot),
      leakSuspected: (lease, now) => this.journal.leakSuspected(lease, now),
      sweep: () => this.sweep()
    })
  }

  /** Milliseconds on the pool's clock. */
  now(): number {
    return this.host.now()
  }

  // --- Lending ------------------------------------------------------------------------------------------------------

  /** Lends a connection that is fit to be lent at once; closes the unfit ones on the way. */
  borrow(holder: Holder): Lease<C> | undefined {
    const { state } = this
    // A newcomer does not overtake.
    if (state.waiters.length > 0) return undefined
    const slot = this.fit()
    if (slot === undefined) return undefined
    const lease = Leases.lend(state, slot, holder, holder.currentSpan, this.now())
    this.upkeep.lent()
    return lease
  }

  /**
   * Finds a connection that can be lent at once, and takes it out of everybody's reach unless others use it too. One
   * that must be asked first is asked: then there is none yet.
   */
  private fit(): Slot<C> | undefined {
    const { options, state } = this
    for (;;) {
      const slot = Leases.candidate(state)
      if (slot === undefined) return undefined
      const now = this.now()
      const wasIdle = slot.phase === "Idle"
      // Out of everybody's reach while the user's predicates look at it: they may use the pool.
      if (wasIdle) Leases.take(state, slot)
      const reason = this.unfit(slot, now)
      if (wasIdle ? slot.phase !== "Taken" : slot.list !== state.spare) continue
      if (reason !== undefined) {
        this.run(Retiring.condemn(state, slot, reason, now))
      } else if (wasIdle && options.validate !== undefined && now - slot.since >= options.validateAfterIdle) {
        this.run(Leases.validate(state, slot, now))
        return undefined
      } else {
        return slot
      }
    }
  }

  /** Idle connections go to those who wait for one. */
  private feed(): void {
    const { state } = this
    while (Queue.uncovered(state) > 0 && state.idle.length > 0) {
      const slot = this.fit()
      if (slot !== undefined) this.run(Leases.handOff(state, slot, this.now()))
    }
  }

  /** Puts a borrower at the end of the queue. */
  enqueue(waiter: Waiter<C>, now: number): void {
    this.run(Queue.enqueue(this.state, waiter, now))
    this.upkeep.queued()
  }

  /** Parts a lease from its connection, and puts its holder before the queue. */
  move(lease: Lease<C>, mover: Waiter<C>, now: number): void {
    this.release(lease, now)
    this.run(Leases.move(this.state, lease, mover, now))
    this.upkeep.queued()
  }

  /**
   * Whether a waiter may take up what it was handed. Its lease may have been ended meanwhile (`drop`, the end of the
   * drain), or the peer may have gone; then it waits again, in its place. A connection that was never used is lent
   * even so: opening another would most likely end the same way, and the borrower should hear of it.
   */
  claim(waiter: Waiter<C>): boolean {
    const lease = waiter.lease!
    if (lease.phase !== "Held") return false
    if (lease.slot.reason === undefined || !lease.slot.used) {
      if (waiter.moving === undefined) Leases.endWait(this.state)
      return true
    }
    this.giveBack(lease)
    return false
  }

  requeue(waiter: Waiter<C>): void {
    this.run(Queue.requeue(this.state, waiter, this.now()))
    this.upkeep.queued()
  }

  /** Turns a borrower away who cannot wait, and lets the pool open a connection that the next one may find. */
  turnAway(reason: PoolExhaustedError["reason"]): void {
    Queue.turnAway(this.state)
    this.journal.exhausted(reason, 0)
    this.run(Demand.anticipate(this.state, this.now()))
  }

  /** A borrower went away while it waited: takes it out of the queue, or gives back what it has been handed. */
  withdraw(waiter: Waiter<C>): void {
    waiter.wake = undefined
    if (Queue.withdraw(this.state, waiter)) this.upkeep.queued()
    else if (waiter.lease?.phase === "Held") this.giveBack(waiter.lease)
  }

  /** Ends a lease that was never used. */
  private giveBack(lease: Lease<C>): void {
    const now = this.now()
    Leases.giveBack(this.state, lease, now)
    this.settle(lease, this.hooks.unfit(lease.slot, now), now)
  }

  /** Starts the timer of a waiter whose deadline is its own; gives what stops it. */
  startTimer(waiter: Waiter<C>): () => void {
    if (!waiter.ownDeadline || waiter.deadline === Infinity) return constVoid
    const timer = this.host.fork(Effect.andThen(
      Effect.sleep(Duration.millis(waiter.deadline - waiter.since)),
      Effect.sync(() => this.run(Queue.expireWaiter(this.state, waiter)))
    ))
    return () => Host.stop(timer)
  }

  /** What the holder of a lease is given: the connection, or its view for this one lease. */
  present(lease: Lease<C>, by: "Manual" | "Scoped", waitedMillis: number): C {
    const { slot } = lease
    let lent: C
    try {
      lent = this.hooks.view(slot.connection!)
    } catch (defect) {
      this.run(Retiring.retire(this.state, slot, "Invalid", this.now()))
      throw defect
    }
    if (this.hooks.hasViews) this.directory.add(lent, slot)
    Leases.claim(this.state, lease, lent, by, waitedMillis)
    this.journal.borrowed(lease, waitedMillis)
    return lent
  }

  /** Ends a lease, if it is still on: the connection goes to the oldest waiter, becomes idle, or closes. */
  end(lease: Lease<C>, exit: Exit.Exit<unknown, unknown>): void {
    if (lease.phase === "Moving") return this.run(Leases.endMove(this.state, lease))
    if (lease.phase !== "Held") return
    const now = this.now()
    this.release(lease, now)
    Leases.endHold(this.state, lease, now)
    const { slot } = lease
    const reason = this.hooks.unfit(slot, now)
    if (reason !== undefined || this.state.phase !== "Running") return this.settle(lease, reason, now)
    const verdict = this.hooks.verdict(slot.connection!, exit)
    // `onRelease` may have used the pool.
    if (hasEnded(lease)) return
    if (Exit.isExit(verdict)) return this.obey(lease, verdict as Exit.Exit<Verdict>, slot.reason, now)
    Leases.reset(this.state, lease, now)
    this.lives.ask(slot, verdict, (exit) => {
      // Much may have happened to the connection meanwhile.
      if (lease.phase !== "Returning") return
      const now = this.now()
      this.obey(lease, exit, this.hooks.unfit(slot, now), now)
    })
    this.watch()
  }

  /** Does what `onRelease` has answered, as far as the connection is still fit. */
  private obey(lease: Lease<C>, verdict: Exit.Exit<Verdict>, unfit: CloseReason | undefined, now: number): void {
    if (verdict._tag === "Failure") {
      this.host.report("onRelease died", verdict.cause)
      this.settle(lease, "Invalid", now)
    } else {
      this.settle(lease, verdict.value === "keep" ? unfit : "Unclean", now)
    }
  }

  private settle(lease: Lease<C>, reason: CloseReason | undefined, now: number): void {
    if (reason === undefined) this.upkeep.recovered()
    this.run(Leases.settle(this.state, lease, reason, now))
    this.upkeep.lent()
  }

  /** A holder has let go of what it was given: a view is not found any more. */
  private release(lease: Lease<C>, now: number): void {
    if (lease.claim === "None") return
    const { lent, slot } = lease
    this.journal.released(lease, now)
    lease.lent = undefined
    if (this.hooks.hasViews && slot.leases.every((other) => other.lent !== lent)) this.directory.remove(lent!, slot)
  }

  // --- Running what transitions return ------------------------------------------------------------------------------

  run(commands: Commands<C>): void {
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
        case "Validate":
          this.validate(command.slot)
          break
        case "Close":
          this.lives.close(command.slot)
          break
        case "Ended":
          this.release(command.lease, this.now())
          break
        case "Wake":
          this.wake(command.waiter)
          break
        case "BackOff":
          this.readiness.setBack(command.setback)
          this.upkeep.backOff(typedError<E>(command.setback))
          break
      }
    }
    if (this.state.idle.length > 0 && this.state.waiters.length > 0) this.feed()
    if (!onlyWoke) this.watch()
    else if (commands.length > 0) this.upkeep.queued()
  }

  /** Wakes or parks whatever waits for something to change. */
  watch(): void {
    const { state } = this
    this.upkeep.refresh()
    this.readiness.refresh()
    if (state.phase === "Draining" && state.slots.size === 0) {
      Whole.closed(state)
      this.journal.tell(() => ({ _tag: "PoolClosed" }))
      Deferred.unsafeDone(this.done, Exit.void)
    }
  }

  private wake(waiter: Waiter<C>): void {
    if (waiter.refusal?._tag === "AcquireTimeout") {
      this.journal.exhausted("Timeout", Math.round(this.now() - waiter.since))
    }
    waiter.wake?.()
  }

  // --- What happens to connections ----------------------------------------------------------------------------------

  private opened(slot: Slot<C>, connection: C, drawn: number): boolean {
    if (slot.phase !== "Opening") return false
    const { connectionTTL, ttlJitter } = this.options
    const now = this.now()
    this.lastConnectError = Option.none()
    if (!this.hooks.hasViews) this.directory.add(connection, slot)
    this.journal.opened(slot, now - slot.since)
    const lifetime = connectionTTL === Infinity ? Infinity : connectionTTL * (1 - ttlJitter * drawn)
    this.run(Opening.opened(this.state, slot, connection, now + lifetime, now))
    this.watch()
    return true
  }

  private openFailed(slot: Slot<C>, setback: Setback, inFlight: boolean): void {
    if (slot.phase !== "Opening") return
    const cause = setback._tag === "OpenFailed" ?
      setback.cause :
      Cause.fail(new Error(`opening took longer than ${this.options.connectTimeout} ms`))
    this.lastConnectError = Option.some(Cause.squash(cause))
    this.journal.openFailed(slot, cause)
    if (this.state.pending === 0) this.host.report("a connection could not be opened in the background", cause)
    this.run(Opening.openFailed(this.state, slot, setback, inFlight, this.now()))
    this.watch()
  }

  private validate(slot: Slot<C>): void {
    this.lives.ask(slot, this.hooks.validate(slot.connection!), (exit) => {
      if (slot.list !== this.state.validating) return
      if (exit._tag === "Failure" || !exit.value) return this.failed(slot)
      const now = this.now()
      const reason = this.hooks.unfit(slot, now)
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
      const reason = this.unfit(slot, now)
      // A predicate may have used the pool meanwhile.
      if (reason === undefined || slot.list !== state.idle) continue
      this.run(reason === "Expired" ? Retiring.expire(state, slot, now) : Retiring.retire(state, slot, reason, now))
    }
    const now = this.now()
    this.run([...Demand.demand(state, now), ...Retiring.rotate(state, now)])
  }

  /** Why a connection must not be lent (again), as far as can be told at once. */
  unfit(slot: Slot<C>, now: number): CloseReason | undefined {
    return Retiring.isStale(this.state, slot, now) ? "Stale" : this.hooks.unfit(slot, now)
  }

  private closeTimedOut(slot: Slot<C>): void {
    const after = `within ${this.options.closeTimeout} ms`
    this.host.report(`a connection has not closed ${after}; its place is given to another`, Cause.empty)
    this.gone(slot)
  }

  private gone(slot: Slot<C>): void {
    if (slot.phase === "Gone") return
    const wasOpen = slot.phase === "Closing"
    this.lives.forget(slot)
    if (!this.hooks.hasViews) this.directory.remove(slot.connection as C, slot)
    this.run(Retiring.gone(this.state, slot, this.now()))
    if (wasOpen) this.journal.closed(slot)
    this.watch()
  }
}

const hasEnded = (lease: Lease<any>): boolean => lease.phase === "Ended"

const typedError = <E>(setback: Setback | undefined): Option.Option<E> =>
  setback?._tag === "OpenFailed" ? Cause.failureOption(setback.cause as Cause.Cause<E>) : Option.none()
