/** Plays the engine of random runs: carries out what the transitions command, beside the reference. */
import { type Command, type Lease, type Slot, State, type Waiter } from "../../src/internal/state.js"
import * as Demand from "../../src/internal/transitions/demand.js"
import * as Keepalive from "../../src/internal/transitions/keepalive.js"
import type { Choice } from "../../src/internal/transitions/leases.js"
import * as Leases from "../../src/internal/transitions/leases.js"
import * as Opening from "../../src/internal/transitions/opening.js"
import * as Overload from "../../src/internal/transitions/overload.js"
import * as Phases from "../../src/internal/transitions/phases.js"
import * as Queue from "../../src/internal/transitions/queue.js"
import * as Reserving from "../../src/internal/transitions/reserving.js"
import * as Retiring from "../../src/internal/transitions/retiring.js"
import * as Trial from "../../src/internal/transitions/trial.js"
import * as Waiters from "../../src/internal/transitions/waiters.js"
import * as Whole from "../../src/internal/transitions/whole.js"
import { Marks } from "./marks.js"
import { Dice } from "./random.js"
import { Reference, type Testimony } from "./reference.js"

/** The transitions under test. */
export const core = {
  ...Demand,
  ...Keepalive,
  ...Leases,
  ...Opening,
  ...Overload,
  ...Phases,
  ...Queue,
  ...Reserving,
  ...Retiring,
  ...Trial,
  ...Waiters,
  ...Whole
}

const validateAfterIdle = 15
export const fatalPause = 60
/** Nobody has forked anybody. */
export const noAncestry = { isAncestor: () => false, allWaitFor: () => false }

export class ScriptedEngine {
  protected state!: State<number>
  protected reference!: Reference
  private marks!: Marks
  protected readonly dice: Dice
  protected now = 0
  /** Waiters that have been told something and have not looked yet. */
  protected woken: Array<Waiter<number>> = []
  private validates = false
  protected maxPending = 0
  protected readonly dead = new Set<Slot<number>>()
  /** The verdicts of the holders of leases on their connections. */
  protected readonly testimonies = new Map<Lease<number>, Testimony>()
  /** Whether the wait of a backoff goes on. */
  protected refillWaits = false
  /** The number of pools that have lived and died. */
  pools = 0
  /** Counts of rare events. */
  readonly met = {
    borrowed: 0,
    waited: 0,
    requeued: 0,
    reconnected: 0,
    validated: 0,
    keptAlive: 0,
    keptInPlace: 0,
    flushed: 0,
    replaced: 0,
    paced: 0,
    toldLate: 0,
    fatal: 0,
    proved: 0,
    outlived: 0,
    lost: 0,
    recovered: 0,
    ownDeadlocks: 0,
    shared: 0,
    exclusive: 0,
    reserved: 0,
    foreseen: 0,
    lifted: 0,
    beside: 0,
    overloaded: 0,
    newestFirst: 0,
    shed: 0,
    Expired: 0,
    Stale: 0,
    MaxUses: 0,
    Invalid: 0,
    Disconnected: 0,
    Discarded: 0,
    Desync: 0,
    Dropped: 0,
    Cleared: 0,
    Surplus: 0,
    Reclaimed: 0,
    PoolClosed: 0
  }
  protected left = 0
  constructor(seed: number, protected readonly transitions: typeof core = core) {
    this.dice = new Dice(seed)
    this.begin()
  }

  protected begin(): void {
    const { dice } = this
    const max = 1 + dice.below(4)
    const min = dice.below(3) === 0 ? dice.below(max + 1) : 0
    const maxConnecting = 1 + dice.below(3)
    const concurrency = dice.percent(70) ? 1 : 2 + dice.below(2)
    const maxUses = dice.percent(70) ? Infinity : 1 + dice.below(5)
    this.maxPending = dice.below(12)
    this.validates = dice.percent(60)
    const keepaliveTime = this.validates && dice.percent(60) ? 1 + dice.below(40) : Infinity
    const order = dice.pick(["lifo", "lifo", "fifo", "fewest"] as const)
    const overload = dice.percent(50)
      ? undefined
      : { lifo: dice.percent(50), target: 1 + dice.below(10), interval: 1 + dice.below(20) }
    const initial = dice.percent(80) ? 0 : dice.below(max + 1)
    this.state = new State({
      max,
      min,
      initial,
      maxConnecting,
      concurrency,
      maxUses,
      lifo: order === "lifo",
      fewest: order === "fewest",
      connectTimeout: 40,
      idleTimeout: dice.percent(50) ? Infinity : 50,
      keepaliveTime,
      validateTimeout: 20,
      closeTimeout: 30,
      fatalPause,
      overload
    })
    this.reference = new Reference(
      { maxConnecting, maxPending: this.maxPending, concurrency, maxUses, initial, keepaliveTime, overload },
      max,
      min,
      this.now
    )
    this.state.allotted = this.firstAllotment()
    this.reference.allots(this.state.allotted)
    this.marks = new Marks(this.state)
    this.woken = []
    this.dead.clear()
    this.testimonies.clear()
    this.refillWaits = false
    this.pools++
    this.left = 200 + dice.below(2_000)
    this.run(this.transitions.demand(this.state, this.now))
  }

