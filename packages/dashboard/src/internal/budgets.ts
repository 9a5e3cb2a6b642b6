/** The budgets and keyed pools of the process: finds and numbers them, and reads their figures. */
import * as Budget from "@socketpool/core/Budget"
import * as KeyedPool from "@socketpool/core/KeyedPool"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Stream from "effect/Stream"
import type { BudgetSnapshot, FleetSnapshot, KeyedPoolSnapshot } from "../Snapshot.js"

type AnyKeyedPool = KeyedPool.KeyedPool<any, any, unknown>

/** The most pools of a budget in a snapshot. */
const maxMembers = 200
/** The most processes of a budget in a snapshot. */
const maxHolders = 50
/** The most keys of a keyed pool in a snapshot. */
const maxKeys = 20
const maxStarved = 20

/** Numbers objects in the order in which they come. */
class Numbers<A extends object> {
  private readonly ids = new WeakMap<A, number>()
  private last = 0

  of(object: A): number {
    let id = this.ids.get(object)
    if (id === undefined) this.ids.set(object, id = ++this.last)
    return id
  }
}

/** All members in their order, unless there are too many. */
const neediest = (members: ReadonlyArray<Budget.Member>): ReadonlyArray<Budget.Member> =>
  members.length <= maxMembers
    ? members
    : [...members].sort((a, b) => b.wantedMillis - a.wantedMillis || b.held - a.held).slice(0, maxMembers)

/** The processes by name, so that they keep their order; if there are too many, those that say the most. */
const fleetOf = ({ granted, held, holder: own, holders, isLost }: Budget.FleetUsage): FleetSnapshot => {
  const rank = ({ holder, isDead }: Budget.FleetHolder) => holder === own ? 0 : isDead ? 1 : 2
  const shown = holders.length <= maxHolders
    ? [...holders]
    : [...holders].sort((a, b) => rank(a) - rank(b) || b.wanted - a.wanted || b.held - a.held).slice(0, maxHolders)
  return {
    holder: own,
    granted,
    held,
    wanted: holders.reduce((sum, { wanted }) => sum + wanted, 0),
    members: holders.length,
    holders: shown.sort((a, b) => a.holder < b.holder ? -1 : 1),
    isLost
  }
}

interface Figures {
  readonly budgets: ReadonlyArray<BudgetSnapshot>
  readonly keyedPools: ReadonlyArray<KeyedPoolSnapshot>
}

export class Budgets {
  private readonly budgetIds = new Numbers<Budget.Budget>()
  private readonly keyedIds = new Numbers<AnyKeyedPool>()
  /** The last `Starved` events of each running budget, oldest first. */
  private readonly starved = new Map<Budget.Budget, Array<BudgetSnapshot["starved"][number]>>()
  private running: ReadonlyArray<Budget.Budget> = []

  constructor(private readonly listeners: FiberSet.FiberSet) {}

  /** Finds new budgets, listens to their events, and forgets those that have closed. */
  readonly discover = Effect.gen(this, function*() {
    this.running = yield* Budget.running
    const isRunning = new Set(this.running)
    for (const budget of this.starved.keys()) if (!isRunning.has(budget)) this.starved.delete(budget)
    for (const budget of this.running) {
      if (this.starved.has(budget)) continue
      const seen: Array<BudgetSnapshot["starved"][number]> = []
      this.starved.set(budget, seen)
      yield* FiberSet.run(
        this.listeners,
        Stream.runForEach(budget.events, (event) =>
          Effect.sync(() => {
            if (event._tag !== "Starved") return
            seen.push({ at: event.at, pool: event.pool })
            if (seen.length > maxStarved) seen.shift()
          }))
      )
    }
  })

  /** The figures now. `poolIdOf` gives the number of a pool that the snapshot has. */
  figures(poolIdOf: (pool: unknown) => number | undefined): Effect.Effect<Figures> {
    return Effect.gen(this, function*() {
      const keyed = yield* KeyedPool.running
      const shown = new Set<unknown>(keyed)
      const keyedIdOf = (pool: unknown) => shown.has(pool) ? this.keyedIds.of(pool as AnyKeyedPool) : undefined
      return {
        budgets: yield* Effect.forEach(this.running, (budget) => this.budget(budget, poolIdOf, keyedIdOf)),
        keyedPools: yield* Effect.forEach(
          keyed,
          (pool) =>
            Effect.map(Effect.all([pool.stats, pool.busiest(maxKeys)]), ([stats, busiest]) => ({
              id: this.keyedIds.of(pool),
              name: pool.name,
              stats,
              busiest
            }))
        )
      }
    })
  }

  private budget(
    budget: Budget.Budget,
    poolIdOf: (pool: unknown) => number | undefined,
    keyedIdOf: (pool: unknown) => number | undefined
  ): Effect.Effect<BudgetSnapshot> {
    return Effect.map(
      Effect.all([budget.usage, Budget.members(budget)]),
      ([{ fleet, held, limit, wanted }, members]) => ({
        id: this.budgetIds.of(budget),
        name: budget.name,
        limit,
        held,
        wanted,
        ...(fleet === undefined ? {} : { fleet: fleetOf(fleet) }),
        members: members.length,
        pools: neediest(members)
          .map(({ held, member, pool, wanted, wantedMillis, weight }) => {
            const poolId = poolIdOf(member)
            const keyedPoolId = keyedIdOf(member)
            return {
              name: pool,
              ...(poolId === undefined ? {} : { poolId }),
              ...(keyedPoolId === undefined ? {} : { keyedPoolId }),
              held,
              wanted,
              weight,
              wantedMillis
            }
          }),
        starved: [...this.starved.get(budget) ?? []]
      })
    )
  }
}
