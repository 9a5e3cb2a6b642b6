/** A budget and the seats of its pools. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import {
  type Budget,
  type BudgetEvent,
  type BudgetShare,
  type BudgetUsage,
  type Demand as BudgetDemand,
  type FleetUsage,
  type Options,
  type Source,
  TypeId
} from "../../BudgetModel.js"
import { count, duration, name, orElse } from "../../checks/rules.js"
import { argument, type Rows, Table } from "../../checks/table.js"
import type { PoolExhaustedError } from "../../PoolError.js"
import { Alarm } from "../alarm.js"
import { currentClock, type Surroundings, surroundings, withoutSpan } from "../effect/fiber.js"
import { bufferedEvents } from "../eventBus.js"
import * as Ancestry from "../holders.js"
import { takeContext } from "../host.js"
import { Hub } from "../hub.js"
import * as Registry from "../registry.js"
import * as PoolRuntime from "../runtime.js"
import type { Holder, State } from "../state.js"
import type { Commands } from "../transitions/commands.js"
import * as Demand from "../transitions/demand.js"
import { holdsAll } from "../transitions/queue.js"
import * as Whole from "../transitions/whole.js"
import { type Member, type Share, Shares } from "./shares.js"

/** The fields of an event, without the budget and the time. */
export type EventFields = BudgetEvent extends infer Event ?
  Event extends BudgetEvent ? Omit<Event, "budget" | "at"> : never
  : never

/** The state of a member's connections. */
interface Rest {
  /** Its connections that have been idle for long enough. */
  rested: number
  /** The time until the next one has, in milliseconds; `Infinity` if no other is idle. */
  nextMillis: number
}

/** The engine of a pool, as its seat sees it. */
interface Seated {
  readonly options: { readonly name: string }
  readonly state: State<any>
  readonly now: () => number
  readonly run: (commands: Commands<any>) => void
}

/** A member of a budget, and the pools that it stands for. */
interface PoolsMember extends Member {
  readonly states: Iterable<State<any>>
  /** The pool or the keyed pool, unless it is not shown on its own. */
  readonly owner: object | undefined
  /** Adds its idle connections to what is known of others. */
  readonly addRest: (rest: Rest, enoughMillis: number) => void
}

/** A pool's seat in a budget. */
export class Seat implements PoolsMember {
  private readonly share: Share
  /** Called after every change of the pool, too. */
  onChange: (() => void) | undefined = undefined

  constructor(readonly budget: BudgetImpl, private readonly engine: Seated, readonly weight: number) {
    this.share = budget.join(this)
  }

  get name(): string {
    return this.engine.options.name
  }

  get state(): State<any> {
    return this.engine.state
  }

  get states(): Iterable<State<any>> {
    return [this.state]
  }

  get owner(): object | undefined {
    return Registry.poolOf(this.state)
  }

  get places(): number {
    return this.state.slots.size
  }

  get wanted(): number {
    return Demand.wanted(this.state, this.now)
  }

  get floor(): number {
    return this.state.phase === "Running" ? this.state.min : 0
  }

  get hasIdle(): boolean {
    return this.state.idle.length > 0
  }

  get idleMillis(): number {
    const longest = this.state.idle.head
    return longest === undefined ? 0 : this.engine.now() - longest.since
  }

  addRest(rest: Rest, enoughMillis: number): void {
    const now = this.engine.now()
    // Those that have been idle for longest come first.
    for (const { since } of this.state.idle) {
      const left = since + enoughMillis - now
      if (left > 0) {
        rest.nextMillis = Math.min(rest.nextMillis, left)
        return
      }
      rest.rested++
    }
  }

  get held(): number {
    return this.share.held
  }

  /** Changes the part that it has while several want more places than there are. */
  reweigh(weight: number): void {
    this.share.weight = weight
  }

  /** The places that it wants and has not been granted. */
  get lacks(): number {
    return this.share.lacks
  }

  allot(places: number): void {
    this.engine.run(Whole.allot(this.state, places, this.engine.now()))
  }

  /** Whether the budget wants to hear of leases, too. */
  get isWatched(): boolean {
    return this.budget.isWatched
  }

  /** Called after every change of the pool. */
  changed(): void {
    this.share.changed()
    this.onChange?.()
  }

  leave(): void {
    this.budget.leave(this.share)
    this.onChange?.()
  }

  private readonly now = (): number => this.engine.now()
}

/** Looked at one by one: mostly the first shows enough. */
const statesOf = function*(shares: Iterable<Share>): Iterable<State<any>> {
  for (const { member } of shares) yield* (member as PoolsMember).states
}

/** The pools of one budget, as one member of another. */
class Nested implements PoolsMember {
  constructor(private readonly budget: BudgetImpl, private readonly shares: Shares, public most: number) {}

  get name(): string {
    return this.budget.name
  }

  get states(): Iterable<State<any>> {
    return this.budget.states
  }

  get owner(): object | undefined {
    return this.budget.owner
  }

