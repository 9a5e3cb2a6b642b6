/**
 * Pools of connections to Unix sockets.
 *
 * @since 3.0.0
 */
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import type * as PoolLayer from "@socketpool/core/PoolLayer"
import type * as TransportPool from "@socketpool/core/TransportPool"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { dial } from "./internal/dial.js"
import { UnixHandle } from "./internal/handles.js"
import { unixPool } from "./internal/options.js"
import { unixRoute } from "./internal/route.js"
import * as SocketPool from "./internal/socketPool.js"
import type * as UnixConnection from "./UnixConnection.js"

/**
 * The options of a connection to a Unix socket and of a pool in one. Only `path` is required. `name` defaults to
 * `unix:` and the path, and spans carry `server.address` and `network.transport`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<E = ConnectionError, R = never, RValidate = R, RRelease = R, RFarewell = R>
  extends
    UnixConnection.Options,
    TransportPool.Options<UnixConnection.UnixConnection, E, R, RValidate, RRelease, RFarewell>
{}

/**
 * Makes a pool of connections to a Unix socket. The pool closes with the scope. It behaves, fails and reacts to an
 * interrupt as `TcpPool.make` does, with the errors of `UnixConnection.open`.
 *
 * Use it for several pools in one program, or when borrowers need a `UnixConnection` and not only a `Connection`.
 *
 * @example
 * ```ts
 * import { UnixPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* UnixPool.make({ path: "/run/redis/redis.sock", maxConnections: 8 })
 *   return yield* pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <E = ConnectionError, R = never, RValidate = never, RRelease = never, RFarewell = never>(
  options: Options<E, R, RValidate, RRelease, RFarewell>
): Effect.Effect<
  ConnectionPool<UnixConnection.UnixConnection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | Scope.Scope
> => made(() => unixPool.read("UnixPool", options))

/**
 * Provides `make` as the `Pool` service, whose users see a `Connection`. The pool closes with the layer. Building the
 * layer never fails, and opens nothing unless an option says so. With `failFast` it fails with `ConnectError` if the
 * server cannot be reached.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { UnixPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const CacheLive = UnixPool.layer({ path: "/run/redis/redis.sock", maxConnections: 8 })
 *
 * const ping = Pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 *
 * const program = Effect.provide(ping, CacheLive)
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <
  F extends boolean = false,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never
>(
  options: Options<E, R, RValidate, RRelease, RFarewell> & PoolLayer.Options<F>
): Layer.Layer<Pool, PoolLayer.FailFast<F, ConnectError>, Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope>> =>
  SocketPool.layerOf(Pool, makeCaused, options)

/**
 * Does what `layer` does for a tag of `Pool.Service`, so that one program can have several pools. The tag's connections
 * are `UnixConnection`s or, so that a test can provide others, `Connection`s.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { UnixPool } from "@socketpool/node"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = UnixPool.layerOf(Cache, { path: "/run/cache.sock", maxConnections: 8 })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerOf = <
  I,
  S,
  F extends boolean = false,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never
>(
  tag: PoolLayer.TagFor<
    I,
    S,
    ConnectionPool<UnixConnection.UnixConnection, ConnectError | TransportPool.HandshakeFailure<E>>
  >,
  options: Options<E, R, RValidate, RRelease, RFarewell> & PoolLayer.Options<F>
): Layer.Layer<
  I,
  PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>,
  Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope>
> => SocketPool.layerOf(tag, make, options)

/**
 * Provides `layer` with options from the configuration. Use it when path or sizes differ between deployments. Building
 * the layer fails with `ConfigError` if a value is missing or malformed.
 *
 * @example
 * ```ts
 * import { UnixPool } from "@socketpool/node"
 * import { Config } from "effect"
 *
 * const CacheLive = UnixPool.layerConfig({
 *   path: Config.string("CACHE_SOCKET"),
 *   maxConnections: Config.withDefault(Config.integer("CACHE_CONNECTIONS"), 8)
 * })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfig = <F extends boolean = false>(
  config: Config.Config.Wrap<Options<any, never>>,
  options?: PoolLayer.Options<F>
): Layer.Layer<Pool, ConfigError.ConfigError | PoolLayer.FailFast<F, ConnectError>> =>
  SocketPool.layerConfigOf("UnixPool.layerConfig", unixPool, Pool, makeCaused, config, options)

/**
 * Does what `layerConfig` does for a tag of `Pool.Service`, as `layerOf` does.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { UnixPool } from "@socketpool/node"
 * import { Config } from "effect"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = UnixPool.layerConfigOf(Cache, {
 *   path: Config.string("CACHE_SOCKET")
 * })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerConfigOf = <I, S, F extends boolean = false, E = ConnectionError>(
  tag: PoolLayer.TagFor<
    I,
    S,
    ConnectionPool<UnixConnection.UnixConnection, ConnectError | TransportPool.HandshakeFailure<E>>
  >,
  config: Config.Config.Wrap<Options<E, never>>,
  options?: PoolLayer.Options<F>
): Layer.Layer<
  I,
  ConfigError.ConfigError | PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>
> => SocketPool.layerConfigOf("UnixPool.layerConfigOf", unixPool, tag, make, config, options)

/**
 * Provides a pool of connections to a Unix socket as the `Pool` service: `layer` for the common case.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { UnixPoolLive } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const ping = Pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 *
 * const program = Effect.provide(ping, UnixPoolLive("/run/redis/redis.sock"))
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const UnixPoolLive = <
  F extends boolean = false,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never
>(
  path: string,
  options?: Omit<Options<E, R, RValidate, RRelease, RFarewell>, "path"> & PoolLayer.Options<F>
): Layer.Layer<Pool, PoolLayer.FailFast<F, ConnectError>, Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope>> =>
  SocketPool.layerOf(
    Pool,
    (own) => made(() => unixPool.read("UnixPoolLive", own, { path }), true),
    options === undefined ? {} : options
  )

/** For the tag `Pool`, whose users know no other error than `ConnectError`. */
const makeCaused = (options: unknown) => made(() => unixPool.read("UnixPool", options), true)

/** Makes a pool with options that are read, and checked, when it is made. */
const made = (
  read: () => ReturnType<typeof unixPool.read>,
  isCaused = false
): Effect.Effect<ConnectionPool<UnixConnection.UnixConnection, any>, never, any> =>
  Effect.suspend(() => {
    const options = read()
    const route = unixRoute(options)
    return SocketPool.poolOf<UnixConnection.UnixConnection, UnixHandle>(
      options,
      { name: `unix:${route.address}`, address: route.address, attributes: SocketPool.serverAttributes(route.peer) },
      (finish) => dial(route, UnixHandle.of, finish),
      isCaused
    )
  })
