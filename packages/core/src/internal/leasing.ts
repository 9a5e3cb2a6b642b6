/** Lends connections to borrowers and takes them back. `borrow.ts` turns its calls into effects. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import * as Option from "effect/Option"
import type { PoolExhaustedError } from "../PoolError.js"
import type { CloseReason } from "../PoolStats.js"
import { firstError, graceTurn, spanOf, stop } from "./effect/fiber.js"
import type { EventBus } from "./eventBus.js"
import type { Hooks, Verdict } from "./hooks.js"
import type { ConnectionLifecycle } from "./lifecycle.js"
import type { PoolRuntime } from "./runtime.js"
import type { SlotIndex } from "./slotIndex.js"
import { type Holder, type Lease, notLent, type Slot, type State, type Waiter } from "./state.js"
import * as Tracing from "./tracing.js"
import { type Commands, nothing } from "./transitions/commands.js"
import * as Demand from "./transitions/demand.js"
import * as Leases from "./transitions/leases.js"
import * as Queue from "./transitions/queue.js"
import * as Retiring from "./transitions/retiring.js"
import * as Trial from "./transitions/trial.js"

/**
 * The milliseconds that a late answer of `validate` holds, at least. Without it, borrowers that do not wait would never
 * get a connection that is validated before every lease.
 */
const validationHoldsMillis = 1_000

/** Clocks that are kept in step differ by less than this between two looks. */
const clockSlackMillis = 1_000

/** The parts of a pool that lending works with. */
export interface LeaseParts<C> {
  readonly state: State<C>
  readonly options: {
    readonly validate: unknown
    readonly validateAfterIdle: number
  }
  readonly runtime: PoolRuntime
  readonly hooks: Hooks<C>
  readonly index: SlotIndex<C>
  readonly events: EventBus<C>
  readonly lifecycle: ConnectionLifecycle<C, any>
}

/** The engine, as lending sees it. */
export interface LeasePort<C> {
  /** Carries out the commands of a transition, and refreshes the timers that depend on its changes. */
  readonly run: (commands: Commands<C>) => void
  /** The attributes of the spans of one connection. */
  readonly attributesOf: (slot: Slot<C>) => Tracing.Attributes
}

export class LeaseManager<C> {
  private readonly state: State<C>
  /** Wall time less monotonic time, when they were last compared. */
  private wallOffset: number
  /** Hears how leases end, for a pool that judges its server by that. */
  onEnd: ((exit: Exit.Exit<unknown, unknown>) => void) | undefined = undefined

  constructor(private readonly parts: LeaseParts<C>, private readonly port: LeasePort<C>) {
    this.state = parts.state
    this.wallOffset = parts.runtime.wallTime() - parts.runtime.now()
  }

  /** Lends a connection that can be lent at once, and closes unfit ones on the way. */
  borrow(holder: Holder, isExclusive: boolean): Lease<C> | undefined {
    const { state } = this
    // A newcomer does not overtake a waiter. Beside others it takes no place from an exclusive one.
    if (state.waiters.length > 0 || (isExclusive && state.exclusives.length > 0)) return undefined
    const choice = isExclusive ? "Whole" : state.exclusives.length > 0 ? "Shared" : "Any"
    if (Leases.candidate(state, choice) === undefined) return undefined
    const now = this.parts.runtime.now()
    const slot = this.takeLendable(choice, now)
    if (slot === undefined) return undefined
    const lease = Leases.lend(state, slot, holder, spanOf(holder), now, isExclusive)
    this.port.run(Leases.burdenOf(state, slot) > 0 ? Demand.openForNext(state, now) : nothing)
    return lease
  }

  /**
   * Finds a connection that can be lent at once, and takes it out of reach unless it is shared. If the next one has to
   * be validated first, this asks it, and lends another that need not be validated meanwhile.
   */
  private takeLendable(choice: Leases.Choice, now: number): Slot<C> | undefined {
    const { state } = this
    let isAsking = false
    let hasLooked = false
    for (;;) {
      const slot = isAsking ? Leases.freshest(state, choice) : Leases.candidate(state, choice)
      if (slot === undefined || (isAsking && slot.phase === "Idle" && this.needsValidation(slot, now))) {
        return undefined
      }
      const wasIdle = slot.phase === "Idle"
      if (wasIdle && !hasLooked) {
        this.compareClocks(now)
        hasLooked = true
      }
      // Out of reach while the user's predicates look at it: they may use the pool.
      if (wasIdle) Leases.take(state, slot)
      const reason = this.parts.hooks.checkLendable(slot, now) ?? this.oversleptReason(slot, now)
      if (slot.phase !== (wasIdle ? "Checking" : "Shareable")) continue
      if (reason !== undefined) {
        this.port.run(Retiring.retireOnReturn(state, slot, reason, now))
      } else if (wasIdle && this.needsValidation(slot, now)) {
        this.port.run(Leases.validate(state, slot, now))
        isAsking = true
      } else {
        return slot
      }
    }
  }

