/**
 * A pool for each key, all under one limit.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ConnectionPool } from "./ConnectionPool.js"
import { streamOf } from "./internal/effect/stream.js"
import { layerOf, tag as tagOf } from "./internal/effect/tag.js"
import * as internal from "./internal/keyed.js"
import { serviceId } from "./internal/options.js"
import * as Registry from "./internal/registry.js"
import type { TagClass } from "./Interop.js"
import type { KeyedPool, KeyedStats, KeyUsage, Options, PoolsOptions } from "./KeyedPoolModel.js"
import { Pool } from "./Pool.js"
import type { BorrowError, ConnectionNotFoundError, PoolClosedError, PoolExhaustedError } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { PoolLease } from "./PoolLease.js"
import type { PoolOptions } from "./PoolOptions.js"

export {
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyedOptions,
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyedPool,
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyedStats,
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyOptions,
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyShare,
  /**
   * @since 3.0.0
   * @category models
   */
  type KeyUsage,
  /**
   * @since 3.0.0
   * @category models
   */
  type Options,
  /**
   * @since 3.0.0
   * @category models
   */
  type PoolsOptions
} from "./KeyedPoolModel.js"

/**
 * Makes a keyed pool that closes with the scope. It opens nothing until somebody borrows.
 *
 * Use it where the connections of one key are of no use for another, and there are more keys than one would make pools
 * by hand.
 *
 * @example
 * ```ts
 * import { KeyedPool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* KeyedPool.make({
 *     open: (tenant: string) => Effect.succeed(`a connection of ${tenant}`),
 *     maxConnections: 20,
 *     maxConnectionsPerKey: 5
 *   })
 *   return yield* tenants.use("acme", (connection) => Effect.succeed(connection.length))
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <K, C, E = never, R = never>(
  options: Options<K, C, E, R>
): Effect.Effect<KeyedPool<K, C, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  internal.make<K, C, E, Exclude<R, Scope.Scope> | Scope.Scope>(
    options,
    (own) => Pool.make(own as PoolOptions<C, E, R>)
  )

/**
 * Makes a keyed pool of pools that the caller makes, such as pools of sockets. Everything else is as with `make`.
 *
 * @example
 * ```ts
 * import { KeyedPool, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const shards = KeyedPool.fromPools({
 *   make: (shard: number, share) => Pool.make({ ...share, open: Effect.succeed(`shard ${shard}`), maxConnecting: 2 }),
 *   maxConnections: 40
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const fromPools = <K, C, E = never, R = never>(
  options: PoolsOptions<K, C, E, R>
): Effect.Effect<KeyedPool<K, C, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  internal.fromPools<K, C, E, Exclude<R, Scope.Scope> | Scope.Scope>(options)

/**
 * All keyed pools of this process that have not closed, the oldest first. Meant for monitoring, as `Pool.running` is,
 * which has neither them nor the pools of their keys.
 *
 * @example
 * ```ts
 * import { KeyedPool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const busiestKeys = Effect.flatMap(KeyedPool.running, (pools) => Effect.forEach(pools, (pool) => pool.busiest(5)))
 * ```
 *
 * @since 3.0.0
 * @category monitoring
 */
export const running: Effect.Effect<ReadonlyArray<KeyedPool<any, any, unknown>>> = Effect.sync(Registry.keyedPools)

/**
 * The accessors of a keyed pool as a service. Each does what the member of that name does.
 *
 * @since 3.0.0
 * @category models
 */
