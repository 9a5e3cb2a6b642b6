/**
 * Pools of connections over transports. Every pool of sockets is one.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { callback, duration, effect, optional, text } from "./checks/rules.js"
import { argument, type Rows, Table } from "./checks/table.js"
import { ConnectError, ConnectionError, isConnectError, isConnectionError } from "./ConnectionError.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import { bind, takeContext } from "./internal/host.js"
import { hasServed, type Internal, isBound, poolOptions } from "./internal/options.js"
import { internalOf, sessionOf } from "./internal/transport/access.js"
import type { Session } from "./internal/transport/session.js"
import { Pool } from "./Pool.js"
import type { PoolOptions } from "./PoolOptions.js"
import type { TransportConnection, TransportSession } from "./TransportSession.js"

/**
 * The options of every pool of sockets. `C` is the type of connection that a borrower gets.
 *
 * A raw connection has one holder at a time, so there is no `concurrency`.
 *
 * `validate` may write and read as a holder does. The connection closes also if it leaves unread input behind.
 *
 * `onRelease` is asked only about a connection that is open and has no unread input. The connection it gets is valid
 * until it has answered. Output not sent yet is sent first, for at most `closeTimeout`.
 *
 * Without `onRelease`, a connection returns to the pool only if its lease ended in success and has read something after
 * it last sent. Otherwise an answer may be on its way, and the next borrower would get it. A protocol whose client does
 * not read, such as one that ships logs, needs `onRelease: () => Effect.succeed("keep")`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<C> extends
  Omit<
    PoolOptions<C, ConnectError, never>,
    "open" | "isConnected" | "closed" | "lease" | "concurrency" | "connectTimeout"
  >
{
  /**
   * Makes a newly opened connection ready: reads a greeting, logs in, selects a database. It may write and read as a
   * holder does. It is part of the open: it runs within `connectTimeout`, in a fiber of the pool.
   *
   * If it fails, or leaves unread input behind, the connection closes and the open fails with `ConnectError` reason
   * `Other`, with the failure as its `cause`; if it takes too long, with reason `HandshakeTimeout`. A server that
   * speaks first needs one, because input on an idle connection closes it. Default: none.
   */
  readonly handshake?: (connection: C) => Effect.Effect<unknown, unknown>
}

/**
 * Opens something and makes it ready, all within `connectTimeout`. Fails with `ConnectError` reason `Timeout`, or
 * `HandshakeTimeout` if it was open and not ready yet. Use it in the `open` of a transport of your own.
 *
 * @example
 * ```ts
 * import { type ConnectError, type Transport, TransportPool, TransportSession } from "@socketpool/core"
 * import { Effect, type Scope } from "effect"
 *
 * declare const dial: () => Effect.Effect<Transport.Transport, ConnectError, Scope.Scope>
 *
 * const session = Effect.flatMap(Effect.suspend(() => dial()), (transport) =>
 *   Effect.acquireRelease(
 *     Effect.sync(() => TransportSession.make({ transport })),
 *     (session) => session.close
 *   ))
 *
 * const pool = TransportPool.make<TransportSession.TransportConnection>({
 *   open: (finish) => TransportPool.openInTime({ address: "db:5432", connectTimeout: "5 seconds" }, session, finish)
 * })
 * ```
 *
 * @since 0.1.0
 * @category advanced
 */
export const openInTime = <L, A, R, R2>(
  options: {
    /** The peer in the text of errors. */
    readonly address: string
    /** More than 0. */
    readonly connectTimeout: Duration.DurationInput
    /**
     * Completes when everything that has arrived by now has been seen. After a stall, timers fire before that.
     * Default: at once.
     */
    readonly catchUp?: Effect.Effect<void>
  },
  open: Effect.Effect<L, ConnectError, R>,
  finish: (opened: L) => Effect.Effect<A, ConnectError, R2>
): Effect.Effect<A, ConnectError, R | R2> =>
  Effect.suspend(() => {
    const { address, catchUp = Effect.void, connectTimeout } = opening.read("TransportPool.openInTime", options)
    let reason: ConnectError["reason"] = "Timeout"
    const opened = Effect.flatMap(open, (opened) => {
      reason = "HandshakeTimeout"
      return finish(opened)
    })
    const tooLate = Effect.suspend(() => new ConnectError({ reason, address, attempts: [] }))
    const deadline = Effect.sleep(connectTimeout).pipe(Effect.andThen(catchUp), Effect.andThen(tooLate))
    return Effect.raceFirst(opened, deadline)
  })

