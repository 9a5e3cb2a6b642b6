/**
 * Pools of TCP connections.
 *
 * @since 3.0.0
 */
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import type * as EndpointPool from "@socketpool/core/EndpointPool"
import type * as KeyedPool from "@socketpool/core/KeyedPool"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import type * as PoolLayer from "@socketpool/core/PoolLayer"
import type * as TransportPool from "@socketpool/core/TransportPool"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { dial } from "./internal/dial.js"
import { endpointsBy } from "./internal/endpointPool.js"
import { TcpHandle } from "./internal/handles.js"
import { keyedBy } from "./internal/keyed.js"
import { tcpPool } from "./internal/options.js"
import { tcpRoute } from "./internal/route.js"
import * as SocketPool from "./internal/socketPool.js"
import { targetOf } from "./internal/url.js"
import type { Peer } from "./Peer.js"
import type * as TcpConnection from "./TcpConnection.js"
import * as TlsPool from "./TlsPool.js"
import * as UnixPool from "./UnixPool.js"

/**
 * The options of a TCP connection and of a pool in one. Only `host` and `port` are required. `name` defaults to
 * `tcp://host:port`, and spans carry `server.address`, `server.port` and `network.transport`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<E = ConnectionError, R = never, RValidate = R, RRelease = R, RFarewell = R, RLookup = R>
  extends
    TcpConnection.Options<RLookup>,
    TransportPool.Options<TcpConnection.TcpConnection, E, R, RValidate, RRelease, RFarewell>
{}

/**
 * Makes a pool of TCP connections to one server. The pool closes with the scope.
 *
 * Use it for several pools in one program, or when borrowers need a `TcpConnection` and not only a `Connection`. For
 * one pool as a service, use `layer` or `TcpPoolLive`.
 *
 * - It opens nothing until the first borrow, unless `minConnections` or `initialConnections` is set. It never fails; an
 *   invalid option is a defect (`RangeError`).
 * - A borrow fails with `ConnectError` if opening failed, otherwise with `PoolExhaustedError` or `PoolClosedError`. An
 *   interrupted borrower leaves the queue at once.
 * - An idle connection closes at once when the peer goes away or bytes arrive on it. A server that speaks first
 *   therefore needs a `handshake` that reads its greeting.
 * - Once the lease has ended, every operation on the connection fails with `ConnectionError` reason `Released`.
 *
 * @example
 * ```ts
 * import { TcpPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* TcpPool.make({ host: "localhost", port: 6379, maxConnections: 8, timeout: "3 seconds" })
 *   const ping = pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 *   return yield* Effect.all(Array.from({ length: 20 }, () => ping), { concurrency: "unbounded" })
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RLookup = never
>(
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup>
): Effect.Effect<
  ConnectionPool<TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | Scope.Scope
> => made(() => tcpPool.read("TcpPool", options))

/**
 * The options of a keyed pool: those of a pool, and those of the keys.
 *
 * @since 3.0.0
 * @category models
 */
export type KeyedOptions<
  E = ConnectionError,
  R = never,
  RValidate = R,
  RRelease = R,
  RFarewell = R,
  RLookup = R
> =
  & Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup>, "host" | "port" | "budgetWeight">
  & Omit<
    KeyedPool.KeyedOptions<Peer, TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>, never>,
    "open" | "options" | "identify"
  >

/**
 * Makes a pool for each server, all under one limit, as `KeyedPool` does. The first borrow for a server makes its pool.
 *
 * Use it where a program talks to many servers, whose addresses it learns while it runs. For one server, use `make`.
 *
 * @example
 * ```ts
 * import { TcpPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const servers = yield* TcpPool.keyed({ maxConnections: 100, maxConnectionsPerKey: 4, timeout: "3 seconds" })
 *   return yield* servers.use(
 *     { host: "db-7.internal", port: 6379 },
 *     (connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n"))
 *   )
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const keyed = <
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RLookup = never
>(
  options: KeyedOptions<E, R, RValidate, RRelease, RFarewell, RLookup>
): Effect.Effect<
  KeyedPool.KeyedPool<Peer, TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | Scope.Scope
> => keyedBy("TcpPool.keyed", tcpPool, made, options)

/**
 * The options of a pool of endpoints: those of a pool, and those of the endpoints.
 *
 * @since 3.0.0
 * @category models
 */