export interface Accessors<Self, K, C, E> {
  readonly get: (key: K) => Effect.Effect<C, E | BorrowError, Self | Scope.Scope>
  readonly use: <A, E2, R>(
    key: K,
    f: (connection: C) => Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | BorrowError, R | Self>
  readonly acquire: (key: K) => Effect.Effect<C, E | BorrowError, Self>
  readonly release: (connection: C) => Effect.Effect<void, ConnectionNotFoundError, Self>
  readonly drop: (connection: C) => Effect.Effect<void, ConnectionNotFoundError, Self>
  readonly invalidate: (connection: C) => Effect.Effect<void, never, Self>
  readonly lookup: (key: K) => Effect.Effect<ConnectionPool<C, E>, PoolExhaustedError | PoolClosedError, Self>
  readonly keys: Effect.Effect<ReadonlyArray<K>, never, Self>
  readonly forget: (key: K) => Effect.Effect<void, never, Self>
  readonly clear: Effect.Effect<void, never, Self>
  readonly close: Effect.Effect<void, never, Self>
  readonly size: Effect.Effect<number, never, Self>
  readonly stats: Effect.Effect<KeyedStats, never, Self>
  readonly busiest: (most: number) => Effect.Effect<ReadonlyArray<KeyUsage>, never, Self>
  readonly events: Stream.Stream<PoolEvent, never, Self>
  readonly leases: Effect.Effect<ReadonlyArray<PoolLease>, never, Self>

  /** Makes the keyed pool as a layer; it closes with the layer. A wrong option is a defect. */
  readonly layer: <R = never>(options: Options<K, C, E, R>) => Layer.Layer<Self, never, Exclude<R, Scope.Scope>>
}

/**
 * A tag whose service is a keyed pool, with accessors.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, K, C, E>
  extends TagClass<Self, Id, KeyedPool<K, C, E>>, Accessors<Self, K, C, E>
{}

/**
 * Makes a tag for a keyed pool.
 *
 * @example
 * ```ts
 * import { KeyedPool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * class Tenants extends KeyedPool.Service<Tenants, string, string>()("app/Tenants") {}
 *
 * const TenantsLive = Tenants.layer({ open: (tenant) => Effect.succeed(`a connection of ${tenant}`) })
 *
 * const program = Tenants.use("acme", (connection) => Effect.log(connection))
 *
 * Effect.runPromise(program.pipe(Effect.provide(TenantsLive)))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const Service =
  <Self, K, C, E = never>() => <const Id extends string>(id: Id): ServiceClass<Self, Id, K, C, E> => {
    const tag = tagOf<Self, KeyedPool<K, C, E>>()(serviceId(id))
    const accessors: Accessors<Self, K, C, E> = {
      get: (key) => Effect.flatMap(tag, (pool) => pool.get(key)),
      use: (key, f) => Effect.flatMap(tag, (pool) => pool.use(key, f)),
      acquire: (key) => Effect.flatMap(tag, (pool) => pool.acquire(key)),
      release: (connection) => Effect.flatMap(tag, (pool) => pool.release(connection)),
      drop: (connection) => Effect.flatMap(tag, (pool) => pool.drop(connection)),
      invalidate: (connection) => Effect.flatMap(tag, (pool) => pool.invalidate(connection)),
      lookup: (key) => Effect.flatMap(tag, (pool) => pool.lookup(key)),
      keys: Effect.flatMap(tag, (pool) => pool.keys),
      forget: (key) => Effect.flatMap(tag, (pool) => pool.forget(key)),
      clear: Effect.flatMap(tag, (pool) => pool.clear),
      close: Effect.flatMap(tag, (pool) => pool.close),
      size: Effect.flatMap(tag, (pool) => pool.size),
      stats: Effect.flatMap(tag, (pool) => pool.stats),
      busiest: (most) => Effect.flatMap(tag, (pool) => pool.busiest(most)),
      events: streamOf(Effect.map(tag, (pool) => pool.events)),
      leases: Effect.flatMap(tag, (pool) => pool.leases),
      layer: <R = never>(options: Options<K, C, E, R>) =>
        layerOf(tag, make<K, C, E, R>(options)) as Layer.Layer<Self, never, Exclude<R, Scope.Scope>>
    }
    return Object.assign(tag, accessors) as unknown as ServiceClass<Self, Id, K, C, E>
  }