const opening = new Table({ address: text, connectTimeout: duration("more than 0"), catchUp: optional(effect) })

/**
 * Runs a handshake on a newly opened session and checks that it left nothing behind. `make` does so by itself; use it
 * for a first handshake before the transport changes, such as `STARTTLS`.
 *
 * @example
 * ```ts
 * import { TransportPool, type TransportSession } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const startTls = (session: TransportSession.TransportSession) =>
 *   TransportPool.handshake(session, (connection) =>
 *     Effect.andThen(connection.send("STARTTLS\r\n"), connection.recvUntil("\r\n")))
 * ```
 *
 * @since 0.1.0
 * @category advanced
 */
export const handshake = <C>(
  session: TransportSession<any, C>,
  handshake: (connection: C) => Effect.Effect<unknown, unknown>
): Effect.Effect<void, ConnectError> => {
  const shaken = internalOf<any, C>(session)
  return Effect.suspend(() => {
    argument("TransportPool.handshake", "handshake", callback, handshake)
    shaken.isShared = true
    return handshake(shaken.lend())
  }).pipe(
    Effect.mapError((error) => handshakeError(shaken, error)),
    Effect.andThen(Effect.suspend(() => {
      const { unread } = shaken.reads
      shaken.revoke()
      return shaken.isClean ? Effect.void : Effect.fail(handshakeError(shaken, leftBehind(shaken, unread)))
    }))
  )
}

const handshakeError = (session: Session<any, any>, cause: unknown): ConnectError => {
  if (isConnectError(cause)) return cause
  const timedOut = isConnectionError(cause) && cause.reason === "Timeout"
  return new ConnectError({
    reason: timedOut ? "HandshakeTimeout" : "Other",
    address: session.transport.address,
    attempts: [],
    cause
  })
}

/** The reason why a session is not clean after the handshake. */
const leftBehind = (session: Session<any, any>, unread: number): ConnectionError =>
  new ConnectionError({
    ...(session.end ?? { reason: "Desync" }),
    operation: "read",
    address: session.transport.address,
    ...(unread > 0 ? { bytesIntoFrame: unread } : {})
  })