export type EndpointsOptions<
  E = ConnectionError,
  R = never,
  RValidate = R,
  RRelease = R,
  RFarewell = R,
  RLookup = R,
  RProbe = R
> =
  & Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup>, "host" | "port">
  & EndpointPool.EndpointOptions<TcpConnection.TcpConnection, RProbe>

/**
 * Makes one pool for several servers that do the same, as `EndpointPool` does.
 *
 * Use it with `Dns.addresses`, `Dns.srv`, `EndpointsFile.watch` or `Endpoints.of`. For one server, use `make`.
 *
 * @example
 * ```ts
 * import { Dns, TcpPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const caches = yield* TcpPool.endpoints({
 *     endpoints: Dns.addresses({ host: "cache.default.svc.cluster.local", port: 6379 }),
 *     maxConnections: 40,
 *     timeout: "3 seconds"
 *   })
 *   return yield* caches.use((connection) =>
 *     Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n"))
 *   )
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const endpoints = <
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RLookup = never,
  RProbe = never
>(
  options: EndpointsOptions<E, R, RValidate, RRelease, RFarewell, RLookup, RProbe>
): Effect.Effect<
  EndpointPool.EndpointPool<TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | RProbe | Scope.Scope
> => endpointsBy("TcpPool.endpoints", tcpPool, made, () => ({}), options)

/**
 * The options of `fromUrl`: those that every kind of socket has.
 *
 * @since 3.0.0
 * @category models
 */
export interface UrlOptions<E = ConnectionError, R = never, RValidate = R, RRelease = R, RFarewell = R>
  extends
    TransportPool.Options<Connection, E, R, RValidate, RRelease, RFarewell>,
    Pick<TcpConnection.Options, "connectTimeout" | "timeout" | "highWaterMark" | "allowHalfOpen">
{}

