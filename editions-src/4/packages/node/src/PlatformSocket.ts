/**
 * Conversions between `Connection` and Effect's `Socket`, so that code written for one can use the
 * other.
 *
 * @since 3.0.0
 */
import { argument, type Rows, rules, Table } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import { ConnectError, type ConnectionError, isConnectionError } from "@socketpool/core/ConnectionError"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { firstOf } from "./internal/effect.js"
import { PlatformTransport } from "./internal/platformTransport.js"
import { poolOf } from "./internal/socketPool.js"

// --- A connection as a socket ---------------------------------------------------------------------------------------

/**
 * Presents a connection as a `Socket` for as long as its lease lasts. Use it for `Socket.toChannel`, RPC clients and
 * other code that wants a `Socket`.
 *
 * - It is read only once, because it cannot connect again: a second `reader` fails with `SocketOpenError`.
 * - A pull fails with `SocketCloseError` 1000 when the peer ends its stream, or the reader's scope closes. It fails with
 *   `SocketReadError` when the connection breaks or the lease ends.
 * - Nothing is read between two pulls, which holds the peer back. An interrupt of a pull loses no bytes; the connection
 *   stays open.
 * - A write never waits for ever: it fails with `SocketWriteError` once nothing can be sent any more.
 * - A `CloseEvent` ends the sending half, and the pulls with `SocketCloseError` of its code.
 * - The end of the writer's scope does nothing, because the connection belongs to the borrower.
 * - `upgrade` fails with `SocketUpgradeError`: open the connection with TLS.
 *
 * @example
 * ```ts
 * import { Pool } from "@socketpool/core"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Channel, Stream } from "effect"
 * import { Socket } from "effect/socket"
 *
 * const answer = Pool.use((connection) =>
 *   Stream.make("PING\r\n").pipe(
 *     Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
 *     Stream.runHead
 *   )
 * )
 * ```
 *
 * @since 3.0.0
 * @category conversions
 */
export const toSocket = (connection: Connection): Socket.Socket => {
  argument(
    "PlatformSocket.toSocket",
    "connection",
    rules.having<Connection>("a Connection", "recv", "send"),
    connection
  )
  let isTaken = false
  const closed = Deferred.makeUnsafe<never, Socket.SocketError>()
  const close = (code: number, closeReason?: string) =>
    Deferred.fail(closed, new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason }) }))

  const receive = Effect.mapBoth(connection.recv(65_536), {
    onSuccess: (chunk) => [chunk] as const,
    onFailure: (cause) =>
      new Socket.SocketError({
        reason: isConnectionError(cause) && cause.reason === "EndOfStream"
          ? new Socket.SocketCloseError({ code: 1_000 })
          : new Socket.SocketReadError({ cause })
      })
  })

  const reader: Socket.Socket["reader"] = Effect.suspend(() => {
    if (isTaken) {
      const cause = new Error("the connection has been read as a socket before; it cannot connect again")
      return Effect.fail(new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) }))
    }
    isTaken = true
    return Effect.as(
      Effect.addFinalizer(() => close(1_000)),
      {
        // A closed socket stays closed, whatever has arrived meanwhile.
        pull: firstOf(Deferred.await(closed), receive),
        upgrade: Socket.SocketUpgradeError.unsupported
      }
    )
  })

  const write = (chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
    Effect.mapError(
      Socket.isCloseEvent(chunk)
        ? Effect.ensuring(connection.shutdown, close(chunk.code, chunk.reason))
        : connection.send(chunk),
      (cause) => new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })
    )

  return Socket.make({
    reader,
    writer: Effect.succeed({ write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) })
  })
}

// --- A socket as a connection ---------------------------------------------------------------------------------------

const defaultAddress = "socket"

/**
 * The options of a connection over a `Socket`. An invalid value is a defect (`RangeError`) that names the option, the
 * value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Names the peer in errors. In a pool it is also the default `name`, and spans carry it as `server.address`. Default:
   * `socket`, because a `Socket` does not say where it leads. Set it to the URL without secrets.
   */
  readonly address?: string

  /**
   * Limits the open, from making the socket until it runs. A longer open fails with `ConnectError` reason `Timeout`.
   * Must be more than 0. Default: 5 seconds, half of a pool's `acquireTimeout`, so that a borrower can outlive one
   * failed open. In a pool it also covers the `handshake`.
   */
  readonly connectTimeout?: Duration.Input

  /** Limits each `send` and each read that has to wait. Default: none. See `TcpConnection.Options`. */
  readonly timeout?: Duration.Input
}

type SocketSession = TransportSession.TransportSession<
  PlatformTransport,
  TransportSession.TransportConnection<PlatformTransport>
>

type Open = <E, R>(
  socket: Effect.Effect<Socket.Socket>,
  finish: (session: SocketSession) => Effect.Effect<SocketSession, E, R>
) => Effect.Effect<SocketSession, ConnectError | E, R | Scope.Scope>

const connectionOptions = new Table(
  {
    address: rules.orElse(rules.name, defaultAddress),
    connectTimeout: rules.orElse(rules.duration("more than 0"), "5 seconds"),
    timeout: rules.orElse(rules.duration("more than 0"), Infinity)
  } satisfies Rows<Options>
)

const poolOptions = TransportPool.options.with({ ...connectionOptions.rules, socket: rules.effect })

const socketRule = rules.that<Socket.Socket>(Socket.isSocket, "a Socket")

