/** Lends connections to borrowers and takes them back. Borrowers meet it through `lending.ts`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import type { PoolExhaustedError } from "../PoolError.js"
import type { CloseReason } from "../PoolStats.js"
import type { Engine } from "./engine.js"
import type { Verdict } from "./hooks.js"
import * as PoolRuntime from "./runtime.js"
import type { Holder, Lease, Slot, State, Waiter } from "./state.js"
import * as Demand from "./transitions/demand.js"
import * as Leases from "./transitions/leases.js"
import * as Queue from "./transitions/queue.js"
import * as Retiring from "./transitions/retiring.js"

/**
 * For so many milliseconds, at least, an answer is good that came when nobody waited for it any more: otherwise those
 * who do not wait would never get a connection that is asked before every lease.
 */
const validationHoldsMillis = 1_000

export class LeaseManager<C, E> {
  private readonly state: State<C>

  constructor(private readonly engine: Engine<C, E>) {
    this.state = engine.state
  }

  /** Lends a connection that is fit to be lent at once; closes the unfit ones on the way. */
  borrow(holder: Holder): Lease<C> | undefined {
    const { state } = this
    // A newcomer does not overtake.
    if (state.waiters.length > 0 || Leases.candidate(state) === undefined) return undefined
    const now = this.engine.now()
    const slot = this.takeLendable(now)
    if (slot === undefined) return undefined
    const lease = Leases.lend(state, slot, holder, holder.currentSpan, now)
    this.engine.timers.lent()
    return lease
  }

  /**
   * Finds a connection that can be lent at once, and takes it out of everybody's reach unless others use it too. When
   * the next one must be asked first, it is asked; if there is another that need not be, that is lent meanwhile.
   */
  private takeLendable(now: number): Slot<C> | undefined {
    const { state } = this
    let isAsking = false
    for (;;) {
      const slot = isAsking ? Leases.freshest(state) : Leases.candidate(state)
      if (slot === undefined || (isAsking && slot.phase === "Idle" && this.needsValidation(slot, now))) return undefined
      const wasIdle = slot.phase === "Idle"
      // Out of everybody's reach while the user's predicates look at it: they may use the pool.
      if (wasIdle) Leases.take(state, slot)
      const reason = this.engine.checkLendable(slot, now)
      if (wasIdle ? slot.phase !== "Taken" : slot.list !== state.shareable) continue
      if (reason !== undefined) {
        this.engine.run(Retiring.retireOnReturn(state, slot, reason, now))
      } else if (wasIdle && this.needsValidation(slot, now)) {
        this.engine.run(Leases.validate(state, slot, now))
        isAsking = true
      } else {
        return slot
      }
    }
  }

  private needsValidation(slot: Slot<C>, now: number): boolean {
    const { validate, validateAfterIdle } = this.engine.options
    if (validate === undefined) return false
    const goodFor = slot.validated ? Math.max(validateAfterIdle, validationHoldsMillis) : validateAfterIdle
    return now - slot.since >= goodFor
  }

  /** Idle connections go to those who wait for one. */
  serveWaiters(): void {
    const { state } = this
    while (Queue.unservedWaiters(state) > 0 && state.idle.length > 0) {
      const now = this.engine.now()
      const slot = this.takeLendable(now)
      if (slot === undefined) continue
      // It may be good for fewer leases than waiters counted on.
      this.engine.run([...Leases.handOff(state, slot, now), ...Demand.demand(state, now)])
    }
  }

  /** Puts a borrower at the end of the queue. */
  enqueue(waiter: Waiter<C>, now: number): void {
    this.engine.run(Queue.enqueue(this.state, waiter, now))
    this.engine.timers.queued()
  }

  /** Parts a lease from its connection, and puts its holder before the queue. */
  startReconnect(lease: Lease<C>, mover: Waiter<C>, now: number): void {
    this.release(lease, now)
    this.engine.run(Leases.startReconnect(this.state, lease, mover, now))
    this.engine.timers.queued()
  }

  /**
   * Whether a waiter may take up what it was handed. Its lease may have been ended meanwhile (`drop`, the end of the
   * drain), its connection condemned, or the peer may have gone; then it waits again, in its place. One that the peer
   * left before its first use is lent even so: opening another would most likely end the same way, and the borrower
   * should hear of it.
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
    else this.engine.run(Leases.detachForReconnect(this.state, lease, waiter, this.engine.now()))
    return false
  }

  requeue(waiter: Waiter<C>): void {
    this.engine.run(Queue.requeue(this.state, waiter, this.engine.now()))
    this.engine.timers.queued()
  }

  /** Turns a borrower away who cannot wait, and lets the pool open a connection that the next one may find. */
  reject(reason: PoolExhaustedError["reason"]): void {
    Queue.reject(this.state, reason)
    this.engine.events.exhausted(reason, 0)
    this.engine.run(Demand.openForNext(this.state, this.engine.now()))
  }

