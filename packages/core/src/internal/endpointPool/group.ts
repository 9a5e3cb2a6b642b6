/**
 * The endpoints of one pool: an inner pool for each, under one budget. It follows the discovery, and it ejects, rechecks
 * and restores endpoints by what their opens and leases show.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type { ConnectionPool } from "../../ConnectionPool.js"
import type { CompleteEndpoint, Endpoint } from "../../Endpoint.js"
import type { PoolEvent } from "../../PoolEvent.js"
import { Alarm } from "../alarm.js"
import type { BudgetImpl } from "../budget/budget.js"
import { ConnectionPoolImpl } from "../connectionPool.js"
import { describeError } from "../describe.js"
import { stop } from "../effect/fiber.js"
import { forEachOf } from "../effect/stream.js"
import * as Endpoints from "../endpoints.js"
import type { Engine } from "../engine.js"
import { bufferedEvents, type EventFields, type Hubs, type Listener } from "../eventBus.js"
import { Hub } from "../hub.js"
import { Latch } from "../latch.js"
import * as Operations from "../operations.js"
import * as Registry from "../registry.js"
import type { PoolRuntime } from "../runtime.js"
import { isLeased, isUnheld, type State } from "../state.js"
import { Totals } from "../totals.js"
import * as Demand from "../transitions/demand.js"
import * as Whole from "../transitions/whole.js"
import { Health, type HealthRules } from "./health.js"
import { Member } from "./member.js"
import { type Draw, loadOf, pick } from "./pick.js"
import { ProbeFailed, type RoleRules, Roles } from "./roles.js"

/** The settings of a group. Durations are in milliseconds. */
export interface Settings extends HealthRules {
  readonly name: string
  readonly endpoints: Stream.Stream<ReadonlyArray<Endpoint>, unknown>
  readonly maxConnections: number
  readonly maxConnectionsPerEndpoint: number | undefined
  readonly minConnections: number
  readonly initialConnections: number
  readonly maxPending: number
  readonly acquireTimeout: number
  readonly drainTimeout: number
  readonly concurrency: number
  readonly maxEjected: number
  readonly rebalance: number
  readonly isFailure: (exit: Exit.Exit<unknown, unknown>) => boolean
  readonly roles: RoleRules | undefined
}

/** The share of the whole that the pool of an endpoint gets. */
export interface Share {
  readonly name: string
  readonly maxConnections: number
  readonly minConnections: number
  readonly initialConnections: number
  readonly maxPending: number
  readonly budget: BudgetImpl
  readonly budgetWeight: number
}

/** The connections that an endpoint will have: those that are given up on return count no more. */
const heldBy = ({ state }: Member<any, any>): number => {
  let held = state.opening.length + (state.isTrialOwed ? 1 : 0)
  for (const slot of state.slots) if ((isLeased(slot) || isUnheld(slot)) && slot.reason === undefined) held++
  return held
}

/** The pauses after failures of the discovery double from one to the other, in milliseconds. */
const firstPause = 100
const longestPause = 20_000

/** The delay after which a recheck that could not begin is tried again. */
const recheckMillis = 1_000

/** Opens an endpoint's events to those who listen to the whole pool. An event of a part is none of the pool's. */
class Forwarding implements Listener {
  constructor(private readonly hub: Hub<PoolEvent>, private readonly endpoint: string) {}

  get isIdle(): boolean {
    return this.hub.isIdle
  }

  publish(event: PoolEvent): void {
    switch (event._tag) {
      case "Cleared":
      case "Resized":
      case "Draining":
      case "PoolClosed":
        return
      default:
        this.hub.publish({ ...event, endpoint: this.endpoint })
    }
  }
}

const isSameAddress = (a: CompleteEndpoint, b: CompleteEndpoint): boolean =>
  a.host === b.host && a.port === b.port && a.name === b.name

export class Group<C, E> {
  /** The endpoints of the newest set, in its order. */
  members: ReadonlyArray<Member<C, E>> = []
  /** Those that have left it and still have connections. */
  readonly leaving = new Set<Member<C, E>>()
  /** Opens with the first set, and with the close. */
  readonly found = new Latch()
  readonly done = new Latch()
  readonly hubs: Hubs
  readonly totals = new Totals()
  /** None if no server is asked for its tier. */
  readonly roles: Roles<C, E> | undefined
  /** Counts the connections of all endpoints. */
  private readonly numbers = { last: 0 }
  private readonly rechecks: Alarm
  private readonly fibers: ReadonlyArray<ReturnType<PoolRuntime["forkQuietly"]>>
  /** The endpoint whose pool is being made. */
  private making: Member<C, E> | undefined = undefined
  private limits: { max: number; min: number }
  private isFirstSet = true
  /** Whether the newest set has one endpoint. */
  private isAlone = false
  isClosed = false
  lastDiscoveryError: { readonly value: unknown } | undefined = undefined

