/**
 * Pools of TLS connections.
 *
 * @since 3.0.0
 */
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
import { endpointsBy } from "./internal/endpointPool.js"
import type { TlsHandle } from "./internal/handles.js"
import { keyedBy } from "./internal/keyed.js"
import { tlsConnection, tlsPool } from "./internal/options.js"
import { secureDialer } from "./internal/secure.js"
import * as SocketPool from "./internal/socketPool.js"
import type { Peer } from "./Peer.js"
import type * as TlsConnection from "./TlsConnection.js"

/**
 * The options of a TLS connection and of a pool in one. Only `host` and `port` are required. `name` defaults to
 * `tls://host:port`, and spans carry `server.address`, `server.port` and `network.transport`.
 *
 * A pool has one identity. It reads keys and certificates once, and its connections resume each other's TLS sessions.
 * No other pool shares them.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<
  E = ConnectionError,
  R = never,
  RValidate = R,
  RRelease = R,
  RFarewell = R,
  RLookup = R,
  EStartTls = E,
  RStartTls = R
> extends
  TlsConnection.Options<EStartTls, RStartTls, RLookup>,
  TransportPool.Options<TlsConnection.TlsConnection, E, R, RValidate, RRelease, RFarewell>
{}

/**
 * Makes a pool of TLS connections to one server. The pool closes with the scope. It behaves, fails and reacts to an
 * interrupt as `TcpPool.make` does, with the errors of `TlsConnection.open`.
 *
 * Use it for several pools in one program, or when borrowers need a `TlsConnection` and not only a `Connection`.
 *
 * With TLS 1.3 a server that requires a client certificate complains only after the handshake. Give the pool a
 * `handshake` with one round trip, so that the open fails and not the first borrower's read.
 *
 * @example
 * ```ts
 * import { TlsPool } from "@socketpool/node"
 * import { Effect, Redacted } from "effect"
 * import { readFileSync } from "node:fs"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* TlsPool.make({
 *     host: "cache.internal",
 *     port: 6380,
 *     cert: readFileSync("client.pem"),
 *     key: Redacted.make(readFileSync("client.key.pem")),
 *     handshake: (connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n"))
 *   })
 *   return yield* pool.use((connection) => Effect.succeed(connection.protocol))
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
  RLookup = never,
  EStartTls = ConnectionError,
  RStartTls = never
>(
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls>
): Effect.Effect<
  ConnectionPool<TlsConnection.TlsConnection, ConnectError | TransportPool.HandshakeFailure<E | EStartTls>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | RStartTls | Scope.Scope
> => made(() => tlsPool.read("TlsPool", options))

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
  RLookup = R,
  EStartTls = ConnectionError,
  RStartTls = R
> =
  & Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls>, "host" | "port" | "budgetWeight">
  & Omit<
    KeyedPool.KeyedOptions<
      Peer,
      TlsConnection.TlsConnection,
      ConnectError | TransportPool.HandshakeFailure<E | EStartTls>,
      never
    >,
    "open" | "options" | "identify"
  >

/**
 * Makes a pool for each server, all under one limit, as `KeyedPool` does. The first borrow for a server makes its pool.
 *
 * Use it where a program talks to many servers, whose addresses it learns while it runs. For one server, use `make`.
 *
 * @example
 * ```ts
 * import { TlsPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const servers = yield* TlsPool.keyed({ maxConnections: 100, maxConnectionsPerKey: 4, timeout: "3 seconds" })
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
  RLookup = never,
  EStartTls = ConnectionError,
  RStartTls = never
>(
  options: KeyedOptions<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls>
): Effect.Effect<
  KeyedPool.KeyedPool<Peer, TlsConnection.TlsConnection, ConnectError | TransportPool.HandshakeFailure<E | EStartTls>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | RStartTls | Scope.Scope
> => keyedBy("TlsPool.keyed", tlsPool, made, options)

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
  EStartTls = ConnectionError,
  RStartTls = R,
  RProbe = R
> =
  & Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls>, "host" | "port">
  & EndpointPool.EndpointOptions<TlsConnection.TlsConnection, RProbe>

/**
 * Makes one pool for several servers that do the same, as `EndpointPool` does. Each server proves the name by
 * which the discovery found it (`Endpoint.name`), unless `servername` is set.
 *
 * Use it with `Dns.addresses`, `Dns.srv`, `EndpointsFile.watch` or `Endpoints.of`. For one server, use `make`.
 *
 * @example
 * ```ts
 * import { Dns, TlsPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const caches = yield* TlsPool.endpoints({
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
  EStartTls = ConnectionError,
  RStartTls = never,
  RProbe = never
>(
  options: EndpointsOptions<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls, RProbe>
): Effect.Effect<
  EndpointPool.EndpointPool<TlsConnection.TlsConnection, ConnectError | TransportPool.HandshakeFailure<E | EStartTls>>,
  never,
  R | RValidate | RRelease | RFarewell | RLookup | RStartTls | RProbe | Scope.Scope
> =>
  endpointsBy(
    "TlsPool.endpoints",
    tlsPool,
    made,
    ({ name }, { servername }) => servername === undefined && name !== undefined ? { servername: name } : {},
    options
  )

/**
 * Provides `make` as the `Pool` service, whose users see a `Connection`. The pool closes with the layer. Building the
 * layer never fails, and opens nothing unless an option says so. With `failFast` it fails with `ConnectError` if the
 * server cannot be reached.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { TlsPool } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const CacheLive = TlsPool.layer({ host: "cache.internal", port: 6380, minVersion: "TLSv1.3" })
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
  RFarewell = never,
  RLookup = never,
  EStartTls = ConnectionError,
  RStartTls = never
>(
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls> & PoolLayer.Options<F>
): Layer.Layer<
  Pool,
  PoolLayer.FailFast<F, ConnectError>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup | RStartTls, Scope.Scope>
> => SocketPool.layerOf(Pool, makeCaused, options)

/**
 * Does what `layer` does for a tag of `Pool.Service`, so that one program can have several pools. The tag's connections
 * are `TlsConnection`s or, so that a test can provide others, `Connection`s.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { TlsPool } from "@socketpool/node"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = TlsPool.layerOf(Cache, { host: "cache.internal", port: 6380, maxConnections: 8 })
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
  RLookup = never,
  EStartTls = ConnectionError,
  RStartTls = never
>(
  tag: PoolLayer.TagFor<
    I,
    S,
    ConnectionPool<TlsConnection.TlsConnection, ConnectError | TransportPool.HandshakeFailure<E | EStartTls>>
  >,
  options: Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls> & PoolLayer.Options<F>
): Layer.Layer<
  I,
  PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E | EStartTls>>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup | RStartTls, Scope.Scope>
> => SocketPool.layerOf(tag, make, options)

/**
 * Provides `layer` with options from the configuration. Use it when host, port or keys differ between deployments.
 * Building the layer fails with `ConfigError` if a value is missing or malformed.
 *
 * @example
 * ```ts
 * import { TlsPool } from "@socketpool/node"
 * import { Config, Effect } from "effect"
 *
 * const MailLive = TlsPool.layerConfig({
 *   host: Config.string("MAIL_HOST"),
 *   port: Config.integer("MAIL_PORT"),
 *   startTls: Config.succeed((connection) =>
 *     connection.recvUntil("\r\n").pipe(
 *       Effect.andThen(connection.send("STARTTLS\r\n")),
 *       Effect.andThen(connection.recvUntil("\r\n"))
 *     )
 *   )
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
  SocketPool.layerConfigOf("TlsPool.layerConfig", tlsPool, Pool, makeCaused, config, options)

/**
 * Does what `layerConfig` does for a tag of `Pool.Service`, as `layerOf` does.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Connection, Pool } from "@socketpool/core"
 * import { TlsPool } from "@socketpool/node"
 * import { Config } from "effect"
 *
 * class Cache extends Pool.Service<Cache, Connection, ConnectError>()("app/Cache") {}
 *
 * const CacheLive = TlsPool.layerConfigOf(Cache, {
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
    ConnectionPool<TlsConnection.TlsConnection, ConnectError | TransportPool.HandshakeFailure<E>>
  >,
  config: Config.Config.Wrap<Options<E, never>>,
  options?: PoolLayer.Options<F>
): Layer.Layer<
  I,
  ConfigError.ConfigError | PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>
> => SocketPool.layerConfigOf("TlsPool.layerConfigOf", tlsPool, tag, make, config, options)

/**
 * Provides a pool of TLS connections to one server as the `Pool` service: `layer` for the common case.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { TlsPoolLive } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const ping = Pool.use((connection) => Effect.andThen(connection.send("PING\r\n"), connection.recvUntil("\r\n")))
 *
 * const program = Effect.provide(ping, TlsPoolLive("cache.internal", 6380, { maxConnections: 8 }))
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const TlsPoolLive = <
  F extends boolean = false,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RLookup = never,
  EStartTls = ConnectionError,
  RStartTls = never
>(
  host: string,
  port: number,
  options?:
    & Omit<Options<E, R, RValidate, RRelease, RFarewell, RLookup, EStartTls, RStartTls>, "host" | "port">
    & PoolLayer.Options<F>
): Layer.Layer<
  Pool,
  PoolLayer.FailFast<F, ConnectError>,
  Exclude<R | RValidate | RRelease | RFarewell | RLookup | RStartTls, Scope.Scope>
> =>
  SocketPool.layerOf(
    Pool,
    (own) => made(() => tlsPool.read("TlsPoolLive", own, { host, port }), true),
    options === undefined ? {} : options
  )

/** For the tag `Pool`, whose users know no other error than `ConnectError`. */
const makeCaused = (options: unknown) => made(() => tlsPool.read("TlsPool", options), true)

/** Makes a pool with options that are read, and checked, when it is made. */
const made = (
  read: () => ReturnType<typeof tlsPool.read>,
  isCaused = false
): Effect.Effect<ConnectionPool<TlsConnection.TlsConnection, any>, never, any> =>
  Effect.suspend(() => {
    const options = read()
    const { address, dial, forget, peer } = secureDialer(tlsConnection.pick(options), "TlsPool")
    const pool = SocketPool.poolOf<TlsConnection.TlsConnection, TlsHandle>(
      options,
      { name: `tls://${address}`, address, attributes: SocketPool.serverAttributes(peer) },
      dial,
      isCaused
    )
    // A clear says that the other end has changed. It must not be offered sessions of the one before.
    return Effect.map(
      pool,
      (pool) => Object.defineProperty(pool, "clear", { value: Effect.andThen(Effect.sync(forget), pool.clear) })
    )
  })