  /**
   * Monotonic time stands still while the machine sleeps, and the peer may have left meanwhile. Wall time goes on, so a
   * machine that slept shows as wall time that ran ahead. A wall clock that was set forward looks the same: idle
   * connections are asked before they are lent, and none that answers closes. One that was set back changes nothing.
   */
  private compareClocks(now: number): void {
    const ahead = this.parts.runtime.wallTime() - now - this.wallOffset
    this.wallOffset += ahead
    if (ahead > this.parts.options.validateAfterIdle + clockSlackMillis) Leases.wokeUp(this.state, ahead)
  }

  /** Without `validate`, the connections close whose limits passed while the machine slept. */
  private oversleptReason(slot: Slot<C>, now: number): CloseReason | undefined {
    return this.parts.options.validate === undefined ? Retiring.hasOverslept(this.state, slot, now) : undefined
  }

  private needsValidation(slot: Slot<C>, now: number): boolean {
    const { validate, validateAfterIdle } = this.parts.options
    if (validate === undefined) return false
    if (slot.asleep > 0) return true
    const holds = slot.validated ? Math.max(validateAfterIdle, validationHoldsMillis) : validateAfterIdle
    return now - slot.heardAt >= holds
  }

  /** Hands idle connections, and places beside other holders, to waiters. */
  serveWaiters(): void {
    const { state } = this
    for (;;) {
      const isShared = state.waiters.length > 0 && state.shareable.length > 0
      if (!isShared && (state.idle.length === 0 || !Queue.isUnserved(state))) return
      const now = this.parts.runtime.now()
      const slot = this.takeLendable(isShared ? "Shared" : "Whole", now)
      if (slot === undefined) continue
      // It may be good for fewer leases than waiters counted on.
      this.port.run([...Leases.handOff(state, slot, now), ...Retiring.openWanted(state, now)])
    }
  }

  /** Puts a borrower at the end of the queue. */
  enqueue(waiter: Waiter<C>, now: number): void {
    this.port.run(Queue.enqueue(this.state, waiter, now))
  }

  /** Parts a lease from its connection, and puts its holder before the queue. */
  startReconnect(lease: Lease<C>, waiter: Waiter<C>, now: number): void {
    this.release(lease, now)
    this.port.run(Leases.startReconnect(this.state, lease, waiter, now))
  }

  /** Ends a lease that waits for another connection. */
  endReconnect(lease: Lease<C>): void {
    this.port.run(Leases.endReconnect(this.state, lease))
  }

  /**
   * Returns whether a waiter may take up what it was handed. Meanwhile the lease may have ended (`drop`, the end of the
   * drain), the connection may have been marked, or the peer may have gone; then the waiter returns to its place. A
   * connection that the peer left before its first use is lent even so: another would most likely end the same way, and
   * the borrower should see the error.
   */
  claim(waiter: Waiter<C>): boolean {
    const lease = waiter.lease!
    if (lease.phase !== "Held") return false
    const { reason, used } = lease.slot
    if (reason === undefined || (!used && (reason === "Disconnected" || reason === "Desync"))) {
      if (waiter.forLease === undefined) Leases.endWait(this.state)
      return true
    }
    if (waiter.forLease === undefined) this.giveBack(lease)
    else this.port.run(Leases.detachForReconnect(this.state, lease, waiter, this.parts.runtime.now()))
    return false
  }

  requeue(waiter: Waiter<C>): void {
    this.port.run(Queue.requeue(this.state, waiter, this.parts.runtime.now()))
  }

  /** Counts a borrower that cannot wait, and lets the pool open a connection for the next one. */
  reject(reason: Exclude<PoolExhaustedError["reason"], "TooManyKeys">): void {
    Queue.reject(this.state, reason)
    this.parts.events.exhausted(reason, 0)
    this.port.run(Demand.openForNext(this.state, this.parts.runtime.now()))
  }

  /** Counts a borrower that comes while the pool is closing, or while opens pause and nothing is open. */
  turnAway(reason: "OpenFailed" | "PoolClosed"): void {
    Queue.reject(this.state, reason)
  }

  /** A borrower was interrupted while it waited: it leaves the queue, or gives back what it has been handed. */
  withdraw(waiter: Waiter<C>): void {
    waiter.wake = undefined
    if (Queue.withdraw(this.state, waiter)) this.port.run(nothing)
    else if (waiter.lease?.phase === "Held") this.giveBack(waiter.lease)
  }

  /** Ends a lease that was never taken up. */
  private giveBack(lease: Lease<C>): void {
    const now = this.parts.runtime.now()
    Leases.giveBack(this.state, lease, now)
    this.settle(lease, this.parts.hooks.checkLendable(lease.slot, now), now)
  }

