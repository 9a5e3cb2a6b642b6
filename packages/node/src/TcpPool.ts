/**
 * Pools of TCP connections.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool, Pool } from "@socketpool/core/Pool"
import type * as TransportPool from "@socketpool/core/TransportPool"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { dial } from "./internal/dial.js"
import { TcpHandle } from "./internal/handles.js"
import { tcpPool } from "./internal/options.js"
import { tcpRoute } from "./internal/route.js"
import { layerConfigOf, layerOf, poolOf, serverAttributes } from "./internal/socketPool.js"
import type * as TcpConnection from "./TcpConnection.js"

/**
 * The options of a TCP connection and of a pool in one. Only `host` and `port` are required. `name` defaults to
 * `tcp://host:port`, and spans carry `server.address`, `server.port` and `network.transport`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends TcpConnection.Options, TransportPool.Options<TcpConnection.TcpConnection> {}

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
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError>, never, Scope.Scope> =>
  made(() => tcpPool.read("TcpPool", options))

/**
 * Provides `make` as the `Pool` service, whose users see a `Connection`. The pool closes with the layer. Building the
 * layer never fails, and opens nothing unless an option says so.
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
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Pool> => layerOf(make(options))

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
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (config: Config.Config.Wrap<Options>): Layer.Layer<Pool, ConfigError.ConfigError> =>
  layerConfigOf("TcpPool.layerConfig", tcpPool, config, layer)

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
 * @since 0.1.0
 * @category layers
 */
export const TcpPoolLive = (
  host: string,
  port: number,
  options: Omit<Options, "host" | "port"> = {}
): Layer.Layer<Pool> => layerOf(made(() => tcpPool.read("TcpPoolLive", options, { host, port })))

/** Makes a pool with options that are read, and checked, when it is made. */
const made = (
  read: () => ReturnType<typeof tcpPool.read>
): Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const options = read()
    const route = tcpRoute(options)
    return poolOf<TcpConnection.TcpConnection, TcpHandle>(
      options,
      { name: `tcp://${route.address}`, attributes: serverAttributes(route.peer) },
      (finish) => dial(route, TcpHandle.of, finish)
    )
  })
