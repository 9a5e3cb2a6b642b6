/**
 * The only caller of transitions and the only place that runs what they return. Connections are opened and closed
 * here, in fibers of the pool's own; borrowers meet the engine through `lending.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { constVoid } from "effect/Function"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../PoolStats.js"
import { Alarm, type Host } from "./alarm.js"
import { Directory } from "./directory.js"
import type { Resolved } from "./options.js"
import { Reaper } from "./reaper.js"
import { Refill } from "./refill.js"
import { type Command, type Holder, type Refusal, type Slot, State, type Waiter } from "./state.js"
import * as Transitions from "./transitions.js"

/** The Effect side of a slot: the scope that its connection lives in and the fibers that serve it. */
interface Life {
  scope: Scope.CloseableScope | undefined
  opener: Fiber.RuntimeFiber<void> | undefined
  resetter: Fiber.RuntimeFiber<unknown, unknown> | undefined
  watcher: Fiber.RuntimeFiber<unknown, unknown> | undefined
}

/** Leases that ended well, whatever their exit's value. */
const endedWell = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Success" || !(Cause.isInterrupted(exit.cause) || Cause.isDie(exit.cause))

export class Engine<C, E> {
  readonly state: State<C>
  readonly directory = new Directory<C>()
  /** Why the last open failed, until one succeeds. */
  lastConnectError: Option.Option<unknown> = Option.none()

  private readonly host: Host
  private readonly lives = new Map<Slot<C>, Life>()
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private readonly alarms: ReadonlyArray<Alarm>
  private readonly reaper: Reaper
  private readonly refill: Refill<E>

  constructor(
    readonly options: Resolved<C, E, Scope.Scope>,
    private readonly runtime: Runtime.Runtime<never>,
    private readonly clock: Clock.Clock
  ) {
    this.state = new State(options)
    const scheduler = FiberRefs.getOrDefault(runtime.fiberRefs, FiberRef.currentScheduler)
    this.host = {
      now: () => this.now(),
      fork: (effect) => this.fork(effect),
      later: (task) => scheduler.scheduleTask(task, 0)
    }
    const { aborting, closing, opening, resetting, waiters } = this.state
    this.alarms = [
      new Alarm(
        this.host,
        () => this.nextWaiterDeadline(),
        (now) => this.run(Transitions.expireWaiters(this.state, now))
      ),
      new Alarm(this.host, () => opening.head?.deadline, (now) => this.overdue(opening, now, this.openTimedOut)),
      new Alarm(this.host, () => aborting.head?.deadline, (now) => this.overdue(aborting, now, this.closeTimedOut)),
      new Alarm(this.host, () => closing.head?.deadline, (now) => this.overdue(closing, now, this.closeTimedOut)),
      new Alarm(this.host, () => resetting.head?.deadline, (now) => this.overdue(resetting, now, this.resetTimedOut)),
      new Alarm(
        this.host,
        () => this.state.phase === "Draining" && this.state.inUse > 0 ? this.state.drainDeadline : undefined,
        (now) => this.run(Transitions.forceClose(this.state, now))
      )
    ]
    this.waiterAlarm = this.alarms[0]!
    this.waiters = waiters
    this.reaper = new Reaper(
      this.host,
      options.reapSchedule,
      () => this.dropExpired(),
      (cause) => this.report("the reapSchedule died; expired connections are closed only when they are borrowed", cause)
    )
    this.refill = new Refill(
      this.host,
      options.retry,
      () => this.run(Transitions.probe(this.state, this.now())),
      (cause) => this.report("the retry schedule ended; minConnections is filled again after the next open", cause)
    )
  }

  private readonly waiterAlarm: Alarm
  private readonly waiters: State<C>["waiters"]

  /** Milliseconds on the pool's clock, from its monotonic side: a wall clock that jumps moves nothing here. */
  now(): number {
    return Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
  }

  /** Opens what the floor asks for. */
  start(): void {
    this.run(Transitions.demand(this.state, this.now()))
  }

  // --- Lending ------------------------------------------------------------------------------------------------------

