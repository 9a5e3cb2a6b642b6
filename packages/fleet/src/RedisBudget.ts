/**
 * Places for connections that several processes share, counted in Redis.
 *
 * @since 3.0.0
 */
import type { Budget } from "@socketpool/core/Budget"
import { optionsOf } from "@socketpool/core/Checks"
import { Redis } from "@socketpool/redis/Redis"
import type { RedisClient } from "@socketpool/redis/RedisClient"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { BudgetUnavailable } from "./BudgetUnavailable.js"
import type { Options as FleetOptions } from "./FleetBudget.js"
import { scopedLayer } from "./internal/effect.js"
import { makeWith } from "./internal/keeper.js"
import { table } from "./internal/redis/options.js"
import { connectTo } from "./internal/redis/store.js"

/**
 * The options of a budget in Redis, without the client.
 *
 * @since 3.0.0
 * @category models
 */
export interface OwnOptions extends FleetOptions {
  /**
   * Lets the first process of a new budget have places at once. Without it, a budget that Redis does not know begins with
   * one `ttl` in which nobody gets a place: after a restart without its data, Redis does not know of the processes that
   * have some. Set it if Redis keeps its data, or if a moment above the limit does no harm. Default: `false`.
   */
  readonly warmStart?: boolean
}

/**
 * The options of a budget in Redis.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options extends OwnOptions {
  /**
   * The client of the Redis that all processes use. The budget takes one of its connections for as long as it lives, so
   * the client needs `maxConnections` of at least 2. Another connection, which the client does not count, listens for news.
   */
  readonly client: RedisClient
}

/**
 * Makes this process's part of a budget: all processes that give the same `name` together have at most `maxConnections`
 * connections, whatever pools have them. Places go where they are wanted; each process is entitled to the same number.
 *
 * Use it where many processes connect to one server that limits its connections, and Redis is there anyway. A
 * lease asks Redis nothing. If Redis is away, pools go on with the connections that they have.
 *
 * The processes together may have more than `maxConnections` for a while if one of them lives on and Redis takes it for
 * dead: when it stands still for longer than `ttl` and Redis cannot tell by its connection, when it cannot reach Redis
 * any more, or after a failover of Redis that loses data. The excess is what that process had. Allow the login
 * `CLIENT LIST`, `CLIENT ID` and `CLIENT SETNAME`, so that Redis can tell.
 *
 * Fails with `BudgetUnavailable` if Redis gives no answer, or refuses the `reserve`. Closing the scope gives the places
 * back: make it outside of the scope of the pools.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { RedisBudget } from "@socketpool/fleet"
 * import { Redis } from "@socketpool/redis"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const client = yield* Redis.make({ url: "redis://localhost:6379" })
 *   const budget = yield* RedisBudget.make({ client, name: "database", maxConnections: 80 })
 *   const pool = yield* Pool.make({ open: Effect.succeed("a connection"), maxConnections: 20, budget })
 *   yield* pool.use(Effect.log)
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Budget, BudgetUnavailable, Scope.Scope> =>
  Effect.suspend(() => {
    const checked = table.read("RedisBudget.make", options)
    return makeWith(checked, connectTo(checked.client, checked))
  })

const ofService = (options: OwnOptions): Effect.Effect<Budget, BudgetUnavailable, Redis | Scope.Scope> =>
  Effect.flatMap(Redis, (client) => {
    const checked = table.read("RedisBudget.layer", options, { client })
    return makeWith(checked, connectTo(client, checked))
  })

/**
 * Provides a budget as the service of a tag, with the client of the service `Redis`. Building it fails as `make` does.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { RedisBudget } from "@socketpool/fleet"
 * import { Redis } from "@socketpool/redis"
 * import { Layer } from "effect"
 *
 * class DatabaseBudget extends Budget.Service<DatabaseBudget>()("app/DatabaseBudget") {}
 *
 * const BudgetLive = RedisBudget.layer(DatabaseBudget, { name: "database", maxConnections: 80 }).pipe(
 *   Layer.provide(Redis.layer({ url: "redis://localhost:6379" }))
 * )
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <I>(
  tag: Context.Tag<I, Budget>,
  options: OwnOptions
): Layer.Layer<I, BudgetUnavailable, Redis> => scopedLayer(tag, ofService(options))

/**
 * Does what `layer` does, with options that come from a configuration: a `Config` of all, or an object of `Config`s.
 *
 * @example
 * ```ts
 * import { Budget } from "@socketpool/core"
 * import { RedisBudget } from "@socketpool/fleet"
 * import { Config } from "effect"
 *
 * class DatabaseBudget extends Budget.Service<DatabaseBudget>()("app/DatabaseBudget") {}
 *
 * const BudgetLive = RedisBudget.layerConfig(DatabaseBudget, {
 *   name: Config.succeed("database"),
 *   maxConnections: Config.integer("DATABASE_CONNECTIONS")
 * })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, Budget>,
  config: Config.Config.Wrap<OwnOptions>
): Layer.Layer<I, BudgetUnavailable | ConfigError.ConfigError, Redis> =>
  scopedLayer(
    tag,
    Effect.flatMap(optionsOf<OwnOptions>("RedisBudget.layerConfig", table.without("client"), config), ofService)
  )
