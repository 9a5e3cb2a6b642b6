/**
 * Pools of TLS connections.
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
import { secureDialer } from "./internal/secure.js"
import { layerOf, poolOf, serverAttributes } from "./internal/socketPool.js"
import type * as TlsConnection from "./TlsConnection.js"

/**
 * The options of a connection and of a pool in one; `name` is `tls://host:port` unless given.
 *
 * A pool has one identity: the keys and certificates are read once, and its connections resume each other's sessions.
 * They are shared with nobody else.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends TlsConnection.Options, TransportPool.Options<TlsConnection.TlsConnection> {}

/**
 * Makes a pool of TLS connections that closes with the scope; otherwise as `TcpPool.make`.
 *
 * With TLS 1.3 a server that misses the client's certificate says so only after the handshake: give the pool a
 * `handshake` with a round trip if borrowers should not be the ones to learn it.
 *
 * @example
 * ```ts
 * import { Config, Effect } from "effect"
 * import { TlsPool } from "@socketpool/node"
 *
 * const MailLive = TlsPool.layerConfig({
 *   host: Config.string("MAIL_HOST"),
 *   port: Config.integer("MAIL_PORT"),
 *   startTls: Config.succeed((connection) =>
 *     Effect.gen(function*() {
 *       yield* connection.recvUntil("\r\n")
 *       yield* connection.send("STARTTLS\r\n")
 *       yield* connection.recvUntil("\r\n")
 *     })
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ConnectionPool<TlsConnection.TlsConnection, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { address, dial, peer } = secureDialer(options, "TlsPool")
    return poolOf(options, { name: `tls://${address}`, attributes: serverAttributes(peer) }, dial)
  })

/**
 * `make` as a layer of the `Pool` service.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Pool> => layerOf(make(options))

/**
 * `layer` with options from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (config: Config.Config.Wrap<Options>): Layer.Layer<Pool, ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layer))

/**
 * A pool of TLS connections to one server, as the `Pool` service: `layer` for the common case.
 *
 * @since 0.1.0
 * @category layers
 */
export const TlsPoolLive = (
  host: string,
  port: number,
  options: Omit<Options, "host" | "port"> = {}
): Layer.Layer<Pool> => layer({ ...options, host, port })