/**
 * Makes a pool of connections to the server that a URL names: `tcp://host:port`, `tls://host:port` or `unix:///path`.
 * It behaves as `TcpPool.make`, `TlsPool.make` and `UnixPool.make` do.
 *
 * Use it when the address comes as one text, for example from the environment. `TlsPool.make` takes the certificates
 * that a URL cannot name. A URL with a user, a password or a query is a defect (`RangeError`) that does not repeat it:
 * how to log in is part of a protocol, and belongs to the `handshake`.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { TcpPool } from "@socketpool/node"
 * import { Config, Effect, Layer } from "effect"
 *
 * const CacheLive = Layer.scoped(
 *   Pool,
 *   Effect.flatMap(Config.string("CACHE_URL"), (url) => TcpPool.fromUrl(url, { maxConnections: 8 }))
 * )
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const fromUrl = <E = ConnectionError, R = never, RValidate = never, RRelease = never, RFarewell = never>(
  url: string | URL,
  options: UrlOptions<E, R, RValidate, RRelease, RFarewell> = {}
): Effect.Effect<
  ConnectionPool<Connection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | Scope.Scope
> =>
  Effect.suspend((): Effect.Effect<ConnectionPool<Connection, any>, never, any> => {
    const { kind, ...address } = targetOf(url)
    const all = { ...options, ...address }
    return kind === "tcp" ?
      make(all as unknown as Options) :
      kind === "tls" ?
      TlsPool.make(all as unknown as TlsPool.Options) :
      UnixPool.make(all as unknown as UnixPool.Options)
  })

/**
 * Provides `make` as the `Pool` service, whose users see a `Connection`. The pool closes with the layer. Building the
 * layer never fails, and opens nothing unless an option says so. With `failFast` it fails with `ConnectError` if the
 * server cannot be reached.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 * import { TcpPool } from "@socketpool/node"
 *
 * const CacheLive = TcpPool.layer({ host: "localhost", port: 6379, maxConnections: 8 })
 *
 * const ping = Pool.use((connection) =>
 *   Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n"))
 * )
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
  RFarewell = never,
  RLookup = never
>(
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup> & PoolLayer.Options<F>
): Layer.Layer<
  Pool,
  PoolLayer.FailFast<F, ConnectError>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup, Scope.Scope>
> => SocketPool.layerOf(Pool, makeCaused, options)

/**
 * Does what `layer` does for a tag of `Pool.Service`, so that one program can have several pools. The tag's connections
 * are `TcpConnection`s or, so that a test can provide others, `Connection`s.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { TcpPool } from "@socketpool/node"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = TcpPool.layerOf(Cache, { host: "cache.internal", port: 6379, maxConnections: 8 })
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
  RFarewell = never,
  RLookup = never
>(
  tag: PoolLayer.TagFor<
    I,
    S,
    ConnectionPool<TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>>
  >,
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup> & PoolLayer.Options<F>
): Layer.Layer<
  I,
  PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup, Scope.Scope>
> => SocketPool.layerOf(tag, make, options)

/**
 * Provides `layer` with options from the configuration. Use it when host, port or sizes differ between deployments.
 * Building the layer fails with `ConfigError` if a value is missing or malformed.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { TcpPool } from "@socketpool/node"
 *
 * const CacheLive = TcpPool.layerConfig({
 *   host: Config.string("CACHE_HOST"),
 *   port: Config.integer("CACHE_PORT"),
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
  SocketPool.layerConfigOf("TcpPool.layerConfig", tcpPool, Pool, makeCaused, config, options)

/**
 * Does what `layerConfig` does for a tag of `Pool.Service`, as `layerOf` does.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { TcpPool } from "@socketpool/node"
 * import { Config } from "effect"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = TcpPool.layerConfigOf(Cache, {
 *   host: Config.string("CACHE_HOST"),
 *   port: Config.port("CACHE_PORT")
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
    ConnectionPool<TcpConnection.TcpConnection, ConnectError | TransportPool.HandshakeFailure<E>>
  >,
  config: Config.Config.Wrap<Options<E, never>>,
  options?: PoolLayer.Options<F>
): Layer.Layer<
  I,
  ConfigError.ConfigError | PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>
> => SocketPool.layerConfigOf("TcpPool.layerConfigOf", tcpPool, tag, make, config, options)

/**
 * Provides a pool of TCP connections to one server as the `Pool` service: `layer` for the common case. For a second
 * server, make a tag with `Pool.Service` and provide it with `make`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 * import { TcpPoolLive } from "@socketpool/node"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* Pool.connection
 *   yield* connection.send("hello")
 *   return yield* connection.recv()
 * }))
 *
 * const main = Effect.provide(program, TcpPoolLive("localhost", 2000))
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const TcpPoolLive = <
  F extends boolean = false,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RLookup = never
>(
  host: string,
  port: number,
  options?: Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup>, "host" | "port"> & PoolLayer.Options<F>
): Layer.Layer<
  Pool,
  PoolLayer.FailFast<F, ConnectError>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup, Scope.Scope>
> =>
  SocketPool.layerOf(
    Pool,
    (own) => made(() => tcpPool.read("TcpPoolLive", own, { host, port }), true),
    options === undefined ? {} : options
  )

/** For the tag `Pool`, whose users know no other error than `ConnectError`. */
const makeCaused = (options: unknown) => made(() => tcpPool.read("TcpPool", options), true)

/** Makes a pool with options that are read, and checked, when it is made. */
const made = (
  read: () => ReturnType<typeof tcpPool.read>,
  isCaused = false
): Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, any>, never, any> =>
  Effect.suspend(() => {
    const options = read()
    const route = tcpRoute(options)
    return SocketPool.poolOf<TcpConnection.TcpConnection, TcpHandle>(
      options,
      { name: `tcp://${route.address}`, address: route.address, attributes: SocketPool.serverAttributes(route.peer) },
      (finish) => dial(route, TcpHandle.of, finish),
      isCaused
    )
  })
