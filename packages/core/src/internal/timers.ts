/** The work that time causes: deadlines, the reaper, the backoff of the fill. */
import type * as Option from "effect/Option"
import { Alarm } from "./alarm.js"
import type { Resolved } from "./options.js"
import { Reaper } from "./reaper.js"
import { Refill } from "./refill.js"
import type { PoolRuntime } from "./runtime.js"
import type { Lease, Slot, State } from "./state.js"
import { type Commands, nothing } from "./transitions/commands.js"
import * as Demand from "./transitions/demand.js"
import * as Keepalive from "./transitions/keepalive.js"
import * as Leases from "./transitions/leases.js"
import { isLimiting } from "./transitions/openLimiter.js"
import * as Queue from "./transitions/queue.js"
import * as Retiring from "./transitions/retiring.js"
import * as Trial from "./transitions/trial.js"
import * as Whole from "./transitions/whole.js"

/** The engine's side of each timer. */
export interface TimerHandlers<C> {
  readonly run: (commands: Commands<C>) => void
  readonly openTimedOut: (slot: Slot<C>) => void
  readonly validationTimedOut: (slot: Slot<C>) => void
  readonly resetTimedOut: (lease: Lease<C>, now: number) => void
  readonly closeTimedOut: (slot: Slot<C>) => void
  readonly leakSuspected: (lease: Lease<C>, now: number) => void
  readonly sweep: () => void
  readonly keepAlive: () => void
}

/** Timers that nobody waits for are quiet: they do not keep the process alive. */
export class Timers<C, E> {
  private readonly queue: Alarm
  private readonly openLimiter: Alarm
  private readonly floorLimiter: Alarm
  private readonly stale: Alarm
  private readonly silent: Alarm
  private readonly leaks: Alarm
  private readonly alarms: ReadonlyArray<Alarm>
  private readonly reaper: Reaper
  private readonly refill: Refill<E>
  private readonly closesStale: boolean
  private readonly keepsAlive: boolean
  private readonly looksForLeaks: boolean
  private readonly canExpire: boolean

  constructor(
    runtime: PoolRuntime,
    private readonly state: State<C>,
    options: Resolved<C, E, any>,
    handlers: TimerHandlers<C>
  ) {
    const { leakThreshold } = options
    this.closesStale = options.reapExpired && options.idleTimeout !== Infinity
    this.keepsAlive = options.keepaliveTime !== Infinity
    this.looksForLeaks = leakThreshold !== Infinity
    this.canExpire = options.reapExpired && (options.connectionTTL !== Infinity || options.isExpired !== undefined)
    this.queue = new Alarm(
      runtime,
      () => state.deadlines.head?.waiter.deadline,
      (_now, until) => handlers.run(Queue.expireWaiters(state, until))
    )
    const quiet = { ...runtime, fork: runtime.forkQuietly }
    const open = (now: number) => {
      Demand.awaited(state, now)
      handlers.run(Retiring.openWanted(state, now))
    }
    const delayedUntil = (forBorrowers: boolean) => (): number | undefined =>
      state.pending > 0 === forBorrowers ? Demand.delayedUntil(state) : undefined
    this.openLimiter = new Alarm(runtime, delayedUntil(true), open)
    this.floorLimiter = new Alarm(quiet, delayedUntil(false), open)
    this.stale = new Alarm(
      quiet,
      () => this.closesStale ? Retiring.nextStale(state) : undefined,
      (now) => handlers.run(Retiring.expireIdle(state, now))
    )
    this.silent = new Alarm(quiet, () => Keepalive.nextSilent(state), handlers.keepAlive)
    this.leaks = new Alarm(
      quiet,
      () => state.held.head === undefined ? undefined : state.held.head.since + leakThreshold,
      (now) => {
        for (const lease of state.held) {
          if (lease.since + leakThreshold > now) break
          Leases.suspect(state, lease)
          handlers.leakSuspected(lease, now)
        }
        handlers.run(nothing)
      }
    )
    this.alarms = [
      this.queue,
      this.openLimiter,
      this.floorLimiter,
      this.stale,
      this.silent,
      this.leaks,
      new Alarm(quiet, () => Trial.nextPassed(state), (now) => handlers.run(Retiring.outlive(state, now))),
      Alarm.of(runtime, state.opening, handlers.openTimedOut),
      Alarm.of(runtime, state.aborting, handlers.closeTimedOut),
      Alarm.of(runtime, state.validating, handlers.validationTimedOut),
      Alarm.of(runtime, state.resetting, handlers.resetTimedOut),
      Alarm.of(runtime, state.closing, handlers.closeTimedOut),
      new Alarm(
        runtime,
        () => state.phase === "Draining" && state.inUse > 0 ? state.drainDeadline : undefined,
        (now) => handlers.run(Whole.forceClose(state, now))
      )
    ]
    this.reaper = new Reaper(runtime, options.reapSchedule, handlers.sweep)
    this.refill = new Refill(runtime, options.retry, () => handlers.run(Demand.probe(state, runtime.now())))
  }

  /** Anything may have changed. */
  refresh(): void {
    const { state } = this
    for (const alarm of this.alarms) alarm.refresh()
    if (!state.backingOff) this.refill.stop()
    this.reaper.refresh(this.canExpire && state.phase === "Running" && state.slots.size > 0)
  }

  /** A borrower has joined or left the queue. */
  queueChanged(): void {
    this.queue.refresh()
    // While opens fail, the limiter may delay an open for the queue.
    if (!isLimiting(this.state) && this.state.pause === undefined) return
    this.openLimiter.refresh()
    this.floorLimiter.refresh()
  }

  /** A lease has begun or ended. */
  leasesChanged(): void {
    if (this.looksForLeaks) this.leaks.refreshSome()
    if (this.closesStale) this.stale.refreshSome()
    if (this.keepsAlive) this.silent.refreshSome()
  }

  backOff(error: Option.Option<E>): void {
    this.refill.backOff(error)
  }

  /** A new connection works. */
  recovered(): void {
    this.refill.recovered()
  }
}
