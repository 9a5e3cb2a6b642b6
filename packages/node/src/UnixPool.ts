/**
 * Pools of connections to Unix sockets.
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
import { UnixHandle } from "./internal/handles.js"
import { unixRoute } from "./internal/route.js"
import { layerOf, poolOf, serverAttributes } from "./internal/socketPool.js"
import type * as UnixConnection from "./UnixConnection.js"

/**
 * The options of a connection and of a pool in one; `name` is `unix:` and the path unless given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends UnixConnection.Options, TransportPool.Options<UnixConnection.UnixConnection> {}

/**
 * Makes a pool of connections to a Unix socket that closes with the scope; otherwise as `TcpPool.make`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ConnectionPool<UnixConnection.UnixConnection, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const route = unixRoute(options, "UnixPool")
    return poolOf<UnixConnection.UnixConnection, UnixHandle>(
      options,
      { name: `unix:${route.address}`, attributes: serverAttributes(route.peer) },
      (finish) => dial(route, UnixHandle.of, finish)
    )
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
 * A pool of connections to a Unix socket, as the `Pool` service: `layer` for the common case.
 *
 * @since 0.1.0
 * @category layers
 */
export const UnixPoolLive = (path: string, options: Omit<Options, "path"> = {}): Layer.Layer<Pool> =>
  layer({ ...options, path })
