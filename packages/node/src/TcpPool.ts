/**
 * Pools of TCP connections.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { addressOf, check, connect } from "./internal/connect.js"
import type { Handle, Line } from "./internal/handle.js"
import type * as TcpConnection from "./TcpConnection.js"

/**
 * The options of a connection and of a pool in one. What a socket knows better itself (`open`, `isConnected`, `closed`,
 * `lease`) is not asked for, and a raw connection has one holder at a time; `name` is `tcp://host:port` unless given.
 *
 * `validate` may write and read as a holder would; a connection is closed, too, if it leaves unread input behind.
 *
 * `onRelease` is asked only about a connection that is open and has no unread input, and decides then; its connection
 * is valid until it has answered. Without it, a connection goes back only if its lease ended in success: after any
 * other end an answer may still be on its way. Output not sent yet is sent first, for at most `closeTimeout`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends
  TcpConnection.Options,
  Omit<
    Pool.Options<TcpConnection.TcpConnection, ConnectError>,
    "open" | "isConnected" | "closed" | "lease" | "concurrency" | "connectTimeout"
  >
{}

const keep = Effect.succeed("keep" as const)
const discard = Effect.succeed("discard" as const)

/** Whether a connection whose lease has ended goes back, and makes it ready for that. */
const settle = (line: Line): Effect.Effect<"keep" | "discard"> => {
  line.park()
  if (!line.pulled.isClean) return spoil(line)
  return line.pulled.unsent ? Effect.as(line.sent, "keep" as const) : keep
}

/** What is still to be sent on it is not to be waited for. */
const spoil = (line: Line): Effect.Effect<"discard"> => {
  line.takeBack()
  line.pulled.spoil()
  return discard
}

const releaser = (onRelease: Options["onRelease"]): NonNullable<Pool.Options<Handle>["onRelease"]> =>
  onRelease === undefined ?
    ({ line }, exit) => Exit.isSuccess(exit) ? settle(line) : spoil(line) :
    ({ line }, exit) => {
      line.takeBack()
      if (!line.pulled.isClean) return spoil(line)
      const connection = line.lend()
      return Effect.flatMap(onRelease(connection, exit), (answer) => answer === "keep" ? settle(line) : spoil(line))
    }

/** Asks as a holder of its own. */
const validator =
  (validate: NonNullable<Options["validate"]>): NonNullable<Pool.Options<Handle>["validate"]> => ({ line }) =>
    Effect.suspend(() => {
      const connection = line.lend()
      return validate(connection).pipe(
        Effect.ensuring(Effect.sync(() => line.takeBack())),
        Effect.map((works) => {
          const clean = line.pulled.isClean
          line.park()
          return works && clean
        })
      )
    })

/**
 * Makes a pool of TCP connections that closes with the scope. Opens nothing before it is asked to, unless
 * `minConnections` or `initialConnections` say so.
 *
 * A connection that dies while it is idle, or on which bytes arrive while it is idle, is closed at once. A leased
 * connection is worthless to its holder once the lease has ended: `ConnectionError` reason `Released`.
 *
 * It suits protocols in which the client speaks first: a greeting that arrives on an idle connection closes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { host, port } = check(options)
    return Pool.make<Handle, ConnectError>({
      ...options,
      name: options.name ?? `tcp://${addressOf(host, port)}`,
      open: Effect.tap(connect(options), ({ line }) => line.park()),
      // Opening a socket has its own deadline, and an error of its own for it.
      connectTimeout: Duration.infinity,
      isConnected: ({ line }) => line.pulled.isOpen,
      closed: ({ line }) => line.failed,
      lease: ({ line }) => line.lend(),
      ...(options.validate === undefined ? {} : { validate: validator(options.validate) }),
      onRelease: releaser(options.onRelease)
    })
    // Borrowers see the interface; whatever they give back is looked up by identity.
  }) as Effect.Effect<any, never, Scope.Scope>

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
export const layer = (options: Options): Layer.Layer<Pool> =>
  Layer.scoped(Pool, make(options) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>)

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
