/**
 * TCP connections with pulled reads.
 *
 * @since 3.0.0
 */
import type { Connection, TcpAddress } from "@socketpool/core/Connection"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { dial } from "./internal/dial.js"
import { TcpHandle } from "./internal/handles.js"
import { tcpConnection } from "./internal/options.js"
import { tcpRoute } from "./internal/route.js"

/**
 * A TCP connection whose reads are pulled: a holder that does not read holds the peer back. At most one socket
 * high-water mark waits for that holder, plus the chunk that has just arrived.
 *
 * @since 3.0.0
 * @category models
 */
export interface TcpConnection extends Connection {
  /** The address and port of this end. */
  readonly localAddress: TcpAddress

  /** The address and port of the peer: of several addresses, the one that accepted. */
  readonly remoteAddress: TcpAddress

  /**
   * The raw socket, for anything this interface lacks. Write to it and query it, but do not read from it: its bytes go
   * to this library only, without `data` events. Do not keep the socket, or listeners on it, beyond the lease. Throws
   * `ConnectionError` reason `Released` once the lease has ended.
   */
  readonly socket: net.Socket
}

/**
 * The options of a TCP connection. An invalid value is a defect (`RangeError`) that names the option, the value and the
 * rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<R = never> {
  /**
   * Names the server: a host name or an IP address, which may stand in brackets. Required. No spaces, control
   * characters, `@`, `/` or port. A name of other letters is used in its encoded form (IDNA). A host name may resolve to several addresses of both
   * families; they are tried in turn.
   */
  readonly host: string

  /** Sets the port to connect to, from 1 to 65535. Required. */
  readonly port: number

  /**
   * Limits the whole open: resolving the name and trying every address. A longer open fails with `ConnectError` reason
   * `Timeout`. Must be more than 0.
   *
   * Default: 5 seconds, half of a pool's `acquireTimeout`, so that a borrower can outlive one failed open. The limit
   * also covers `startTls`, the TLS handshake and a pool's `handshake`: raise it if they need several slow round trips.
   * In a pool, keep it below `acquireTimeout`.
   */
  readonly connectTimeout?: Duration.DurationInput

  /**
   * Limits each `send` and each read that has to wait, from beginning to end, however slowly bytes trickle in. A longer
   * one fails with `ConnectionError` reason `Timeout`. Must be more than 0.
   *
   * Default: none, as in gsocketpool, because a subscription may wait for hours. Set it for request and response:
   * without it a server that goes silent holds its caller for ever. One call can override it with its own `timeout`.
   */
  readonly timeout?: Duration.DurationInput

  /**
   * Replaces the system's resolver. Returns the addresses to try, of either family, the preferred one first. It runs
   * for every connection, within `connectTimeout`, but not if `host` is an IP address. If it fails or returns no
   * address, the open fails with `ConnectError` reason `Dns`; with reason `LocalResources` if the failure's `code` says
   * that descriptors or memory ran out.
   *
   * Default: the system's resolver. Node asks it for only a few names at once. While it does not answer, later lookups
   * queue behind earlier ones, even after `connectTimeout` has ended the opens that asked. Set this option to cache
   * names, to use service discovery, or to be independent of that queue.
   */
  readonly lookup?: (host: string) => Effect.Effect<ReadonlyArray<string>, unknown, R>

  /**
   * Limits the attempt on one of several addresses; then the next address is tried. This is RFC 8305's Connection
   * Attempt Delay, as Node implements it. It does not limit the last or only address; `connectTimeout` does. At least
   * 10 ms, which is Node's rule. Default: Node's, 250 ms. Raise it if a connect to a good server takes longer than
   * that.
   */
  readonly attemptTimeout?: Duration.DurationInput

  /**
   * Sets the IP address of this machine to connect from. Default: the system chooses. Set it on a machine with several
   * addresses if the server or a firewall accepts only one of them. If the machine does not have the address, the open
   * fails with `ConnectError` reason `LocalResources`.
   *
   * Only addresses of the same family are tried. If the name has none, the open fails with reason `Dns`; if `host` is
   * itself an address of the other family, with reason `Unreachable`. An IPv4 address in IPv6 form
   * (`::ffff:192.0.2.1`) counts as the IPv4 address.
   */
  readonly localAddress?: string

  /**
   * Makes the system probe the peer while nothing is sent (TCP keep-alive). This finds an idle connection whose peer is
   * gone, and keeps a firewall from forgetting a good one. A duration sets the silence before the first probe: whole
   * seconds, at most 32,767, because systems count in seconds. Node then sends ten probes, one second apart.
   *
   * Default: `true`, which is 60 seconds: middleboxes forget a flow after four minutes or more, and the system's own
   * default is two hours on Linux. Lower it to find dead peers sooner. `false` leaves that to `validate` and `timeout`.
   */
  readonly keepAlive?: boolean | Duration.DurationInput

  /**
   * Sends small writes at once (`TCP_NODELAY`). Default: `true`, because a delayed request delays its answer. `false`
   * only pays for one-way streams of many small writes.
   */
  readonly noDelay?: boolean

  /**
   * Sets how many bytes each direction may buffer before the socket holds the peer back, or a `send` waits. At least 1.
   * Default: Node's, 65,536 bytes, or 16,384 in Node 20. Raise it for bulk transfers; lower it to bound the memory of
   * many connections.
   */
  readonly highWaterMark?: number

  /**
   * Lets the holder keep sending after the peer has ended its stream. A pool does not take such a connection back.
   * Default: `false`, so that the peer's end ends the connection. Set it for a peer that ends its stream before it has
   * read everything.
   */
  readonly allowHalfOpen?: boolean
}

/**
 * Opens a TCP connection that closes with the scope.
 *
 * Use it for one connection of your own, such as a subscription. To share connections, use `TcpPool` instead of a pool
 * built from this effect: `TcpPool` knows when a socket is clean.
 *
 * - Fails with `ConnectError`. If the name has several addresses, `attempts` lists what happened to each.
 * - An interrupt aborts the attempt at once.
 * - The close is orderly: it sends the data already accepted and waits at most 1 second for the peer's end. Then it
 *   destroys the socket.
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
 * @since 3.0.0
 * @category constructors
 */
export const open = <R = never>(options: Options<R>): Effect.Effect<TcpConnection, ConnectError, R | Scope.Scope> =>
  Effect.suspend(() =>
    dial(
      tcpRoute(tcpConnection.read("TcpConnection", options)),
      TcpHandle.of,
      (session) => Effect.sync(() => session.lend()),
      // It may be upgraded to TLS.
      "Deno" in globalThis ? "Stream" : "Direct"
    )
  )

/**
 * The checks of `Options`, for a constructor of your own that takes them among its options. Their results are in the
 * form that sockets need; give `open` the options as they came.
 *
 * @example
 * ```ts
 * import { Checks } from "@socketpool/core"
 * import { TcpConnection } from "@socketpool/node"
 *
 * const options = TcpConnection.options.with({ prefix: Checks.rules.name })
 *
 * const { prefix } = options.read("Metrics.make", { host: "localhost", port: 8_125, prefix: "app" })
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const options = tcpConnection