  /** Turns a borrower away who comes when the pool is closing. */
  rejectClosed(): void {
    Queue.reject(this.state, "PoolClosed")
  }

  /** A borrower went away while it waited: takes it out of the queue, or gives back what it has been handed. */
  withdraw(waiter: Waiter<C>): void {
    waiter.wake = undefined
    if (Queue.withdraw(this.state, waiter)) this.engine.timers.queued()
    else if (waiter.lease?.phase === "Held") this.giveBack(waiter.lease)
  }

  /** Ends a lease that was never used. */
  private giveBack(lease: Lease<C>): void {
    const now = this.engine.now()
    Leases.giveBack(this.state, lease, now)
    this.settle(lease, this.engine.hooks.checkLendable(lease.slot, now), now)
  }

  /** Starts the timer of a waiter whose deadline is its own; gives what stops it. */
  startTimer(waiter: Waiter<C>): () => void {
    if (!waiter.ownDeadline || waiter.deadline === Infinity) return constVoid
    const timer = this.engine.runtime.fork(Effect.andThen(
      // One turn of grace, as alarms give.
      Effect.andThen(Effect.sleep(Duration.millis(waiter.deadline - waiter.since)), Effect.sleep(0)),
      Effect.sync(() => this.engine.run(Queue.expireWaiter(this.state, waiter)))
    ))
    return () => PoolRuntime.stop(timer)
  }

  /** What the holder of a lease is given: the connection, or its view for this one lease. */
  present(lease: Lease<C>, by: "Manual" | "Scoped", waitedMillis: number): C {
    const { slot } = lease
    let lent: C
    try {
      lent = this.engine.hooks.view(slot.connection!)
    } catch (defect) {
      const now = this.engine.now()
      Leases.giveBack(this.state, lease, now)
      this.settle(lease, "Invalid", now)
      throw defect
    }
    if (this.engine.hooks.hasViews) this.engine.index.add(lent, slot)
    Leases.claim(this.state, lease, lent, by, waitedMillis)
    this.engine.events.borrowed(lease, waitedMillis)
    return lent
  }

  /** Ends a lease, if it is still on: the connection goes to the oldest waiter, becomes idle, or closes. */
  end(lease: Lease<C>, exit: Exit.Exit<unknown, unknown>): void {
    if (lease.phase === "Reconnecting") return this.engine.run(Leases.endReconnect(this.state, lease))
    if (lease.phase !== "Held") return
    const now = this.engine.now()
    this.release(lease, now)
    Leases.endHold(this.state, lease, now)
    const { slot } = lease
    const reason = this.engine.hooks.checkLendable(slot, now)
    if (reason !== undefined || this.state.phase !== "Running") return this.settle(lease, reason, now)
    const verdict = this.engine.hooks.verdict(slot.connection!, exit)
    // `onRelease` may have used the pool.
    if (hasEnded(lease)) return
    if (typeof verdict === "string") return this.settle(lease, verdict === "keep" ? slot.reason : "Discarded", now)
    if (Exit.isExit(verdict)) return this.applyVerdict(lease, verdict as Exit.Exit<Verdict>, slot.reason, now)
    Leases.reset(this.state, lease, now)
    this.engine.lifecycle.ask(slot, verdict, (exit) => {
      // Much may have happened to the connection meanwhile.
      if (lease.phase !== "Returning") return
      const now = this.engine.now()
      this.applyVerdict(lease, exit, this.engine.hooks.checkLendable(slot, now), now)
    })
    this.engine.watch()
  }

  /** Does what `onRelease` has answered, as far as the connection is still fit. */
  private applyVerdict(
    lease: Lease<C>,
    verdict: Exit.Exit<Verdict>,
    unfit: CloseReason | undefined,
    now: number
  ): void {
    if (verdict._tag === "Failure") {
      this.engine.runtime.warn("onRelease died", verdict.cause, lease.slot)
      this.settle(lease, "Invalid", now)
    } else {
      this.settle(lease, verdict.value === "keep" ? unfit : "Discarded", now)
    }
  }

  settle(lease: Lease<C>, reason: CloseReason | undefined, now: number): void {
    if (reason === undefined) this.engine.timers.recovered()
    this.engine.run(Leases.settle(this.state, lease, reason, now))
    this.engine.timers.lent()
  }

  /** A holder has let go of what it was given: a view is not found any more. */
  release(lease: Lease<C>, now: number): void {
    if (!lease.isLent) return
    const { lent, slot } = lease
    this.engine.events.released(lease, now)
    lease.lent = undefined
    lease.isLent = false
    if (this.engine.hooks.hasViews && slot.leases.every((other) => other.lent !== lent)) {
      this.engine.index.remove(lent!, slot)
    }
  }
}

const hasEnded = (lease: Lease<any>): boolean => lease.phase === "Ended"