/**
 * Makes a pool of sessions that closes with the scope. It opens nothing until it is asked to, unless `minConnections`
 * or `initialConnections` say so.
 *
 * An idle connection closes at once if its peer ends it (`Disconnected`), or if bytes arrive on it (`Desync`). A leased
 * connection is worthless to its holder once the lease has ended: `ConnectionError` reason `Released`.
 *
 * `open` gives a session that closes with its scope, and has its own deadline. Within that deadline it passes the
 * session to `finish`, which runs the `handshake`.
 *
 * @example
 * ```ts
 * import { type Transport, TransportPool, TransportSession } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * declare const connect: () => Transport.Transport
 *
 * const pool = TransportPool.make<TransportSession.TransportConnection>({
 *   maxConnections: 10,
 *   open: (finish) =>
 *     Effect.flatMap(
 *       Effect.acquireRelease(
 *         Effect.sync(() => TransportSession.make({ transport: connect() })),
 *         (session) => session.close
 *       ),
 *       finish
 *     )
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <C extends TransportConnection<any>>(
  options: Options<C> & {
    readonly open: (
      finish: (session: TransportSession<any, C>) => Effect.Effect<TransportSession<any, C>, ConnectError>
    ) => Effect.Effect<TransportSession<any, C>, ConnectError, Scope.Scope>
  }
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { handshake: shake, open, ...pool } = ownOptions.read("TransportPool.make", options)
    const context = takeContext()
    const ready: ReturnType<typeof options.open> = open((session: TransportSession<any, C>) =>
      shake === undefined ? Effect.succeed(session) : Effect.as(handshake(session, shake), session)
    )
    const checked: PoolOptions<C, ConnectError, Scope.Scope> & Internal<C> = {
      ...pool as Omit<PoolOptions<C, ConnectError, never>, "open">,
      open: Effect.map(ready, (opened) => {
        const session = internalOf<any, C>(opened)
        const connection = session.lend()
        session.setIdle()
        session.hasRead = false
        return connection
      }),
      [hasServed]: (connection) => sessionOf(connection).hasRead,
      [isBound]: true,
      // Opening has its own deadline, and an error of its own for it.
      connectTimeout: Duration.infinity,
      isConnected: (connection) => sessionOf(connection).isOpen,
      closed: (connection) =>
        Effect.map(
          sessionOf(connection).failed,
          ({ reason }) => reason === "Desync" ? "Desync" : "Disconnected"
        ),
      lease: (connection) => sessionOf(connection).lend(),
      ...(pool.validate === undefined ? {} : { validate: validator(pool.validate) }),
      ...(pool.isExpired === undefined ? {} : { isExpired: bind(context, pool.isExpired) }),
      onRelease: releaser(pool.onRelease && bind(context, pool.onRelease))
    }
    return Pool.make(checked)
  })

/**
 * The checks of the options of every pool of sockets, for a pool over a transport of your own: add the rules of its
 * options with `with`, and read all of them at once.
 *
 * @example
 * ```ts
 * import { Checks, TransportPool } from "@socketpool/core"
 *
 * const serialOptions = TransportPool.options.with({ device: Checks.rules.name })
 *
 * const { device, maxConnections } = serialOptions.read("SerialPool.make", { device: "/dev/ttyS0", maxConnections: 1 })
 * ```
 *
 * @since 0.2.0
 * @category advanced
 */
export const options = poolOptions
  .without("open", "isConnected", "closed", "lease", "concurrency", "connectTimeout")
  .with({ handshake: optional(callback) } satisfies Rows<Omit<Options<any>, keyof PoolOptions<any, any, any>>>)

const ownOptions = options.with({ open: callback })

const keep = Effect.succeed("keep" as const)
const discard = Effect.succeed("discard" as const)

/** Decides whether a connection whose lease has ended returns to the pool, and makes it ready for that. */
const settle = (session: Session<any, any>): Effect.Effect<"keep" | "discard"> => {
  session.setIdle()
  if (!session.isClean) return reject(session)
  return session.hasUnsent ? Effect.as(session.sent, "keep" as const) : keep
}

/** The close does not wait for output of a session that is dirty. */
const reject = (session: Session<any, any>): Effect.Effect<"discard"> => {
  session.revoke()
  session.markDirty()
  return discard
}

type OnRelease<C> = NonNullable<PoolOptions<C, ConnectError, never>["onRelease"]>

const releaser = <C extends TransportConnection<any>>(onRelease: OnRelease<C> | undefined): OnRelease<C> =>
  onRelease === undefined ?
    (connection, exit) => {
      const session = sessionOf(connection)
      return Exit.isSuccess(exit) && !session.awaitsAnswer ? settle(session) : reject(session)
    } :
    (connection, exit) => {
      const session = sessionOf(connection)
      session.revoke()
      if (!session.isClean) return reject(session)
      return Effect.flatMap(
        onRelease(session.lend(), exit),
        (answer) => answer === "keep" ? settle(session) : reject(session)
      )
    }

/** Runs `validate` as a holder of its own. */
const validator =
  <C extends TransportConnection<any>>(validate: (connection: C) => Effect.Effect<boolean, unknown>) =>
  (connection: C): Effect.Effect<boolean, unknown> =>
    Effect.suspend(() => {
      const session = sessionOf(connection)
      return validate(session.lend()).pipe(
        Effect.ensuring(Effect.sync(() => session.revoke())),
        Effect.map((works) => {
          const clean = session.isClean
          session.setIdle()
          return works && clean
        })
      )
    })
