/**
 * TCP connections with pulled reads.
 *
 * @since 0.1.0
 */
import type { TcpAddress } from "@effect/platform/SocketServer"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { connect } from "./internal/connect.js"

/**
 * A TCP connection. Its reads are pulled: at most one socket high-water mark is kept for a holder that does not read,
 * besides the chunk that has just come; the peer is held back.
 *
 * @since 0.1.0
 * @category models
 */
export interface TcpConnection extends Connection {
  readonly localAddress: TcpAddress
  readonly remoteAddress: TcpAddress

  /**
   * The raw socket, for what this interface lacks. It is flowing, with listeners of this library attached: write to it
   * and ask it, but do not read from it, and do not keep it or your listeners beyond the lease. Throws
   * `ConnectionError` reason `Released` once the lease has ended.
   */
  readonly socket: net.Socket
}

/**
 * How to open a TCP connection. Wrong values are a defect that names the option, the value and the rule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The name or address to connect to. A name may have several addresses, of both families; they are tried in turn. */
  readonly host: string

  /** The port to connect to, from 1 to 65535. */
  readonly port: number

  /**
   * How long opening may take as a whole: resolving the name and trying all its addresses. Then it fails with
   * `ConnectError` reason `Timeout`. More than 0. Default: 5 seconds.
   */
  readonly connectTimeout?: Duration.DurationInput

  /**
   * How long one `send` or read that has to wait may take as a whole, however slowly bytes trickle in. Then it fails
   * with `ConnectionError` reason `Timeout`. More than 0. Default: none, as in gsocketpool.
   */
  readonly timeout?: Duration.DurationInput
}

/**
 * Opens a connection that closes with the scope. `TCP_NODELAY` and TCP keep-alive are on. It closes in order: what was
 * accepted is sent, and the peer's own end is waited for, for at most 1 second; then the socket is destroyed.
 *
 * Interrupting it gives the attempt up at once. Fails with `ConnectError`; its `attempts` say what became of each
 * address of a name that has several.
 *
 * To share connections, use a `TcpPool` rather than building a pool from this: it knows when a socket is clean.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { TcpConnection } from "@socketpool/node"
 *
 * const echo = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* TcpConnection.open({ host: "localhost", port: 2000, timeout: "3 seconds" })
 *   yield* connection.send("hello\n")
 *   return yield* connection.recvUntil("\n")
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<TcpConnection, ConnectError, Scope.Scope> => connect(options)