  /** Starts the timer of a waiter with a deadline of its own. Returns a function that stops it. */
  startTimer(waiter: Waiter<C>): () => void {
    if (!waiter.ownDeadline || waiter.deadline === Infinity) return constVoid
    const left = waiter.deadline - this.parts.runtime.now()
    const timer = this.parts.runtime.fork(Effect.andThen(
      // One turn of grace, as alarms give.
      Effect.andThen(Effect.sleep(Duration.millis(left)), graceTurn),
      Effect.sync(() => this.port.run(Queue.expireWaiter(this.state, waiter)))
    ))
    return () => stop(timer)
  }

  /** Gives the holder of a lease its connection, or its view for this one lease. */
  present(lease: Lease<C>, by: "Manual" | "Scoped", waitedMillis: number): C {
    const { events, hooks, index, runtime } = this.parts
    const { slot } = lease
    let lent: C
    try {
      lent = hooks.view(slot.connection!)
    } catch (defect) {
      const now = runtime.now()
      Leases.giveBack(this.state, lease, now)
      this.settle(lease, "Invalid", now)
      throw defect
    }
    if (hooks.hasViews) index.add(lent, slot)
    Leases.claim(this.state, lease, lent, by, waitedMillis)
    events.borrowed(lease, waitedMillis)
    return lent
  }

  /** Ends a lease unless it has ended: the connection goes to the oldest waiter, becomes idle, or closes. */
  end(lease: Lease<C>, exit: Exit.Exit<unknown, unknown>): void {
    if (lease.phase === "Reconnecting") return this.endReconnect(lease)
    if (lease.phase !== "Held") return
    const { hooks, lifecycle, runtime } = this.parts
    const now = runtime.now()
    this.release(lease, now)
    Leases.endHold(this.state, lease, now)
    this.onEnd?.(exit)
    const { slot } = lease
    if (slot.isOnTrial) this.testify(lease, exit)
    const reason = hooks.checkLendable(slot, now)
    if (reason !== undefined || this.state.phase !== "Running") {
      if (!hooks.isWhole(slot, exit)) Retiring.spoil(slot)
      return this.settle(lease, reason, now)
    }
    const verdict = hooks.verdict(slot, exit)
    // `onRelease` may have used the pool.
    if (hasEnded(lease)) return
    if (typeof verdict === "string") return this.settle(lease, verdict === "keep" ? slot.reason : "Discarded", now)
    if (Exit.isExit(verdict)) return this.applyVerdict(lease, exit, verdict as Exit.Exit<Verdict>, slot.reason, now)
    Leases.reset(this.state, lease, now)
    lifecycle.ask(slot, Tracing.release(verdict, this.port.attributesOf(slot), lease.span), (verdict) => {
      // The connection may have closed meanwhile.
      if (lease.phase !== "Returning") return
      const now = runtime.now()
      this.applyVerdict(lease, exit, verdict, hooks.checkLendable(slot, now), now)
    })
    this.port.run(nothing)
  }

  /** The first leases of a connection show whether it works. An interruption or a defect says nothing about that. */
  private testify(lease: Lease<C>, exit: Exit.Exit<unknown, unknown>): void {
    const { hooks } = this.parts
    if (hooks.isAnswered(exit)) return Trial.testify(lease, hooks.hasServed(lease.slot), undefined)
    if (exit._tag === "Success") return
    const error = firstError(exit.cause)
    if (Option.isSome(error)) Trial.testify(lease, false, { _tag: "LostOnTrial", error: { value: error.value } })
  }

  /** Applies the decision of `onRelease`, as far as the connection is still fit. */
  private applyVerdict(
    lease: Lease<C>,
    exit: Exit.Exit<unknown, unknown>,
    verdict: Exit.Exit<Verdict>,
    unfit: CloseReason | undefined,
    now: number
  ): void {
    if (verdict._tag === "Failure") {
      this.parts.runtime.warn("onRelease died", verdict.cause, lease.slot)
      this.settle(lease, "Invalid", now)
    } else {
      const { value } = verdict
      const isKept = value === "keep" || (value === "default" && this.parts.hooks.isWhole(lease.slot, exit))
      this.settle(lease, isKept ? unfit : "Discarded", now)
    }
  }

  settle(lease: Lease<C>, reason: CloseReason | undefined, now: number): void {
    this.port.run(Leases.settle(this.state, lease, reason, now))
  }

  /** The holder has nothing in its hand any more: its view leads to no slot. */
  release(lease: Lease<C>, now: number): void {
    const { lent, slot } = lease
    if (lent === notLent) return
    const { events, hooks, index } = this.parts
    events.released(lease, now)
    Leases.letGo(lease)
    if (hooks.hasViews && slot.leases.every((other) => other.lent !== lent)) index.retire(lent, slot)
  }
}

const hasEnded = (lease: Lease<any>): boolean => lease.phase === "Ended"
