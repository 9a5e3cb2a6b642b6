/**
 * TCP connections with pulled reads.
 *
 * @since 0.1.0
 */
import type { TcpAddress } from "@effect/platform/SocketServer"
import type { Connection } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { dial } from "./internal/dial.js"
import { TcpHandle } from "./internal/handles.js"
import { tcpRoute } from "./internal/route.js"

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
   * The raw socket, for what this interface lacks. What it reads comes to this library alone, without `data` events:
   * write to it and ask it, but do not read from it, and do not keep it or your listeners beyond the lease. Throws
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

  /**
   * Resolves the name instead of the system: gives the addresses to try, of either family, the preferred one first. It
   * is asked for every connection, within `connectTimeout`, and not at all if `host` is an address. If it fails, or
   * gives no address, opening fails with `ConnectError` reason `Dns`. Default: the system's resolver, of which Node
   * asks only for a few names at once: while it is silent, names that are asked for later wait, also after
   * `connectTimeout`.
   */
  readonly lookup?: (host: string) => Effect.Effect<ReadonlyArray<string>, unknown>

  /**
   * How long one of several addresses is tried before the next one is (RFC 8305's Connection Attempt Delay, as Node
   * does it). At least 10 ms, which is Node's rule. Default: Node's, 250 ms.
   */
  readonly attemptTimeout?: Duration.DurationInput

  /** The address of this machine to connect from. Default: the system chooses. */
  readonly localAddress?: string

  /**
   * Whether the system asks, while nothing is sent, if the peer is still there: so a connection over which nothing
   * comes any more is noticed while it is idle, and a firewall does not forget one that is good. A duration says after
   * how much silence: whole seconds, at most 32,767, as systems count them. Then Node has it asked ten times, one second
   * apart. Default: `true`, which is after 60 seconds.
   */
  readonly keepAlive?: boolean | Duration.DurationInput

  /** Whether small writes go out at once (`TCP_NODELAY`). Default: `true`. */
  readonly noDelay?: boolean

  /**
   * How many bytes the socket keeps before it holds the peer back, or a `send` waits: for each direction. At least 1.
   * Default: Node's, 65,536, or 16,384 in Node 20.
   */
  readonly highWaterMark?: number

  /**
   * Whether the holder may go on sending after the peer has ended its stream. Such a connection does not go back to a
   * pool. Default: `false`, so that the peer's end is the connection's.
   */
  readonly allowHalfOpen?: boolean
}

/**
 * Opens a connection that closes with the scope. It closes in order: what was
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
export const open = (options: Options): Effect.Effect<TcpConnection, ConnectError, Scope.Scope> =>
  Effect.suspend(() => dial(tcpRoute(options, "TcpConnection"), TcpHandle.of, (line) => Effect.sync(() => line.lend())))
