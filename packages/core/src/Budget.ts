/**
 * A budget: places for connections that several pools of a process share.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Budget, BudgetShare, Demand, FleetUsage, Options, Source } from "./BudgetModel.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import * as internal from "./internal/budget/budget.js"
import { layerOf, tag as tagOf } from "./internal/effect/tag.js"
import { serviceId } from "./internal/options.js"
import * as Registry from "./internal/registry.js"
import type { TagClass } from "./Interop.js"
import type { KeyedPool } from "./KeyedPoolModel.js"

export {
  /**
   * @since 3.0.0
   * @category models
   */
  type Budget,
  /**
   * @since 3.0.0
   * @category models
   */
  type BudgetEvent,
  /**
   * @since 3.0.0
   * @category models
   */
  type BudgetShare,
  /**
   * @since 3.0.0
   * @category models
   */
  type BudgetUsage,
  /**
   * @since 3.0.0
   * @category advanced
   */
  type Demand,
  /**
   * @since 3.0.0
   * @category models
   */
  type FleetHolder,
  /**
   * @since 3.0.0
   * @category models
   */
  type FleetUsage,
  /**
   * @since 3.0.0
   * @category models
   */
  type Options,
  /**
   * @since 3.0.0
   * @category advanced
   */
  type Source,
  /**
   * @since 3.0.0
   * @category symbols
   */
  TypeId
} from "./BudgetModel.js"

/**
 * Makes a budget. Pools join it by their option `budget`, and leave it when they have closed.
 *
 * Use it where several pools of one process connect to one server that limits its connections. Once its scope
 * has closed it grants nothing more, and its pools keep the places they have: make it in the scope of the pools, or in
 * one around it.
 *
 * @example
 * ```ts
 * import { Budget, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* Budget.make({ name: "database", maxConnections: 20 })
 *   const reads = yield* Pool.make({ name: "reads", open: Effect.succeed("a connection"), budget })
 *   const reports = yield* Pool.make({ name: "reports", open: Effect.succeed("a connection"), budget, maxConnections: 5 })
 *   yield* Effect.all([reads.use(Effect.log), reports.use(Effect.log)])
 *   return yield* budget.usage
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make: (options: Options) => Effect.Effect<Budget, never, Scope.Scope> = internal.make

/**
 * A tag whose service is a budget.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string> extends TagClass<Self, Id, Budget> {
  /** Makes the budget as a layer. It closes with the layer, so that pools which use it must be built on that. */
  readonly layer: (options: Options) => Layer.Layer<Self>
}

/**
 * Makes a tag for a budget, so that pools in several layers can share it.
 *
 * @example
 * ```ts
 * import { Budget, Pool } from "@socketpool/core"
 * import { Effect, Layer } from "effect"
 *
 * class DatabaseBudget extends Budget.Service<DatabaseBudget>()("app/DatabaseBudget") {}
 * class Reports extends Pool.Service<Reports, string>()("app/Reports") {}
 *
 * const ReportsLive = Layer.unwrapEffect(
 *   Effect.map(DatabaseBudget, (budget) => Reports.layer({ open: Effect.succeed("a connection"), budget }))
 * ).pipe(Layer.provide(DatabaseBudget.layer({ name: "database", maxConnections: 20 })))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const Service = <Self>() => <const Id extends string>(id: Id): ServiceClass<Self, Id> => {
  const tag = tagOf<Self, Budget>()(serviceId(id))
  return Object.assign(tag, {
    layer: (options: Options) => layerOf(tag, make(options))
  }) as unknown as ServiceClass<Self, Id>
}

/**
 * A budget whose places come from elsewhere.
 *
 * @since 3.0.0
 * @category advanced
 */
export interface Supplied {
  readonly budget: Budget
  /** The places that its pools have and want now. A connection has been idle for long enough after `enoughMillis`. */
  readonly demand: (enoughMillis: number) => Demand
  /** Sets the number of places that its pools may take up. Connections above it close, as with `resize`. */
  readonly grant: (places: number) => void
  /** Sets what `usage` and errors show: the number of places of all processes, and what each of them has. */
  readonly share: (limit: number, fleet: FleetUsage) => void
  /** Publishes an event of the budget. */
  readonly tell: (
    event: { readonly _tag: "Lost" | "Regained" } | {
      readonly _tag: "LimitChanged"
      readonly limit: number
      readonly own: number
    }
  ) => void
}

/**
 * Makes a budget whose places come from elsewhere: from a store that several processes ask, for example. It begins with
 * none. `maxConnections` is the number that all processes together may have.
 *
 * Use it to put budgets on another store than those of `@socketpool/fleet`.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * // Half of what its pools want.
 * const thrifty = Effect.gen(function*() {
 *   const supplied = yield* Budget.makeSupplied({ maxConnections: 20 }, {
 *     onChange: () => {},
 *     isWatching: () => false,
 *     resize: () => Effect.void
 *   })
 *   yield* Effect.forkScoped(Effect.forever(Effect.suspend(() => {
 *     const { held, wanted } = supplied.demand(0)
 *     supplied.grant(Math.min(20, held + Math.ceil(wanted / 2)))
 *     return Effect.sleep("100 millis")
 *   })))
 *   return supplied.budget
 * })
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const makeSupplied = (options: Options, source: Source): Effect.Effect<Supplied, never, Scope.Scope> =>
  Effect.map(internal.makeSupplied(options, source), (budget) => ({
    budget,
    demand: (enoughMillis) => budget.demand(enoughMillis),
    grant: (places) => budget.grant(places),
    share: (limit, fleet) => budget.share(limit, fleet),
    tell: (event) => budget.tell(event)
  }))

/**
 * The share of a pool, and the pool itself: names need not be unique.
 *
 * @since 3.0.0
 * @category models
 */
export interface Member extends BudgetShare {
  /** The pool or the keyed pool; none if it is a part of another, and so not among the running ones. */
  readonly member: ConnectionPool<any, unknown> | KeyedPool<any, any, unknown> | undefined
  /** The time for which it has wanted a place without a break, in milliseconds; 0 if it wants none. */
  readonly wantedMillis: number
}

/**
 * The pools of a budget with their shares, all of one moment. Use it for monitoring, where `usage`, which knows only
 * names, is not enough.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const starved = (budget: Budget.Budget) =>
 *   Effect.map(Budget.members(budget), (members) => members.filter(({ wantedMillis }) => wantedMillis > 1_000))
 * ```
 *
 * @since 3.0.0
 * @category monitoring
 */
export const members = (budget: Budget): Effect.Effect<ReadonlyArray<Member>> =>
  Effect.sync(() => (budget as internal.BudgetImpl).members as ReadonlyArray<Member>)

/**
 * All budgets of this process that have not closed, the oldest first. Meant for monitoring. The limit of a keyed pool is
 * none of them.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const allUsage = Effect.flatMap(Budget.running, (budgets) => Effect.forEach(budgets, (budget) => budget.usage))
 * ```
 *
 * @since 3.0.0
 * @category monitoring
 */
export const running: Effect.Effect<ReadonlyArray<Budget>> = Effect.sync(Registry.allBudgets)