  constructor(
    readonly settings: Settings,
    readonly budget: BudgetImpl,
    readonly runtime: PoolRuntime,
    /** A pool without a server, in which borrowers wait for the first set. Its state stands for the whole pool. */
    readonly lobby: Engine<C, E>,
    readonly draw: Draw,
    private readonly makePool: (endpoint: () => CompleteEndpoint, share: Share) => Exit.Exit<ConnectionPool<C, E>>,
    private readonly onClosed: () => void
  ) {
    const { maxConnections, minConnections, rebalance } = settings
    this.limits = { max: maxConnections, min: minConnections }
    const hub = () =>
      new Hub<PoolEvent>(runtime, bufferedEvents, ({ _tag }) => _tag === "PoolClosed", () => this.isOver)
    this.hubs = { all: hub(), withoutLeases: hub() }
    this.roles = settings.roles && new Roles(this, settings.roles)
    const quiet = { ...runtime, fork: runtime.forkQuietly }
    this.rechecks = new Alarm(quiet, () => this.nextRecheck(), (now) => this.recheck(now))
    budget.onJoin = (engine: Engine<C, E>) => this.joined(engine)
    budget.onStarved = (state) => runtime.later(() => this.starved(state))
    this.fibers = [
      runtime.forkQuietly(this.follow(0)),
      ...(rebalance === Infinity ? [] : [
        runtime.forkQuietly(Effect.forever(Effect.andThen(
          Effect.sleep(Duration.millis(rebalance)),
          Effect.sync(() => this.rebalance())
        )))
      ])
    ]
  }

  private isOver = false

  get hasSet(): boolean {
    return !this.isFirstSet
  }

  get all(): ReadonlyArray<Member<C, E>> {
    return [...this.members, ...this.leaving]
  }

  /** The borrowers that wait, for whatever endpoint. */
  get queued(): number {
    let queued = this.lobby.state.queued
    for (const { state } of this.members) queued += state.queued
    return queued
  }

  get max(): number {
    return this.limits.max
  }

  publish(fields: EventFields): void {
    const { all, withoutLeases } = this.hubs
    if (all.isIdle && withoutLeases.isIdle) return
    const event = { ...fields, pool: this.settings.name, at: this.runtime.wallTime() } as PoolEvent
    all.publish(event)
    withoutLeases.publish(event)
  }

  // --- The set ------------------------------------------------------------------------------------------------------

  /** Reads the discovery until it ends, and again after a pause if it fails. */
  private follow(failures: number): Effect.Effect<void> {
    const { endpoints, name } = this.settings
    let row = failures
    const read = forEachOf(endpoints, (set) => {
      row = 0
      return Effect.matchCause(Endpoints.check(`the discovery of ${name}`, set), {
        onFailure: (cause) => this.discoveryFailed(cause),
        onSuccess: (checked) => this.update(checked)
      })
    })
    return Effect.matchCauseEffect(read, {
      onFailure: (cause) => {
        this.discoveryFailed(cause)
        const millis = Math.min(firstPause * 2 ** row, longestPause) * (0.8 + 0.4 * this.draw())
        return Effect.andThen(Effect.sleep(Duration.millis(millis)), Effect.suspend(() => this.follow(row + 1)))
      },
      onSuccess: () => Effect.void
    })
  }

  private discoveryFailed(cause: Cause.Cause<unknown>): void {
    const isFirst = this.lastDiscoveryError === undefined
    this.lastDiscoveryError = { value: Cause.squash(cause) }
    if (isFirst) this.runtime.warn("the discovery of endpoints fails; the last set stays", cause)
  }

  private discovered(): void {
    if (this.lastDiscoveryError === undefined) return
    this.lastDiscoveryError = undefined
    this.runtime.inform("the discovery of endpoints works again", Cause.empty)
  }