  /** Lends an idle connection that is fit to be lent; closes the unfit ones on the way. */
  borrow(holder: Holder): Slot<C> | undefined {
    if (this.state.idle.length === 0) return undefined
    const now = this.now()
    for (;;) {
      const slot = Transitions.borrow(this.state, holder, now)
      if (slot === undefined) return undefined
      const reason = this.unfit(slot, now)
      if (reason === undefined) return slot
      this.run(Transitions.retire(this.state, slot, reason, now))
    }
  }

  /** Puts a borrower at the end of the queue. */
  enqueue(waiter: Waiter<C>, now: number): void {
    this.run(Transitions.enqueue(this.state, waiter, now))
    this.waiterAlarm.refresh()
  }

  /**
   * Whether a waiter may take up what it was handed. Its lease may have been ended meanwhile (`drop`, the end of the
   * drain), or the peer may have gone; then it waits again, at the front. A connection that was never used is lent
   * even so: opening another would most likely end the same way, and the borrower should hear of it.
   */
  claim(waiter: Waiter<C>): boolean {
    const slot = waiter.slot!
    if (slot.lease === waiter.lease) {
      if (slot.reason === undefined || slot.uses === 0) return true
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
    if (this.waiters.remove(waiter)) this.waiterAlarm.refresh()
    else if (waiter.slot !== undefined) this.giveBack(waiter.slot, waiter.lease)
  }

  /** Ends a lease that was never used. */
  private giveBack(slot: Slot<C>, lease: number): void {
    if (slot.lease !== lease) return
    Transitions.endLease(slot)
    const now = this.now()
    this.run(Transitions.settle(this.state, slot, this.unfit(slot, now), now))
  }

  /** Starts the timer of a waiter whose deadline is its own; gives what stops it. */
  startTimer(waiter: Waiter<C>): () => void {
    if (!waiter.ownDeadline || waiter.deadline === Infinity) return constVoid
    const timer = this.fork(Effect.andThen(
      Effect.sleep(Duration.millis(waiter.deadline - waiter.since)),
      Effect.sync(() => this.run(Transitions.expireWaiter(this.state, waiter)))
    ))
    return () => timer.unsafeInterruptAsFork(FiberId.none)
  }

  /** What the holder of a lease is given: the connection, or its view for this one lease. */
  present(slot: Slot<C>): C {
    let lent = slot.connection as C
    if (this.options.lease !== undefined) {
      try {
        lent = this.options.lease(lent)
      } catch (defect) {
        this.run(Transitions.retire(this.state, slot, "Invalid", this.now()))
        throw defect
      }
      this.directory.add(lent, slot)
    }
    Transitions.claim(this.state, slot, lent)
    return lent
  }

  /** Ends a lease, if it is still on: the connection goes to the oldest waiter, becomes idle, or closes. */
  end(slot: Slot<C>, lease: number, exit: Exit.Exit<unknown, unknown>): void {
    if (slot.lease !== lease) return
    this.forget(slot)
    Transitions.endLease(slot)
    const now = this.now()
    const unfit = this.unfit(slot, now)
    if (unfit !== undefined || this.options.onRelease === undefined) {
      this.settle(slot, unfit ?? (endedWell(exit) ? undefined : "Unclean"), now)
    } else {
      this.reset(slot, exit, now)
    }
  }

  private settle(slot: Slot<C>, reason: CloseReason | undefined, now: number): void {
    if (reason === undefined) this.refill.recovered()
    this.run(Transitions.settle(this.state, slot, reason, now))
  }

  /** Asks `onRelease`; at once if its answer is at hand, otherwise in a fiber of the pool's. */
  private reset(slot: Slot<C>, exit: Exit.Exit<unknown, unknown>, now: number): void {
    const onRelease = this.options.onRelease!
    let answer: Effect.Effect<"keep" | "discard">
    try {
      answer = onRelease(slot.connection!, exit)
    } catch (defect) {
      answer = Effect.die(defect)
    }
    if (Exit.isExit(answer)) return this.onReset(slot, answer as Exit.Exit<"keep" | "discard">, now)
    Transitions.reset(this.state, slot, now)
    const resetter = this.fork(answer)
    this.lives.get(slot)!.resetter = resetter
    resetter.addObserver((exit) => this.onReset(slot, exit, this.now()))
    this.watch()
  }

  private onReset(slot: Slot<C>, answer: Exit.Exit<"keep" | "discard">, now: number): void {
    if (slot.phase !== "Returning") return
    if (answer._tag === "Failure") {
      this.report("onRelease died", answer.cause)
      this.settle(slot, "Invalid", now)
    } else {
      this.settle(slot, answer.value === "keep" ? this.unfit(slot, now) : "Unclean", now)
    }
  }

  private readonly resetTimedOut = (slot: Slot<C>, now: number): void => this.settle(slot, "Unclean", now)

  /** A lease's view must not be found once the lease has ended. */
  private forget(slot: Slot<C>): void {
    if (this.options.lease !== undefined && slot.lent !== undefined) this.directory.remove(slot.lent, slot)
  }

  /** Why a connection must not be lent (again), as far as can be told at once. */
  private unfit(slot: Slot<C>, now: number): CloseReason | undefined {
    if (slot.reason !== undefined) return slot.reason
    if (slot.expiresAt <= now) return "Expired"
    const { isConnected, isExpired } = this.options
    try {
      if (isConnected !== undefined && !isConnected(slot.connection!)) return "Disconnected"
      if (isExpired !== undefined && isExpired(slot.connection!)) return "Expired"
    } catch (defect) {
      this.report("isConnected or isExpired died", Cause.die(defect))
      return "Invalid"
    }
    return undefined
  }

  // --- What users ask for -------------------------------------------------------------------------------------------

  release(connection: C): boolean {
    const slot = this.directory.find(connection, "InUse")
    if (slot === undefined) return false
    this.end(slot, slot.lease, Exit.void)
    return true
  }

  drop(connection: C): boolean {
    const slot = this.directory.find(connection, "InUse", "Idle")
    if (slot === undefined) return false
    this.forget(slot)
    this.run(Transitions.retire(this.state, slot, "Dropped", this.now()))
    return true
  }

  invalidate(connection: C): void {
    const slot = this.directory.find(connection, "InUse", "Returning", "Idle")
    if (slot !== undefined) this.run(Transitions.condemn(this.state, slot, "Invalid", this.now()))
  }

  /** Closes every idle connection that has expired; how many. */
  dropExpired(): number {
    let dropped = 0
    for (const slot of [...this.state.idle]) {
      if (slot.phase !== "Idle") continue
      const now = this.now()
      const reason = this.unfit(slot, now)
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
          this.open(command.slot)
          break
        case "Abort":
          this.lives.get(command.slot)!.opener?.unsafeInterruptAsFork(FiberId.none)
          break
        case "Close":
          this.closeSlot(command.slot)
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

  private nextWaiterDeadline(): number | undefined {
    for (const waiter of this.waiters) if (!waiter.ownDeadline) return waiter.deadline
    return undefined
  }

  private overdue(list: Iterable<Slot<C>>, now: number, act: (slot: Slot<C>, now: number) => void): void {
    for (const slot of list) {
      if (slot.deadline > now) break
      act(slot, now)
    }
  }

  // --- Opening ------------------------------------------------------------------------------------------------------

  private open(slot: Slot<C>): void {
    const life: Life = { scope: undefined, opener: undefined, resetter: undefined, watcher: undefined }
    this.lives.set(slot, life)
    life.opener = this.fork(Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) => {
        life.scope = scope
        return Effect.matchCauseEffect(restore(Effect.provideService(this.options.open, Scope.Scope, scope)), {
          onFailure: (cause) => {
            this.openFailed(slot, { _tag: "OpenFailed", cause: withoutInterruption(cause) }, false)
            return this.closeScope(scope)
          },
          onSuccess: (connection) => this.opened(slot, life, connection) ? Effect.void : this.closeScope(scope)
        })
      })
    ))
    life.opener.addObserver(() => {
      life.opener = undefined
      // Interrupted before its first step, the fiber never came to say so itself.
      if (slot.phase === "Opening") {
        this.openFailed(slot, { _tag: "OpenFailed", cause: Cause.die(interrupted()) }, false)
      }
      if (slot.phase === "Aborting") this.gone(slot)
    })
  }

