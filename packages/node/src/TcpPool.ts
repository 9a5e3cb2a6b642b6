/**
 * Pools of TCP connections.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool, Pool } from "@socketpool/core/Pool"
import type * as TransportPool from "@socketpool/core/TransportPool"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { dial } from "./internal/dial.js"
import { TcpHandle } from "./internal/handles.js"
import { tcpRoute } from "./internal/route.js"
import { layerOf, poolOf, serverAttributes } from "./internal/socketPool.js"
import type * as TcpConnection from "./TcpConnection.js"

/**
 * The options of a connection and of a pool in one; `name` is `tcp://host:port` unless given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends TcpConnection.Options, TransportPool.Options<TcpConnection.TcpConnection> {}

/**
 * Makes a pool of TCP connections that closes with the scope. Opens nothing before it is asked to, unless
 * `minConnections` or `initialConnections` say so.
 *
 * A connection that dies while it is idle, or on which bytes arrive while it is idle, is closed at once. A leased
 * connection is worthless to its holder once the lease has ended: `ConnectionError` reason `Released`.
 *
 * A server that speaks first needs a `handshake` that reads its greeting: what arrives on an idle connection closes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const route = tcpRoute(options, "TcpPool")
    return poolOf<TcpConnection.TcpConnection, TcpHandle>(
      options,
      { name: `tcp://${route.address}`, attributes: serverAttributes(route.peer) },
      (finish) => dial(route, TcpHandle.of, finish)
    )
  })

/**
 * `make` as a layer of the `Pool` service.
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
 * `layer` with options from the configuration.
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
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layer))

/**
 * A pool of TCP connections to one server, as the `Pool` service: `layer` for the common case.
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
): Layer.Layer<Pool> => layer({ ...options, host, port })