  /** Takes over a set. */
  update(set: ReadonlyArray<CompleteEndpoint>): void {
    if (this.isClosed) return
    this.discovered()
    if (set.length === 0) {
      this.publish({ _tag: "EndpointsEmpty" })
      return
    }
    this.isAlone = set.length === 1
    if (!this.isAlone && this.budget.roomFor(0) === 0) {
      const last = [...this.members].reverse().find(({ state }) => state.min > 0)
      if (last !== undefined) this.resizeOne(last.engine, last.state.min - 1, this.mostOfOne)
    }
    const before = new Map(this.members.map((member) => [member.endpoint.id, member]))
    const added: Array<string> = []
    const next: Array<Member<C, E>> = []
    for (const endpoint of set) {
      const known = before.get(endpoint.id)
      if (known !== undefined && isSameAddress(known.endpoint, endpoint)) {
        before.delete(endpoint.id)
        if (known.endpoint.weight !== endpoint.weight) known.engine.seat?.reweigh(endpoint.weight)
        known.endpoint = endpoint
        next.push(known)
        continue
      }
      const member = this.add(endpoint)
      if (member === undefined) continue
      added.push(endpoint.id)
      next.push(member)
    }
    this.members = next
    this.isFirstSet = false
    // The new ones are there by now: borrowers that wait for one that goes can go to them.
    for (const member of before.values()) this.remove(member)
    if (this.members.length < 2) { for (const member of this.members) this.restore(member) }
    if (added.length + before.size > 0) {
      this.publish({ _tag: "EndpointsChanged", added, removed: Array.from(before.keys()) })
    }
    this.rechecks.refresh()
    this.lobby.run(Whole.turnOut(this.lobby.state))
    this.found.open()
    this.roles?.refresh()
  }

  private add(endpoint: CompleteEndpoint): Member<C, E> | undefined {
    const { initialConnections, name } = this.settings
    const member = new Member<C, E>(endpoint, new Health(this.settings), this.roles !== undefined)
    if (!this.isFirstSet) member.health.warmUp(this.runtime.now())
    this.making = member
    const maxConnections = this.mostOfOne
    const made = this.makePool(() => member.endpoint, {
      name,
      maxConnections,
      minConnections: this.floorFor(0),
      initialConnections: Math.min(initialConnections, maxConnections),
      maxPending: Infinity,
      budget: this.budget,
      budgetWeight: endpoint.weight
    })
    this.making = undefined
    if (Exit.isFailure(made)) {
      this.runtime.warn(`the pool of the endpoint ${endpoint.id} could not be made`, made.cause)
      return undefined
    }
    member.pool = made.value
    member.engine = ConnectionPoolImpl.engineOf(made.value) as Engine<C, E>
    Registry.hide(member.engine.state)
    this.roles?.add(member)
    return member
  }

  /**
   * The floor of an endpoint whose floor was `before`. Of several endpoints, the floors leave one place to all: otherwise
   * those that have none could never be asked whether they work.
   */
  private floorFor(before: number): number {
    const room = this.budget.roomFor(before) - (this.isAlone ? 0 : 1)
    return Math.max(0, Math.min(this.limits.min, this.mostOfOne, room))
  }

  private get mostOfOne(): number {
    return Math.min(this.settings.maxConnectionsPerEndpoint ?? Infinity, this.limits.max)
  }

  /** A pool takes its seat, and has opened nothing yet. */
  private joined(engine: Engine<C, E>): void {
    const member = this.making
    if (member === undefined) return
    const { state } = engine
    state.isPart = true
    state.numbers = this.numbers
    engine.events.alsoTo({
      all: new Forwarding(this.hubs.all, member.endpoint.id),
      withoutLeases: new Forwarding(this.hubs.withoutLeases, member.endpoint.id)
    })
    engine.onOpen = (failure) => failure === undefined ? this.opened(member) : this.openFailed(member, failure)
    engine.leases.onEnd = (exit) => this.leaseEnded(member, exit)
    const { roles } = this
    if (roles !== undefined) engine.onConnected = (slot, connection) => roles.askNew(member, slot, connection)
  }

  /** An endpoint has left the set: it lends no more, and its connections close as soon as nobody holds them. */
  private remove(member: Member<C, E>): void {
    const { engine, pool, state } = member
    member.isRemoved = true
    this.roles?.remove(member)
    this.leaving.add(member)
    engine.run(Whole.turnOut(state))
    engine.run(Whole.beginClose(state, Infinity, this.runtime.now()))
    this.runtime.fork(pool.close).addObserver(() => {
      this.leaving.delete(member)
      this.totals.forget(state)
    })
  }

