/**
 * One pool for several servers that do the same.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ConnectionPool } from "./ConnectionPool.js"
import type { EndpointPool, EndpointStatus, Options, PoolsOptions } from "./EndpointPoolModel.js"
import { accessorsOf } from "./internal/accessors.js"
import { layerOf, tag as tagOf } from "./internal/effect/tag.js"
import * as internal from "./internal/endpointPool/make.js"
import { serviceId } from "./internal/options.js"
import * as Registry from "./internal/registry.js"
import type { TagClass } from "./Interop.js"
import { type Accessors as PoolAccessors, Pool } from "./Pool.js"
import type { NoEndpointError } from "./PoolError.js"
import type { PoolOptions } from "./PoolOptions.js"

export {
  /**
   * @since 3.0.0
   * @category models
   */
  type EndpointOptions,
  /**
   * @since 3.0.0
   * @category models
   */
  type EndpointPool,
  /**
   * @since 3.0.0
   * @category models
   */
  type EndpointShare,
  /**
   * @since 3.0.0
   * @category models
   */
  type EndpointStatus,
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
} from "./EndpointPoolModel.js"

/**
 * Makes a pool of endpoints that closes with the scope. It does not wait for the discovery: borrowers wait for the first
 * set, at most for `acquireTimeout`.
 *
 * Use it where any of several servers can serve a request: replicas, caches behind one name, the instances of a service.
 *
 * @example
 * ```ts
 * import { EndpointPool, Endpoints } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const replicas = yield* EndpointPool.make({
 *     endpoints: Endpoints.of({ host: "10.0.0.1", port: 5432 }, { host: "10.0.0.2", port: 5432 }),
 *     open: ({ host, port }) => Effect.succeed(`a connection to ${host}:${port}`),
 *     maxConnections: 20
 *   })
 *   return yield* replicas.use((connection) => Effect.succeed(connection.length))
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <C, E = never, R = never, RProbe = never>(
  options: Options<C, E, R, RProbe>
): Effect.Effect<EndpointPool<C, E>, never, Exclude<R | RProbe, Scope.Scope> | Scope.Scope> =>
  internal.make<C, E, Exclude<R | RProbe, Scope.Scope> | Scope.Scope>(
    options,
    (own) => Pool.make(own as PoolOptions<C, E, R>)
  )

/**
 * Makes a pool of endpoints of pools that the caller makes, such as pools of sockets. Everything else is as with `make`.
 *
 * @example
 * ```ts
 * import { EndpointPool, Endpoints, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const workers = EndpointPool.fromPools({
 *   endpoints: Endpoints.of({ host: "10.0.0.1", port: 80 }, { host: "10.0.0.2", port: 80 }),
 *   make: ({ host }, share) => Pool.make({ ...share, open: Effect.succeed(`a worker of ${host}`), maxConnecting: 2 })
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const fromPools = <C, E = never, R = never, RProbe = never>(
  options: PoolsOptions<C, E, R, RProbe>
): Effect.Effect<EndpointPool<C, E>, never, Exclude<R | RProbe, Scope.Scope> | Scope.Scope> =>
  internal.fromPools<C, E, Exclude<R | RProbe, Scope.Scope> | Scope.Scope>(options)

/**
 * All pools of endpoints of this process that have not closed, the oldest first. `Pool.running` has them, too. Meant for
 * monitoring.
 *
 * @example
 * ```ts
 * import { EndpointPool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const allEndpoints = Effect.flatMap(EndpointPool.running, (pools) => Effect.forEach(pools, (pool) => pool.endpoints))
 * ```
 *
 * @since 3.0.0
 * @category monitoring
 */
export const running: Effect.Effect<ReadonlyArray<EndpointPool<any, unknown>>> = Effect.sync(Registry.endpointPools)

/**
 * The accessors of a pool of endpoints as a service. Each does what the member of that name does.
 *
 * @since 3.0.0
 * @category models
 */
export interface Accessors<Self, C, E> extends Omit<PoolAccessors<Self, C, E | NoEndpointError>, "layer"> {
  readonly endpoints: Effect.Effect<ReadonlyArray<EndpointStatus>, never, Self>
  readonly at: (id: string) => Effect.Effect<ConnectionPool<C, E | NoEndpointError>, NoEndpointError, Self>
  readonly tier: (tier: number) => Effect.Effect<ConnectionPool<C, E | NoEndpointError>, never, Self>

  /** Makes the pool as a layer; it closes with the layer. A wrong option is a defect. Building it never fails. */
  readonly layer: <R = never, RProbe = never>(
    options: Options<C, E, R, RProbe>
  ) => Layer.Layer<Self, never, Exclude<R | RProbe, Scope.Scope>>
}

/**
 * A tag whose service is a pool of endpoints, with accessors.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, C, E>
  extends TagClass<Self, Id, EndpointPool<C, E>>, Accessors<Self, C, E>
{}

/**
 * Makes a tag for a pool of endpoints.
 *
 * @example
 * ```ts
 * import { EndpointPool, Endpoints } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * class Replicas extends EndpointPool.Service<Replicas, string>()("app/Replicas") {}
 *
 * const ReplicasLive = Replicas.layer({
 *   endpoints: Endpoints.of({ host: "10.0.0.1", port: 5432 }, { host: "10.0.0.2", port: 5432 }),
 *   open: ({ host }) => Effect.succeed(`a connection to ${host}`)
 * })
 *
 * const program = Replicas.use((connection) => Effect.log(connection))
 *
 * Effect.runPromise(program.pipe(Effect.provide(ReplicasLive)))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const Service = <Self, C, E = never>() => <const Id extends string>(id: Id): ServiceClass<Self, Id, C, E> => {
  const tag = tagOf<Self, EndpointPool<C, E>>()(serviceId(id))
  const accessors: Accessors<Self, C, E> = {
    ...accessorsOf(tag) as Omit<PoolAccessors<Self, C, E | NoEndpointError>, "layer">,
    endpoints: Effect.flatMap(tag, (pool) => pool.endpoints),
    at: (id) => Effect.flatMap(tag, (pool) => pool.at(id)),
    tier: (tier) => Effect.map(tag, (pool) => pool.tier(tier)),
    layer: <R = never, RProbe = never>(options: Options<C, E, R, RProbe>) =>
      layerOf(tag, make<C, E, R, RProbe>(options)) as Layer.Layer<Self, never, Exclude<R | RProbe, Scope.Scope>>
  }
  return Object.assign(tag, accessors) as unknown as ServiceClass<Self, Id, C, E>
}
