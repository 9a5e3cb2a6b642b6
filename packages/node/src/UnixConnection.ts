/**
 * Connections to Unix sockets.
 *
 * @since 3.0.0
 */
import type { Connection, UnixAddress } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { dial } from "./internal/dial.js"
import { UnixHandle } from "./internal/handles.js"
import { unixConnection } from "./internal/options.js"
import { unixRoute } from "./internal/route.js"

/**
 * A connection to a Unix socket.
 *
 * @since 3.0.0
 * @category models
 */
export interface UnixConnection extends Connection {
  /** The address of this end, which has no path. */
  readonly localAddress: UnixAddress

  /** The path of the socket. */
  readonly remoteAddress: UnixAddress

  /** The raw socket; see `TcpConnection.socket`. */
  readonly socket: net.Socket
}

/**
 * The options of a connection to a Unix socket. An invalid value is a defect (`RangeError`) that names the option, the
 * value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Names the socket's file, without control characters. Required. A path that begins with NUL is an abstract name of
   * Linux, which errors show with `@`. The system would cut a path longer than it allows (107 bytes on Linux, 103
   * elsewhere) and connect somewhere else, so such an open fails with `ConnectError` reason `PathTooLong`.
   */
  readonly path: string

  /**
   * Limits the whole open. A longer open fails with `ConnectError` reason `Timeout`. Must be more than 0. Default: 5
   * seconds, half of a pool's `acquireTimeout`, so that a borrower can outlive one failed open.
   *
   * A server whose queue is full refuses at once. The open then tries again every 10 to 200 ms until this limit.
   */
  readonly connectTimeout?: Duration.DurationInput

  /** Limits each `send` and each read that has to wait. Default: none. See `TcpConnection.Options`. */
  readonly timeout?: Duration.DurationInput

  /**
   * Sets how many bytes each direction may buffer. At least 1. Default: Node's, 65,536 bytes, or 16,384 in Node 20. See
   * `TcpConnection.Options`.
   */
  readonly highWaterMark?: number

  /**
   * Lets the holder keep sending after the peer has ended its stream. Default: `false`. See `TcpConnection.Options`.
   */
  readonly allowHalfOpen?: boolean
}

/**
 * Opens a connection to a Unix socket that closes with the scope.
 *
 * Use it for one connection of your own; to share connections, use `UnixPool`. It closes, and reacts to an interrupt,
 * as `TcpConnection.open` does. Fails with `ConnectError`: reason `Refused` if nobody listens or the file does not
 * exist, `Unreachable` if permission is missing, `PathTooLong`, or `Timeout`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { UnixConnection } from "@socketpool/node"
 *
 * const ping = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* UnixConnection.open({ path: "/run/redis/redis.sock" })
 *   yield* connection.send("PING\r\n")
 *   return yield* connection.recvUntil("\r\n")
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<UnixConnection, ConnectError, Scope.Scope> =>
  Effect.suspend(() =>
    dial(
      unixRoute(unixConnection.read("UnixConnection", options)),
      UnixHandle.of,
      (session) => Effect.sync(() => session.lend())
    )
  )

/**
 * The checks of `Options`, for a constructor of your own that takes them among its options. Their results are in the
 * form that sockets need; give `open` the options as they came.
 *
 * @example
 * ```ts
 * import { Checks } from "@socketpool/core"
 * import { UnixConnection } from "@socketpool/node"
 *
 * const options = UnixConnection.options.with({ prefix: Checks.rules.name })
 *
 * const { prefix } = options.read("Metrics.make", { path: "/run/app.sock", prefix: "app" })
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const options = unixConnection