  // --- Health -------------------------------------------------------------------------------------------------------

  private opened(member: Member<C, E>): void {
    const { health } = member
    health.opened()
    if (!member.isRemoved && health.isDue(this.runtime.now())) this.restore(member)
  }

  private openFailed(member: Member<C, E>, cause: Cause.Cause<unknown>): void {
    const now = this.runtime.now()
    const { health } = member
    health.failed("open", Cause.squash(cause), now)
    if (health.isDue(now)) this.eject(member)
    else this.judge(member)
    this.roles?.refresh()
  }

  private leaseEnded(member: Member<C, E>, exit: Exit.Exit<unknown, unknown>): void {
    const error = this.errorOf(exit)
    if (error !== undefined) {
      member.health.failed("lease", error.value, this.runtime.now())
      this.judge(member)
      this.roles?.refresh()
    } else if (Exit.isSuccess(exit)) member.health.served(this.runtime.now)
  }

  /** The error of a lease whose end is a failure of its endpoint. */
  private errorOf(exit: Exit.Exit<unknown, unknown>): { readonly value: unknown } | undefined {
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (error instanceof ProbeFailed) return { value: error.error }
    try {
      if (!this.settings.isFailure(exit)) return undefined
    } catch (defect) {
      this.runtime.warn("isFailure died", Cause.die(defect))
      return undefined
    }
    return { value: error ?? new Error("isFailure counts a success as a failure") }
  }

  /** Ejects an endpoint that has failed often enough, unless too many are ejected already. */
  private judge(member: Member<C, E>): void {
    if (!member.health.isSick || member.isRemoved || this.isClosed) return
    const { length } = this.members
    const ejected = this.members.filter(({ health }) => health.isEjected).length
    if (length >= 2 && ejected + 1 <= Math.floor(length * this.settings.maxEjected)) this.eject(member)
  }

  private eject(member: Member<C, E>): void {
    if (member.isRemoved || this.isClosed) return
    const { endpoint, engine, health } = member
    const failures = health.failures
    const millis = Math.round(health.eject(this.runtime.now(), this.draw()))
    const error = describeError(health.lastError?.value)
    this.publish({ _tag: "EndpointEjected", endpoint: endpoint.id, forMillis: millis, error })
    this.runtime.warn(
      `the endpoint ${endpoint.id} is ejected for ${millis} ms after ${failures} ${
        failures === 1 ? "failure" : "failures"
      }; the last was ${error}`,
      Cause.empty
    )
    this.rechecks.refresh()
    // Its waiters have better places to wait.
    engine.run(Whole.turnOut(engine.state))
  }

  /** Ends the ejection of an endpoint, if it is ejected. */
  restore(member: Member<C, E>): void {
    const { endpoint, health } = member
    if (!health.isEjected) return
    health.restore(this.runtime.now())
    this.publish({ _tag: "EndpointRestored", endpoint: endpoint.id })
    this.runtime.inform(`the endpoint ${endpoint.id} works again`, Cause.empty)
    this.rechecks.refresh()
    this.roles?.refresh()
    for (const other of this.members) {
      if (other.health.isEjected && other.state.queued > 0) other.engine.run(Whole.turnOut(other.state))
    }
  }

  private nextRecheck(): number {
    let next = Infinity
    if (this.isClosed) return next
    for (const { health } of this.members) {
      if (health.ejectedUntil === undefined) continue
      const { ejectedUntil, recheckedAt } = health
      next = Math.min(next, recheckedAt === undefined ? ejectedUntil : recheckedAt + recheckMillis)
    }
    return next
  }

  /** Opens one connection to each ejected endpoint whose time has come, for nobody. */
  private recheck(now: number): void {
    for (const { engine, health, state } of this.members) {
      if (!health.isDue(now)) continue
      const { recheckedAt } = health
      if (recheckedAt === undefined) engine.run(Whole.recheck(state, now))
      else if (now < recheckedAt + recheckMillis) continue
      else if (state.opening.length === 0 && !state.isTrialOwed) engine.run(Whole.recheck(state, now))
      health.recheckedAt = now
    }
  }

  /** Gives ejected endpoints another chance at once. */
  private forgive(): void {
    const now = this.runtime.now()
    for (const { health } of this.members) {
      if (!health.isEjected) continue
      health.ejectedUntil = now
      health.recheckedAt = undefined
    }
    this.rechecks.refresh()
  }