  get places(): number {
    return this.shares.places
  }

  get wanted(): number {
    return Math.max(0, Math.min(this.shares.wanted, this.most - this.places))
  }

  get floor(): number {
    return Math.min(this.shares.floors, this.most)
  }

  get hasIdle(): boolean {
    return this.shares.hasIdle
  }

  get idleMillis(): number {
    return this.shares.longestIdleMillis
  }

  addRest(rest: Rest, enoughMillis: number): void {
    addRests(this.shares, rest, enoughMillis)
  }

  allot(places: number): void {
    this.shares.resize(Math.min(places, this.most))
  }
}

const addRests = (shares: Shares, rest: Rest, enoughMillis: number): void => {
  // A share knows only what the last change of its member was; a lease need not be one.
  for (const { member } of shares.withPlaces) if (member.hasIdle) (member as PoolsMember).addRest(rest, enoughMillis)
}

export class BudgetImpl implements Budget {
  readonly [TypeId]: TypeId = TypeId
  private readonly shares: Shares
  private readonly hub: Hub<BudgetEvent>
  /** Whether the next event is the last one. */
  private isClosing = false
  private isClosed = false
  /**
   * The limit that it was made with. In another budget, or with places from elsewhere, that of `shares` is what it has
   * been granted.
   */
  private most: number
  /** Its part of the budget that it is in. */
  private nested: Share | undefined = undefined
  private member: Nested | undefined = undefined
  private outer: BudgetImpl | undefined = undefined
  /** The keyed pool whose keys share it. */
  owner: object | undefined = undefined
  /** Gets each pool that joins, before it opens anything. */
  onJoin: ((engine: any) => void) | undefined = undefined
  /** Gets each pool that has wanted a place for long. */
  onStarved: ((state: State<any>) => void) | undefined = undefined
  /** The facts about the processes that share it. */
  private fleet: FleetUsage | undefined = undefined

  constructor(
    readonly name: string,
    limit: number,
    reclaimAfter: number,
    private readonly runtime: PoolRuntime.PoolRuntime,
    /** The source of its places, if it does not have them itself. */
    private readonly source?: Source
  ) {
    this.most = limit
    this.hub = new Hub(runtime, bufferedEvents, () => this.isClosing, () => this.isClosed)
    const quiet = { ...runtime, fork: runtime.forkQuietly }
    const alarm = new Alarm(quiet, () => this.shares.lookAt, () => this.shares.settle())
    this.shares = new Shares(source === undefined ? limit : 0, reclaimAfter, () => runtime.now(), {
      granted: ({ member }) => this.publish(() => ({ _tag: "Granted", pool: member.name })),
      reclaimed: ({ member }) => this.publish(() => ({ _tag: "Reclaimed", pool: member.name })),
      starved: ({ member }, waitedMillis) => {
        this.publish(() => ({ _tag: "Starved", pool: member.name, waitedMillis: Math.round(waitedMillis) }))
        if (member instanceof Seat) this.onStarved?.(member.state)
      }
    }, () => {
      alarm.refresh()
      this.nested?.changed()
      source?.onChange()
    })
  }

  /** Whether a pool is in need: here, or where the places come from. */
  get isWatched(): boolean {
    return this.shares.needs > 0 || this.nested !== undefined || this.source?.isWatching() === true
  }

  /** Whether all its places are taken. */
  get isFull(): boolean {
    return this.shares.held >= this.most
  }

  /** Takes its own places from another budget. */
  nestIn(outer: BudgetImpl, weight: number): void {
    this.outer = outer
    this.member = new Nested(this, this.shares, this.most)
    this.nested = outer.shares.join(this.member, weight)
  }

  /** The states of its pools that have places. */
  get states(): Iterable<State<any>> {
    return statesOf(this.shares.withPlaces)
  }

  get usage(): Effect.Effect<BudgetUsage> {
    return Effect.sync(() => ({
      ...this.fleet === undefined ? {} : { fleet: this.fleet },
      limit: this.source === undefined ? this.shares.limit : this.most,
      held: this.shares.held,
      wanted: this.shares.lacks,
      pools: Array.from(this.shares, ({ held, lacks, member, weight }) => ({
        pool: member.name,
        held,
        wanted: lacks,
        weight
      }))
    }))
  }

  /** Its pools with their shares. */
  get members(): ReadonlyArray<BudgetShare & { readonly member: object | undefined; readonly wantedMillis: number }> {
    const now = this.runtime.now()
    return Array.from(this.shares, ({ held, lacks, member, wantsSince, weight }) => ({
      pool: member.name,
      held,
      wanted: lacks,
      weight,
      wantedMillis: Math.max(0, now - wantsSince),
      member: (member as PoolsMember).owner
    }))
  }

  /** The places that its pools want and have not been granted. */
  get lacks(): number {
    return this.shares.lacks
  }

  get events(): Stream.Stream<BudgetEvent> {
    return this.hub.values
  }

