/**
 * Connections to Unix sockets.
 *
 * @since 0.1.0
 */
import type { UnixAddress } from "@effect/platform/SocketServer"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { dial } from "./internal/dial.js"
import { UnixHandle } from "./internal/handles.js"
import { unixRoute } from "./internal/route.js"

/**
 * A connection to a Unix socket.
 *
 * @since 0.1.0
 * @category models
 */
export interface UnixConnection extends Connection {
  readonly localAddress: UnixAddress
  readonly remoteAddress: UnixAddress

  /** The raw socket; see `TcpConnection.socket`. */
  readonly socket: net.Socket
}

/**
 * How to open a connection to a Unix socket. Wrong values are a defect that names the option, the value and the rule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The path of the socket. One longer than the system allows (107 bytes on Linux, 103 elsewhere) fails with
   * `ConnectError` reason `PathTooLong`: the system would cut it and connect elsewhere.
   */
  readonly path: string

  /**
   * How long opening may take as a whole. Then it fails with `ConnectError` reason `Timeout`. More than 0. Default: 5
   * seconds. A server whose queue is full refuses at once; it is tried again, after 10 to 200 ms, for as long.
   */
  readonly connectTimeout?: Duration.DurationInput

  /** See `TcpConnection.Options`. */
  readonly timeout?: Duration.DurationInput

  /** See `TcpConnection.Options`. */
  readonly highWaterMark?: number

  /** See `TcpConnection.Options`. */
  readonly allowHalfOpen?: boolean
}

/**
 * Opens a connection that closes with the scope; otherwise as `TcpConnection.open`.
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
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<UnixConnection, ConnectError, Scope.Scope> =>
  Effect.suspend(() =>
    dial(unixRoute(options, "UnixConnection"), UnixHandle.of, (line) => Effect.sync(() => line.lend()))
  )