  private opened(slot: Slot<C>, life: Life, connection: C): boolean {
    if (slot.phase !== "Opening") return false
    this.lastConnectError = Option.none()
    if (this.options.lease === undefined) this.directory.add(connection, slot)
    if (this.options.closed !== undefined) life.watcher = this.watchDeath(slot, connection, this.options.closed)
    this.run(Transitions.opened(this.state, slot, connection, this.now()))
    this.watch()
    return true
  }

  private readonly openTimedOut = (slot: Slot<C>): void => this.openFailed(slot, { _tag: "ConnectTimeout" }, true)

  private openFailed(slot: Slot<C>, refusal: Refusal, inFlight: boolean): void {
    if (slot.phase !== "Opening") return
    this.lastConnectError = Option.some(
      refusal._tag === "OpenFailed" ?
        Cause.squash(refusal.cause) :
        new Error(`opening took longer than ${this.options.connectTimeout} ms`)
    )
    const unheard = this.waiters.length === 0
    this.run(Transitions.openFailed(this.state, slot, refusal, inFlight, this.now()))
    this.watch()
    if (unheard) {
      this.report(
        "a connection could not be opened in the background",
        refusal._tag === "OpenFailed" ? refusal.cause : Cause.fail(Option.getOrUndefined(this.lastConnectError))
      )
    }
  }

