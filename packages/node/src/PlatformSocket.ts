/**
 * Conversions between `Connection` and the `Socket` of `@effect/platform`, so that code written for one can use the
 * other.
 *
 * @since 3.0.0
 */
import * as Socket from "@effect/platform/Socket"
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
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { firstOf } from "./internal/effect.js"
import { PlatformTransport } from "./internal/platformTransport.js"
import { poolOf } from "./internal/socketPool.js"

// --- A connection as a socket ---------------------------------------------------------------------------------------

/**
 * Presents a connection as a `Socket` for as long as its lease lasts. Use it for `Socket.toChannel`, RPC clients and
 * other code that wants a `Socket`.
 *
 * - It runs only once, because it cannot connect again: a second `run` fails with `SocketGenericError` reason `Open`.
 * - `run` ends when the peer ends its stream. It fails with reason `Read` when the connection breaks or the lease ends.
 * - `run` waits for the effect that the handler returns before it reads more, which holds the peer back. An interrupt
 *   ends `run`; the connection stays open.
 * - A write never waits for ever: it fails with reason `Write` once nothing can be sent any more.
 * - A `CloseEvent` ends the sending half and `run`. A code above 1000 makes `run` fail with `SocketCloseError`.
 * - The end of the writer's scope does nothing, because the connection belongs to the borrower.
 *
 * @example
 * ```ts
 * import { Socket } from "@effect/platform"
 * import { Pool } from "@socketpool/core"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Stream } from "effect"
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
  let hasRun = false
  const closed = Deferred.unsafeMake<void, Socket.SocketError>(FiberId.none)

  const run: Socket.Socket["run"] = (handler, options) =>
    Effect.suspend(() => {
      if (hasRun) {
        const cause = new Error("the connection has run as a socket before; it cannot connect again")
        return Effect.fail(new Socket.SocketGenericError({ reason: "Open", cause }))
      }
      hasRun = true
      const receive = Effect.flatMap(connection.recv(65_536), (chunk) => {
        const handled = handler(chunk)
        return Effect.isEffect(handled) ? handled : Effect.void
      })
      const received = Effect.andThen(options?.onOpen ?? Effect.void, Effect.forever(receive)).pipe(
        Effect.catchIf(isConnectionError, (error) =>
          error.reason === "EndOfStream" ?
            Effect.void :
            Effect.fail(new Socket.SocketGenericError({ reason: "Read", cause: error })))
      )
      return firstOf(received, Deferred.await(closed))
    })

  const write = (chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
    Effect.mapError(
      Socket.isCloseEvent(chunk) ? Effect.ensuring(connection.shutdown, close(chunk)) : connection.send(chunk),
      (cause) => new Socket.SocketGenericError({ reason: "Write", cause })
    )

  const close = ({ code, reason }: Socket.CloseEvent): Effect.Effect<boolean> =>
    Deferred.done(
      closed,
      code > 1_000 ?
        Exit.fail(new Socket.SocketCloseError({ reason: "Close", code, closeReason: reason })) :
        Exit.void
    )

  return Socket.Socket.of({
    [Socket.TypeId]: Socket.TypeId,
    run,
    runRaw: run,
    writer: Effect.succeed(write)
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
  readonly connectTimeout?: Duration.DurationInput

  /** Limits each `send` and each read that has to wait. Default: none. See `TcpConnection.Options`. */
  readonly timeout?: Duration.DurationInput

  /**
   * Limits how many bytes may arrive before the holder reads them. A `Socket` cannot hold its peer back, so a
   * connection with more fails with `ConnectionError` reason `Reset` and code `ENOBUFS`. At least 1. Default:
   * 1,048,576, which bounds the memory of a connection to 1 MiB. Raise it if single messages are larger than that.
   */
  readonly maxUnread?: number
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
    timeout: rules.orElse(rules.duration("more than 0"), Infinity),
    maxUnread: rules.orElse(rules.count(1), 1_048_576)
  } satisfies Rows<Options>
)

const poolOptions = TransportPool.options.with({ ...connectionOptions.rules, socket: rules.effect })

/** A `Socket` may be a class, so it is known by what it can do. */
const socketRule = rules.having<Socket.Socket>("a Socket", "run")

const opener = (options: ReturnType<typeof connectionOptions.read>): Open => {
  const { address, connectTimeout, maxUnread, timeout } = options
  return (socket, finish) =>
    Effect.suspend(() => {
      const session: SocketSession = TransportSession.make({
        transport: new PlatformTransport(address, maxUnread),
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
    return Socket.isSocketError(cause) && (cause as Socket.SocketError).reason === "OpenTimeout"
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
 * - `shutdown` closes the socket, because a `Socket` cannot end one direction only.
 *
 * @example
 * ```ts
 * import { Socket } from "@effect/platform"
 * import { NodeSocket } from "@effect/platform-node"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const quote = Effect.scoped(Effect.gen(function*() {
 *   const socket = yield* Socket.makeWebSocket("ws://localhost:8080")
 *   const connection = yield* PlatformSocket.fromSocket(socket, { address: "ws://localhost:8080" })
 *   yield* connection.send("EURUSD\n")
 *   return yield* connection.recvUntil("\n")
 * })).pipe(Effect.provide(NodeSocket.layerWebSocketConstructor))
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
 * Use it to pool WebSockets and other transports of `@effect/platform`. For TCP, TLS and Unix sockets, prefer `TcpPool`
 * and its siblings, which can hold the peer back. It behaves, fails and reacts to an interrupt as `TcpPool.make` does.
 *
 * @example
 * ```ts
 * import { Socket } from "@effect/platform"
 * import { NodeSocket } from "@effect/platform-node"
 * import { PlatformSocket } from "@socketpool/node"
 * import { Effect } from "effect"
 *
 * const quotes = PlatformSocket.makePool({
 *   socket: Effect.provide(Socket.makeWebSocket("ws://localhost:8080"), NodeSocket.layerWebSocketConstructor),
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