  /** The places that a budget grants at first. */
  protected firstAllotment(): number {
    return this.dice.percent(60) ? Infinity : this.dice.below(6)
  }

  protected run(commands: ReadonlyArray<Command<number>>): void {
    const { state, transitions } = this
    for (const command of commands) {
      this.reference.observe(command, this.now)
      if (command._tag === "Wake") {
        const { deadline, failure: refusal } = command.waiter
        if (refusal?._tag === "OpenFailed" && deadline <= this.now) this.met.toldLate++
        if (refusal?._tag === "Shed") this.met.shed++
        this.woken.push(command.waiter)
      } else if (command._tag === "Close") this.met[command.slot.reason!]++
      else if (command._tag === "BackOff") this.refillWaits = true
      else if (command._tag === "Recovered") this.met.recovered++
      else if (command._tag === "Overloaded") this.met[state.limits.overload!.lifo ? "newestFirst" : "overloaded"]++
    }
    if (!this.state.backingOff) this.refillWaits = false
    this.met.lost += this.reference.lost
    this.reference.lost = 0
    if (transitions.concernsExclusive(state)) {
      const before = state.reserved.length
      transitions.reserve(state, noAncestry)
      if (state.reserved.length > before) this.met.reserved++
      if (state.reserved.length < before) this.met.lifted++
    }
    if (state.queued > 0 && (state.idle.length > 0 || state.shareable.length > 0)) this.feed()
    this.reference.reservedAtRest = new Set(state.reserved)
    this.marks.check()
  }

  protected fit(choice: Choice): Slot<number> | undefined {
    const { now, state, transitions } = this
    for (;;) {
      const slot = transitions.candidate(state, choice)
      if (slot === undefined) return undefined
      const wasIdle = slot.phase === "Idle"
      if (wasIdle) transitions.take(state, slot)
      const reason = transitions.isStale(state, slot, now) ? "Stale" : this.unfit(slot)
      if (reason !== undefined) {
        this.reference.spoil(slot)
        this.run(transitions.retireOnReturn(state, slot, reason, now))
      } else if (wasIdle && this.validates && now - slot.heardAt >= validateAfterIdle) {
        this.run(transitions.validate(state, slot, now))
        return undefined
      } else {
        return slot
      }
    }
  }

  private feed(): void {
    const { state, transitions } = this
    for (;;) {
      const isShared = state.waiters.length > 0 && state.shareable.length > 0
      if (!isShared && (state.idle.length === 0 || !transitions.isUnserved(state))) return
      const slot = this.fit(isShared ? "Shared" : "Whole")
      if (slot === undefined) continue
      this.run(transitions.handOff(state, slot, this.now))
      this.run(transitions.openWanted(state, this.now))
    }
  }

  protected unfit(slot: Slot<number>) {
    if (slot.reason !== undefined) return slot.reason
    if (slot.expiresAt <= this.now) return "Expired"
    return this.dead.has(slot) ? "Disconnected" : undefined
  }

  protected settle(lease: Lease<number>, reason: ReturnType<ScriptedEngine["unfit"]>): void {
    const { slot } = lease
    if (lease.phase === "Returning") {
      if (reason !== undefined) this.reference.spoil(slot)
      this.reference.isOver(slot, lease, false)
      if (this.reference.judges(slot, this.testimonies.get(lease) ?? "nothing", reason)) this.met.proved++
      this.testimonies.delete(lease)
    }
    this.run(this.transitions.settle(this.state, lease, reason, this.now))
  }

  protected giveBack(lease: Lease<number>): void {
    this.transitions.giveBack(this.state, lease, this.now)
    const reason = this.unfit(lease.slot)
    if (reason !== undefined) this.reference.spoil(lease.slot)
    this.reference.isOver(lease.slot, lease, true)
    this.run(this.transitions.settle(this.state, lease, reason, this.now))
  }
}