const opener = (options: ReturnType<typeof connectionOptions.read>): Open => {
  const { address, connectTimeout, timeout } = options
  return (socket, finish) =>
    Effect.suspend(() => {
      const session: SocketSession = TransportSession.make({
        transport: new PlatformTransport(address),
        timeout
      })
      const opening = Effect.flatMap(socket, (socket) => run(session, socket))
      return TransportPool.openInTime({ address, connectTimeout }, opening, finish)
    })
}

/** Runs the socket in a fiber of the scope, and waits until it is open. */
const run = (
  session: SocketSession,
  socket: Socket.Socket
): Effect.Effect<SocketSession, ConnectError, Scope.Scope> =>
  Effect.gen(function*() {
    const { address } = session.transport
    const opened = yield* Deferred.make<void, ConnectError>()
    const running = Effect.onExit(
      session.transport.run(socket, Effect.asVoid(Deferred.succeed(opened, undefined))),
      (exit) => Deferred.fail(opened, openError(address, exit))
    )
    yield* Effect.uninterruptible(
      Effect.andThen(Effect.forkScoped(Effect.interruptible(running)), Effect.addFinalizer(() => session.close))
    )
    yield* Deferred.await(opened)
    return session
  })

const openError = (address: string, exit: Exit.Exit<void, Socket.SocketError>): ConnectError => {
  const cause = Exit.isFailure(exit) ? Cause.squash(exit.cause) : new Error("it closed before it was open")
  return new ConnectError({ reason: isOpenTimeout(cause) ? "Timeout" : "Other", address, attempts: [], cause })
}

/** A socket may die of anything, such as a proxy that throws. */
const isOpenTimeout = (cause: unknown): boolean => {
  try {
    if (!Socket.isSocketError(cause)) return false
    const { reason } = cause as Socket.SocketError
    return reason._tag === "SocketOpenError" && reason.kind === "Timeout"
  } catch {
    return false
  }
}

/**
 * Opens a connection over a `Socket`, such as a WebSocket. It closes with the scope.
 *
 * Use it for one connection of your own; to share connections, use `makePool`. Bytes go out as binary messages, text as
 * text messages. Input is a stream of bytes without message boundaries: use a `Framing` to find the frames.
 *
 * - Fails with `ConnectError`, whose `cause` is the socket's own error.
 * - An interrupt stops the socket.
 * - While nobody reads, the socket holds its peer back. Node's own WebSocket cannot: it keeps all that comes. Take
 *   `NodeWS.layerWebSocketConstructor`, whose WebSocket can.
 * - `shutdown` closes the socket, because a `Socket` cannot end one direction only.
 *
 * @example
 * ```ts
 * import { NodeWS } from "@effect/platform-node"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Effect } from "effect"
 * import { Socket } from "effect/socket"
 *
 * const quote = Effect.scoped(Effect.gen(function*() {
 *   const socket = yield* Socket.makeWebSocket("ws://localhost:8080")
 *   const connection = yield* PlatformSocket.fromSocket(socket, { address: "ws://localhost:8080" })
 *   yield* connection.send("EURUSD\n")
 *   return yield* connection.recvUntil("\n")
 * })).pipe(Effect.provide(NodeWS.layerWebSocketConstructor))
 * ```
 *
 * @since 3.0.0
 * @category conversions
 */
export const fromSocket = (
  socket: Socket.Socket,
  options: Options = {}
): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
  Effect.suspend(() => {
    argument("PlatformSocket.fromSocket", "socket", socketRule, socket)
    const open = opener(connectionOptions.read("PlatformSocket.fromSocket", options))
    return Effect.map(open(Effect.succeed(socket), Effect.succeed), (session) => session.lend())
  })

/**
 * Makes a pool of connections over sockets. It runs `socket` once for each connection. The pool closes with the scope.
 *
 * Use it to pool WebSockets and other transports of Effect. For TCP, TLS and Unix sockets, prefer `TcpPool`
 * and its siblings. It behaves, fails and reacts to an interrupt as `TcpPool.make` does.
 *
 * @example
 * ```ts
 * import { NodeWS } from "@effect/platform-node"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Effect } from "effect"
 * import { Socket } from "effect/socket"
 *
 * const quotes = PlatformSocket.makePool({
 *   socket: Effect.provide(Socket.makeWebSocket("ws://localhost:8080"), NodeWS.layerWebSocketConstructor),
 *   maxConnections: 4
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const makePool = <
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never,
  RSocket = never
>(
  options:
    & Options
    & TransportPool.Options<Connection, E, R, RValidate, RRelease, RFarewell>
    & { readonly socket: Effect.Effect<Socket.Socket, never, RSocket> }
): Effect.Effect<
  ConnectionPool<Connection, ConnectError | TransportPool.HandshakeFailure<E>>,
  never,
  R | RValidate | RRelease | RFarewell | RSocket | Scope.Scope
> =>
  Effect.suspend((): Effect.Effect<ConnectionPool<Connection, any>, never, any> => {
    const checked = poolOptions.read("PlatformSocket.makePool", options)
    const open = opener(connectionOptions.pick(checked))
    return poolOf<Connection, TransportSession.TransportConnection<PlatformTransport>>(
      checked,
      {
        name: checked.address,
        address: checked.address,
        attributes: checked.address === defaultAddress ? {} : { "server.address": checked.address }
      },
      (finish) => open(checked.socket as Effect.Effect<Socket.Socket>, finish),
      false
    )
  })