  /** An endpoint has waiters and gets no place for a connection: they have better places to wait. */
  private starved(state: State<C>): void {
    const member = this.members.find((member) => member.state === state)
    if (member !== undefined && state.slots.size === 0) member.engine.run(Whole.turnOut(state))
  }

  // --- Balance ------------------------------------------------------------------------------------------------------

  /** Moves one connection to the endpoint that has the fewest for its weight, if another has too many. */
  private rebalance(): void {
    const now = this.runtime.now()
    const up = this.members.filter(({ health }) => !health.isEjected)
    const lowest = Math.min(...up.map(({ tier }) => tier))
    const members = up.filter(({ tier }) => tier === lowest)
    if (members.length < 2) return
    const weightOf = ({ endpoint, health }: Member<C, E>): number => endpoint.weight * health.warmth(now)
    const sum = (of: (member: Member<C, E>) => number): number => members.reduce((sum, one) => sum + of(one), 0)
    const perWeight = sum(heldBy) / sum(weightOf)
    let poor: Member<C, E> | undefined
    let rich: Member<C, E> | undefined
    let least = -1
    let most = 1
    for (const member of members) {
      const surplus = heldBy(member) - perWeight * weightOf(member)
      const { health, state } = member
      const mayOpen = state.slots.size < state.max && state.opening.length === 0 && !state.isTrialOwed
      if (surplus <= least && mayOpen && health.failures === 0) {
        poor = member
        least = surplus
      }
      if (surplus >= most && state.open > state.min) {
        rich = member
        most = surplus
      }
    }
    if (poor === undefined || rich === undefined) return
    rich.engine.run(Whole.giveUp(rich.state, now))
    poor.engine.run(Demand.openTrial(poor.state, now))
  }

  // --- The whole ----------------------------------------------------------------------------------------------------

  pick(candidates: ReadonlyArray<Member<C, E>>): Member<C, E> | undefined {
    return pick(candidates, this.budget.isFull, this.draw, this.runtime.now)
  }

  loadOf(member: Member<C, E>): number {
    return loadOf(member, this.runtime.now)
  }

  clear(members: ReadonlyArray<Member<C, E>>): void {
    if (this.isClosed) return
    this.publish({ _tag: "Cleared" })
    for (const { engine } of members) Operations.clear(engine)
    this.forgive()
  }

  resize(max: number, min: number): void {
    if (this.isClosed) return
    this.limits = { max, min }
    this.publish({ _tag: "Resized", minConnections: min, maxConnections: max })
    // Fewer first: otherwise the floors would take what they are about to lose.
    for (const { engine, state } of this.members) this.resizeOne(engine, Math.min(state.min, min), this.mostOfOne)
    this.lobby.run(Whole.resize(this.lobby.state, 0, max, this.runtime.now()))
    this.budget.limitTo(max)
    for (const { engine, state } of this.members) {
      this.resizeOne(engine, this.floorFor(state.min), this.mostOfOne)
    }
  }

  private resizeOne(engine: Engine<C, E>, min: number, max: number): void {
    engine.run(Whole.resize(engine.state, Math.min(min, max), max, this.runtime.now()))
  }

  get minConnections(): number {
    return this.limits.min
  }

  /** Begins to close, unless that has begun before. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    const { lobby, runtime, settings } = this
    for (const fiber of this.fibers) stop(fiber)
    this.rechecks.refresh()
    this.roles?.close()
    this.publish({ _tag: "Draining" })
    const deadline = runtime.now() + settings.drainTimeout
    // Otherwise the places of one endpoint would open connections to the next.
    this.budget.freeze()
    lobby.run(Whole.beginClose(lobby.state, deadline, runtime.now()))
    this.found.open()
    for (const { engine, state } of this.leaving) engine.run(Whole.limitDrain(state, deadline))
    const closing = this.all.map(({ pool }) => pool.close)
    runtime.fork(Effect.forEach(closing, (close) => close, { concurrency: "unbounded", discard: true }))
      .addObserver(() => {
        this.isOver = true
        this.publish({ _tag: "PoolClosed" })
        this.hubs.all.end()
        this.hubs.withoutLeases.end()
        // Only now: connections that close take up their places.
        this.budget.close()
        this.onClosed()
        this.done.open()
      })
  }
}