  resize(maxConnections: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const limit = argument("Budget.resize", "maxConnections", count(0), maxConnections)
      if (this.source !== undefined) return this.source.resize(limit)
      this.shares.resize(limit)
      return Effect.void
    })
  }

  /** The places that its pools have and want. */
  demand(enoughMillis: number): BudgetDemand {
    const { held, lacks, places } = this.shares
    const rest = { rested: 0, nextMillis: Infinity }
    addRests(this.shares, rest, enoughMillis)
    return { held, places, busy: places - rest.rested, wanted: lacks, nextRestMillis: rest.nextMillis }
  }

  /** Sets the number of places that it has from elsewhere. */
  grant(places: number): void {
    this.shares.resize(places)
  }

  /** Notes what is known of the processes that share it. */
  share(limit: number, fleet: FleetUsage): void {
    this.most = limit
    this.fleet = fleet
  }

  /** Sets the limit of a budget that belongs to one pool. Within another budget, the grants follow. */
  limitTo(maxConnections: number): void {
    this.most = maxConnections
    const { nested, outer } = this
    if (outer === undefined) return this.shares.resize(maxConnections)
    this.member!.most = maxConnections
    this.shares.resize(Math.min(this.shares.limit, maxConnections))
    nested!.changed()
  }

  join(seat: Seat): Share {
    return this.shares.join(seat, seat.weight)
  }

  leave(share: Share): void {
    this.shares.leave(share)
  }

  /** The places that the floors of pools leave for the floor of one that has such a floor itself. */
  roomFor(ownFloor: number): number {
    const limit = this.source === undefined ? this.shares.limit : this.most
    return Math.max(0, limit - this.shares.floors + ownFloor)
  }

  /** The figures that an error of one of its pools shows: its own, or those of the budget around it that is full. */
  figures(seat: Seat): NonNullable<PoolExhaustedError["budget"]> {
    const { fleet, outer, shares } = this
    // The places that another has granted it are not its limit.
    const limit = outer !== undefined || this.source !== undefined ? this.most : shares.limit
    const held = fleet === undefined ? shares.held : fleet.held
    if (outer !== undefined && held < limit) return outer.figures(seat)
    return { name: this.name, limit, held, heldHere: seat.held, ...fleet?.isLost === true ? { isLost: true } : {} }
  }

  /** Whether a holder that waits for a place would wait for itself: it holds all there are, alone or with ancestors. */
  isHeldBy(holder: Holder): boolean {
    const { limit, places } = this.shares
    const { outer } = this
    const isOwn = outer === undefined && this.source === undefined
    const isFull = places > 0 && places >= (isOwn ? limit : this.most)
    return isFull && holdsAll(this.states, holder, Ancestry) || outer !== undefined && outer.isHeldBy(holder)
  }

  /** Grants nothing more, and takes nothing back. */
  freeze(): void {
    this.shares.close()
  }

  /** Grants nothing more for good, and gives back its places in another budget. */
  close(): void {
    this.freeze()
    this.isClosing = true
    this.publish(() => ({ _tag: "Lost" }))
    this.isClosed = true
    this.outer?.shares.leave(this.nested!)
  }

  /** Tells the subscribers of its events. */
  tell(fields: EventFields): void {
    this.publish(() => fields)
  }

  private publish(fields: () => EventFields): void {
    if (this.hub.isIdle) return
    this.hub.publish({ ...fields(), budget: this.name, at: this.runtime.wallTime() } as BudgetEvent)
  }
}

/** The budget that `Budget.make` has made. */
export const isBudget = (value: unknown): value is BudgetImpl => value instanceof BudgetImpl

const budgetOptions = new Table(
  {
    name: orElse(name, "budget"),
    maxConnections: count(1),
    reclaimAfter: orElse(duration("0 or more"), "1 second")
  } satisfies Rows<Options>
)

export const make = (options: Options): Effect.Effect<Budget, never, Scope.Scope> =>
  acquired(() => budgetOptions.read("Budget.make", options), undefined)

export const makeSupplied = (
  options: Options,
  source: Source
): Effect.Effect<BudgetImpl, never, Scope.Scope> =>
  acquired(() => budgetOptions.read("Budget.makeSupplied", options), source)

const acquired = (
  read: () => ReturnType<typeof budgetOptions.read>,
  source: Source | undefined
): Effect.Effect<BudgetImpl, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(surroundings<never>(), (around: Surroundings<never>) =>
      Effect.map(currentClock, (clock: Clock.Clock) => {
        const { maxConnections, name, reclaimAfter } = read()
        const runtime = PoolRuntime.make(name, withoutSpan(around), clock, takeContext())
        const budget = new BudgetImpl(name, maxConnections, reclaimAfter, runtime, source)
        Registry.enterBudget(budget)
        return budget
      })),
    (budget) =>
      Effect.sync(() => {
        Registry.leaveBudget(budget)
        budget.close()
      })
  )
