/**
 * Places for connections that several processes share, counted in PostgreSQL.
 *
 * @since 3.0.0
 */
import type { Budget } from "@socketpool/core/Budget"
import { optionsOf } from "@socketpool/core/Checks"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { BudgetUnavailable } from "./BudgetUnavailable.js"
import type { Options as FleetOptions } from "./FleetBudget.js"
import { scopedLayer } from "./internal/effect.js"
import { makeWith } from "./internal/keeper.js"
import { mostPlaces, sessionOf, table } from "./internal/postgres/options.js"
import { connectTo } from "./internal/postgres/store.js"

/**
 * A session of PostgreSQL that the budget has for itself.
 *
 * @since 3.0.0
 * @category models
 */
export interface PgSession {
  /** Runs one statement and returns its rows. One runs at a time. */
  readonly query: (
    sql: string,
    parameters: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, unknown>
  /** Calls a function for each notification, from now on. */
  readonly onNotification: (f: (channel: string, payload: string) => void) => void
  /** Completes when the session has ended, at once if it has already. */
  readonly closed: Effect.Effect<void>
}

/**
 * The options of a budget in PostgreSQL. `url` or `connect` is required.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options extends FleetOptions {
  /** The number of places of all processes together. From 1 to 5,000, as each place in use is a lock of the server. */
  readonly maxConnections: number

  /**
   * Names the server in one text: `postgres://user:password@host:port/database`. The driver `pg` connects to it. Messages
   * never show it. All processes must connect to the same database of the same server, and not through a pooler in
   * transaction mode.
   */
  readonly url?: string | Redacted.Redacted

  /** Opens a session with another driver, or with options that a URL does not have. Each failure is tried again. */
  readonly connect?: Effect.Effect<PgSession, unknown, Scope.Scope>
}

/**
 * Makes this process's part of a budget: all processes that give the same `name` together have at most `maxConnections`
 * connections, whatever pools have them. Places go where they are wanted; each process is entitled to the same number.
 *
 * Use it where many processes connect to one PostgreSQL, whose own limit it then shares out, or to another server beside
 * one. It needs one session in each process, above the limit, and no table: places are advisory locks, so a process that
 * dies gives them back at once, and one that stands still keeps them. A lease asks PostgreSQL nothing.
 *
 * The processes together may have more than `maxConnections` for a while if one of them lives on without its session and
 * cannot open another within `reclaimDelay`. The excess is what that process had.
 *
 * Fails with `BudgetUnavailable` if PostgreSQL gives no answer, if a pooler stands before it, and if it refuses the
 * `reserve`. The login needs the right `TEMPORARY` on the database, which everybody has by default. Closing the scope
 * gives the places back: make it outside of the scope of the pools.
 *
 * @example
 * ```ts
 * import { PostgresBudget } from "@socketpool/fleet"
 * import { Pg } from "@socketpool/sql"
 * import { Effect, Layer } from "effect"
 *
 * const url = "postgres://app@localhost/orders"
 *
 * const SqlLive = Layer.unwrapScoped(
 *   Effect.map(
 *     PostgresBudget.make({ url, name: "orders", maxConnections: 80 }),
 *     (budget) => Pg.layer({ url, maxConnections: 20, budget })
 *   )
 * )
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Budget, BudgetUnavailable, Scope.Scope> =>
  makeAs("PostgresBudget.make", options)

const makeAs = (of: string, options: Options): Effect.Effect<Budget, BudgetUnavailable, Scope.Scope> =>
  Effect.suspend(() => {
    const checked = table.read(of, options)
    return makeWith(checked, connectTo(sessionOf(checked), checked), mostPlaces)
  })

/**
 * Provides a budget as the service of a tag. Building it fails as `make` does.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { PostgresBudget } from "@socketpool/fleet"
 *
 * class DatabaseBudget extends Budget.Service<DatabaseBudget>()("app/DatabaseBudget") {}
 *
 * const BudgetLive = PostgresBudget.layer(DatabaseBudget, {
 *   url: "postgres://app@localhost/orders",
 *   name: "orders",
 *   maxConnections: 80
 * })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, Budget>, options: Options): Layer.Layer<I, BudgetUnavailable> =>
  scopedLayer(tag, makeAs("PostgresBudget.layer", options))

/**
 * Does what `layer` does, with options that come from a configuration: a `Config` of all, or an object of `Config`s.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { PostgresBudget } from "@socketpool/fleet"
 * import { Config } from "effect"
 *
 * class DatabaseBudget extends Budget.Service<DatabaseBudget>()("app/DatabaseBudget") {}
 *
 * const BudgetLive = PostgresBudget.layerConfig(DatabaseBudget, {
 *   url: Config.redacted("DATABASE_URL"),
 *   name: Config.succeed("orders"),
 *   maxConnections: Config.integer("DATABASE_CONNECTIONS")
 * })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, Budget>,
  config: Config.Config.Wrap<Options>
): Layer.Layer<I, BudgetUnavailable | ConfigError.ConfigError> =>
  scopedLayer(
    tag,
    Effect.flatMap(
      optionsOf<Options>("PostgresBudget.layerConfig", table, config),
      (options) => makeAs("PostgresBudget.layerConfig", options)
    )
  )