  /** Evicts a connection when the peer goes away. */
  private watchDeath(
    slot: Slot<C>,
    connection: C,
    closed: (connection: C) => Effect.Effect<unknown, unknown>
  ): Fiber.RuntimeFiber<unknown, unknown> {
    const fiber = this.fork(Effect.suspend(() => closed(connection)))
    fiber.addObserver((exit) => {
      if (exit._tag === "Failure" && Cause.isDie(exit.cause)) this.report("closed died", exit.cause)
      this.run(Transitions.condemn(this.state, slot, "Disconnected", this.now()))
    })
    return fiber
  }

  // --- Closing ------------------------------------------------------------------------------------------------------

  private closeSlot(slot: Slot<C>): void {
    const life = this.lives.get(slot)!
    life.watcher?.unsafeInterruptAsFork(FiberId.none)
    life.resetter?.unsafeInterruptAsFork(FiberId.none)
    this.fork(Effect.uninterruptible(this.closeScope(life.scope!))).addObserver(() => this.gone(slot))
  }

  /** Runs a connection's finalizers. What dies in them is logged: the borrower has left and the pool goes on. */
  private closeScope(scope: Scope.CloseableScope): Effect.Effect<void> {
    return Effect.catchAllCause(
      Scope.close(scope, Exit.void),
      (cause) => Effect.sync(() => this.report("a connection's finalizer died", cause))
    )
  }

  private readonly closeTimedOut = (slot: Slot<C>): void => {
    this.report(
      `a connection's finalizers have not ended within ${this.options.closeTimeout} ms; its place is given to another`,
      Cause.empty
    )
    this.gone(slot)
  }

  private gone(slot: Slot<C>): void {
    if (slot.phase === "Gone") return
    this.lives.delete(slot)
    if (slot.connection !== undefined && this.options.lease === undefined) this.directory.remove(slot.connection, slot)
    this.run(Transitions.gone(this.state, slot, this.now()))
    this.watch()
  }

  // --- Fibers of the pool's own -------------------------------------------------------------------------------------

  fork<A, E2>(effect: Effect.Effect<A, E2>): Fiber.RuntimeFiber<A, E2> {
    return Runtime.runFork(this.runtime, effect, { immediate: false })
  }

  private report(message: string, cause: Cause.Cause<unknown>): void {
    this.fork(Effect.logWarning(`Pool "${this.options.name}": ${message}`, cause))
  }
}

/** A runtime in which the pool's fibers start: its context and fiber refs, but neither its interruption nor its mask. */
export const ownRuntime = <R>(runtime: Runtime.Runtime<R>): Runtime.Runtime<R> =>
  Runtime.make({
    context: runtime.context,
    fiberRefs: FiberRefs.delete(runtime.fiberRefs, FiberRef.interruptedCause),
    runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  })

const interrupted = (): Error => new Error("the open was interrupted, though nobody had given it up")

/** An open that interrupts itself is a defect: the waiter it fails was not interrupted. */
const withoutInterruption = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.isInterruptedOnly(cause) ? Cause.die(interrupted()) : cause

const typedError = <E>(refusal: Refusal | undefined): Option.Option<E> =>
  refusal?._tag === "OpenFailed" ? Cause.failureOption(refusal.cause as Cause.Cause<E>) : Option.none()
