/**
 * Pools of connections over transports. Every pool of sockets is one.
 *
 * @since 3.0.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import { callback, duration, effect, optional, text } from "./checks/rules.js"
import { argument, type Rows, Table } from "./checks/table.js"
import type { Connection, OperationOptions } from "./Connection.js"
import { ConnectError, ConnectionError, isConnectError, isConnectionError } from "./ConnectionError.js"
import { type ConnectionPool, isConnectionPool } from "./ConnectionPool.js"
import type { Decoder } from "./Decoder.js"
import { ConnectionPoolImpl } from "./internal/connectionPool.js"
import { onlyErrors } from "./internal/effect/fiber.js"
import type { Engine } from "./internal/engine.js"
import * as Exchange from "./internal/exchange.js"
import { bind, takeContext } from "./internal/host.js"
import {
  asks,
  hasServed,
  type Internal,
  isAnswered,
  isBound,
  isWhole,
  poolOptions,
  whenEnded
} from "./internal/options.js"
import { internalOf, sessionOf } from "./internal/transport/access.js"
import { inTime } from "./internal/transport/inTime.js"
import type { Session } from "./internal/transport/session.js"
import { Pool } from "./Pool.js"
import type { BorrowError } from "./PoolError.js"
import type { PoolOptions } from "./PoolOptions.js"
import { TransportConnection, type TransportSession } from "./TransportSession.js"

/**
 * The options of every pool of sockets. `C` is the type of connection that a borrower gets, and `E` the failure of
 * `handshake`. The hooks may use services: `R` are those of `handshake`, and the last three those of `validate`,
 * `onRelease` and `farewell`. They come from the context of `make`.
 *
 * A raw connection has one holder at a time, so there is no `concurrency`.
 *
 * **The rule of return.** A connection returns to the pool if its lease ended in success, nothing is left unread, and
 * it has read something after it last sent. Otherwise an answer may be on its way, and the next borrower would get it.
 * `isReply` and `onRelease` can say more about a lease; neither can keep a connection with unread input, or one whose
 * lease ended in an interruption or a defect.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<C, E = ConnectionError, R = never, RValidate = R, RRelease = R, RFarewell = R> extends
  Omit<
    // `handshake` alone decides what `E` is.
    PoolOptions<C, ConnectError | NoInfer<HandshakeFailure<E>>, never>,
    | "open"
    | "isConnected"
    | "closed"
    | "lease"
    | "concurrency"
    | "connectTimeout"
    | "validate"
    | "onRelease"
    | "farewell"
  >
{
  /**
   * Makes a newly opened connection ready: reads a greeting, logs in, selects a database. It may write and read as a
   * holder does. It is part of the open: it runs within `connectTimeout`, in a fiber of the pool and in the scope of the
   * connection.
   *
   * Its failure is an error of the pool: it reaches the borrower for whom the connection was opened. Its
   * `ConnectionError`s become `ConnectError` reason `Other`, or `HandshakeTimeout` if it takes too long. If it leaves
   * unread input behind, the open fails with reason `Other`, too. A failed handshake closes the connection. A server
   * that speaks first needs a handshake, because input on an idle connection closes it. Default: none.
   */
  readonly handshake?: (connection: C) => Effect.Effect<unknown, E, R>

  /**
   * Asks a connection that has been idle for `validateAfterIdle` whether it still works, as `PoolOptions.validate` does.
   * It may write and read as a holder does. The connection closes also if it leaves unread input behind.
   */
  readonly validate?: (connection: C) => Effect.Effect<boolean, unknown, RValidate>

  /**
   * Recognizes typed failures of a lease that were whole answers, such as an error reply that a parser has turned into a
   * failure.
   * Such a lease ends as if it had succeeded, so that its connection returns to the pool. Without it, every typed
   * failure costs the connection. It gets each failure of the lease; all must be answers.
   *
   * Answer `true` only for errors that your own code makes after it has read the whole answer. Default: never.
   */
  readonly isReply?: (error: unknown) => boolean

  /**
   * Decides after a lease whether its connection returns to the pool, and prepares it for that: it may write and read
   * as a holder does, for at most `closeTimeout`. Output not sent yet is sent first. It is not asked about a connection
   * that closes anyway, that has unread input, or whose lease ended in an interruption or a defect.
   *
   * - `"default"`: the rule of return decides. It holds for the lease, and for what this hook itself sends.
   * - `"discard"`: the connection closes.
   * - `"keep"`: the connection returns also after a lease, or a hook, that sent and read nothing, as in a protocol
   *   without answers; and after a typed failure that was a whole answer, as `isReply` tells. It cannot keep a
   *   connection on which this hook has read while an answer to the lease may have been on its way.
   *
   * A protocol whose client does not read, such as one that ships logs, needs `onRelease: () =>
   * Effect.succeed("keep")`. Default: the rule decides.
   */
  readonly onRelease?: (
    connection: C,
    exit: Exit.Exit<unknown, unknown>
  ) => Effect.Effect<"keep" | "discard" | "default", never, RRelease>

  /**
   * Says goodbye to a connection before a normal close, as `PoolOptions.farewell` does, for example with `QUIT`. It
   * may write and read as a holder does.
   */
  readonly farewell?: (connection: C) => Effect.Effect<unknown, unknown, RFarewell>
}

/**
 * The failures of a handshake that are errors of the pool. A `ConnectionError` is the cause of a `ConnectError` instead.
 *
 * @since 3.0.0
 * @category models
 */
export type HandshakeFailure<E> = Exclude<E, ConnectionError>

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
 * @since 3.0.0
 * @category advanced
 */
export const openInTime = <L, A, E, R, E2, R2>(
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
  open: Effect.Effect<L, E, R>,
  finish: (opened: L) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, ConnectError | E | E2, R | R2> =>
  Effect.suspend(() => {
    const { address, catchUp = Effect.void, connectTimeout } = opening.read("TransportPool.openInTime", options)
    let reason: ConnectError["reason"] = "Timeout"
    const opened = Effect.flatMap(open, (opened) => {
      reason = "HandshakeTimeout"
      return finish(opened)
    })
    const tooLate = () => new ConnectError({ reason, address, attempts: [] })
    return inTime(opened, connectTimeout, catchUp as Effect.Effect<void>, tooLate)
  })

const opening = new Table({ address: text, connectTimeout: duration("more than 0"), catchUp: optional(effect) })

/**
 * Runs a handshake on a newly opened session and checks that it left nothing behind. `make` does so by itself; use it
 * for a first handshake before the transport changes, such as `STARTTLS`. Fails with the handshake's own failures, and
 * with `ConnectError` where the connection failed.
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
 * @since 3.0.0
 * @category advanced
 */
export const handshake = <C, E, R>(
  session: TransportSession<any, C>,
  handshake: (connection: C) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, ConnectError | HandshakeFailure<E>, R> => {
  const shaken = internalOf<any, C>(session)
  return Effect.suspend(() => {
    argument("TransportPool.handshake", "handshake", callback, handshake)
    shaken.isShared = true
    return handshake(shaken.lend())
  }).pipe(
    Effect.mapError((error) => isConnectionError(error) ? handshakeError(shaken, error) : error as HandshakeFailure<E>),
    Effect.andThen(Effect.suspend(() => {
      const { unread } = shaken.reads
      shaken.revoke()
      return shaken.isClean ? Effect.void : Effect.fail(handshakeError(shaken, leftBehind(shaken, unread)))
    }))
  )
}

const handshakeError = (session: Session<any, any>, cause: ConnectionError): ConnectError =>
  new ConnectError({
    reason: cause.reason === "Timeout" ? "HandshakeTimeout" : "Other",
    address: session.transport.address,
    attempts: [],
    cause
  })

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
 * @since 3.0.0
 * @category constructors
 */
export const make = <
  C extends TransportConnection<any>,
  E = ConnectionError,
  R = never,
  RValidate = never,
  RRelease = never,
  RFarewell = never
>(
  options: Options<C, E, R, RValidate, RRelease, RFarewell> & {
    readonly open: (
      finish: (
        session: TransportSession<any, C>
      ) => Effect.Effect<TransportSession<any, C>, ConnectError | HandshakeFailure<E>, R>
    ) => Effect.Effect<TransportSession<any, C>, ConnectError | HandshakeFailure<E>, R | Scope.Scope>
  }
): Effect.Effect<
  ConnectionPool<C, ConnectError | HandshakeFailure<E>>,
  never,
  Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope> | Scope.Scope
> =>
  Effect.suspend(() => {
    const given = ownOptions.read("TransportPool.make", options)
    const { farewell, handshake: shake, isReply, onRelease, open, validate, ...pool } = given
    const context = takeContext()
    const ready: ReturnType<typeof options.open> = open((session: TransportSession<any, C>) =>
      shake === undefined ? Effect.succeed(session) : Effect.as(handshake(session, shake), session)
    )
    const rule = ruleOf(isReply && bind(context, isReply))
    const checked:
      & PoolOptions<C, ConnectError | HandshakeFailure<E>, Exclude<R, Scope.Scope> | Scope.Scope>
      & Internal<C> = {
        ...pool as Omit<PoolOptions<C, ConnectError | HandshakeFailure<E>, never>, "open">,
        open: Effect.map(
          ready as Effect.Effect<
            TransportSession<any, C>,
            ConnectError | HandshakeFailure<E>,
            Exclude<R, Scope.Scope> | Scope.Scope
          >,
          (opened) => {
            const session = internalOf<any, C>(opened)
            const connection = session.lend()
            session.setIdle()
            session.hasRead = false
            return connection
          }
        ),
        [hasServed]: (connection) => sessionOf(connection).hasRead,
        [isAnswered]: rule.isAnswered,
        [isWhole]: rule.isWhole,
        [whenEnded]: (connection, ended) => sessionOf(connection).whenFailed(ended),
        [asks]: (connection, question) =>
          Effect.map(asker(connection, question), (answer) => {
            sessionOf(connection).hasRead = false
            return answer
          }),
        [isBound]: true,
        // Opening has its own deadline, and an error of its own for it.
        connectTimeout: Duration.infinity,
        isConnected: (connection) => sessionOf(connection).isOpen,
        lease: (connection) => sessionOf(connection).lend(),
        // The runtime of the pool's fibers has the services that these need.
        ...(validate === undefined ? {} : { validate: (connection) => asker(connection, validate) }),
        ...(farewell === undefined ? {} : { farewell: leaver<C>(farewell) }),
        ...(pool.isExpired === undefined ? {} : { isExpired: bind(context, pool.isExpired) }),
        ...(pool.isFatal === undefined ? {} : { isFatal: bind(context, pool.isFatal) }),
        onRelease: releaser<C>(rule, onRelease && bind(context, onRelease))
      }
    return Pool.make(checked)
  })

/**
 * Makes the failures of `handshake` the causes of `ConnectError`s with reason `Other`. Use it for a pool that serves a tag
 * such as `Pool`, whose users know no other error. `isFatal` still sees the failure itself. The options must have been
 * checked.
 *
 * @example
 * ```ts
 * import { type Connection, TransportPool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const login = (connection: Connection) =>
 *   Effect.andThen(connection.send("LOGIN\r\n"), Effect.fail("denied"))
 *
 * const options = TransportPool.withCauses({ handshake: login, maxConnections: 4 }, "db:5432")
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const withCauses = <C, R = never, RValidate = R, RRelease = R, RFarewell = R>(
  options: Options<C, any, R, RValidate, RRelease, RFarewell>,
  /** The peer in the text of errors. */
  address: string
): Options<C, ConnectionError, R, RValidate, RRelease, RFarewell> => {
  const { handshake, isFatal } = options
  if (handshake === undefined) return options
  const wrappers = new WeakSet<ConnectError>()
  const wrap = (cause: unknown): ConnectError | ConnectionError => {
    if (isConnectError(cause) || isConnectionError(cause)) return cause
    const wrapper = new ConnectError({ reason: "Other", address, attempts: [], cause })
    wrappers.add(wrapper)
    return wrapper
  }
  return {
    ...options,
    handshake: (connection: C) => Effect.mapError(handshake(connection), wrap) as Effect.Effect<unknown, never, R>,
    ...(isFatal === undefined ?
      {} :
      { isFatal: (error: ConnectError) => isFatal(wrappers.has(error) ? error.cause : error) })
  }
}

/**
 * Leases a connection for one request: sends it, and reads the frame that answers it. Use it where a request needs no
 * other step on its connection. For requests that can share a connection, use `Client`, which sends many at once.
 *
 * Waits for a connection and fails as `use` does, and otherwise as `Connection.exchange` does. An interrupt ends it at
 * once; if the request may have been sent, the pool closes the connection.
 *
 * @example
 * ```ts
 * import { type Connection, type ConnectionPool, Framing, TransportPool } from "@socketpool/core"
 *
 * const ping = <C extends Connection, E>(pool: ConnectionPool<C, E>) =>
 *   TransportPool.exchange(pool, "PING\r\n", Framing.lines({ end: "\r\n" }))
 * ```
 *
 * @since 3.0.0
 * @category combinators
 */
export const exchange: {
  <A>(data: Uint8Array | string, framing: { readonly decoder: () => Decoder<A> }, options?: OperationOptions): <
    C extends Connection,
    E
  >(
    pool: ConnectionPool<C, E>
  ) => Effect.Effect<A, E | BorrowError | ConnectionError>
  <C extends Connection, E, A>(
    pool: ConnectionPool<C, E>,
    data: Uint8Array | string,
    framing: { readonly decoder: () => Decoder<A> },
    options?: OperationOptions
  ): Effect.Effect<A, E | BorrowError | ConnectionError>
} = dual(
  (args) => isConnectionPool(args[0]),
  <C extends Connection, E, A>(
    pool: ConnectionPool<C, E>,
    data: Uint8Array | string,
    framing: { readonly decoder: () => Decoder<A> },
    options?: OperationOptions
  ) => {
    const engine = ConnectionPoolImpl.engineOf(pool) as Engine<C, E> | undefined
    const long = (connection: C) => connection.exchange(data, framing, options)
    if (engine === undefined) return pool.use(long)
    const own = (connection: C) => connection.exchange === plainExchange ? undefined : long(connection)
    return Exchange.exchange(engine, { data, framing, options, own })
  }
)

const plainExchange: Connection["exchange"] = TransportConnection.prototype.exchange

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
 * @since 3.0.0
 * @category advanced
 */
export const options = poolOptions
  .without("open", "isConnected", "closed", "lease", "concurrency", "connectTimeout")
  .with(
    {
      handshake: optional(callback),
      isReply: optional(callback)
    } satisfies Rows<Omit<Options<any, any>, keyof PoolOptions<any, any, any>>>
  )

const ownOptions = options.with({ open: callback })

const keep = Effect.succeed("keep" as const)
const discard = Effect.succeed("discard" as const)

/** Decides whether a connection whose lease has ended returns to the pool, and makes it ready for that. */
const settle = (session: Session<any, any>): Effect.Effect<"keep" | "discard"> => {
  session.setIdle()
  if (!session.isInOrder) return reject(session)
  if (!session.isClean) return retire(session)
  return session.hasUnsent ? Effect.as(session.sent, "keep" as const) : keep
}

/** The lease ended in the middle of something. The close does not wait for output. */
const reject = (session: Session<any, any>): Effect.Effect<"discard"> => {
  session.revoke()
  session.markDirty()
  return discard
}

/** The lease ended well, and its output still matters; but an answer may come, or one half has ended. */
const retire = (session: Session<any, any>): Effect.Effect<"discard"> => {
  session.revoke()
  return discard
}

/** The rule of return, as far as the end of the lease decides it. */
interface Rule {
  /** Whether a lease ended with an answer: in success, or with a failure that was one. */
  readonly isAnswered: (exit: Exit.Exit<unknown, unknown>) => boolean
  /** Whether a lease has left the connection in order. The holder can do nothing with it any more. */
  readonly isWhole: (connection: TransportConnection<any>, exit: Exit.Exit<unknown, unknown>) => boolean
}

const ruleOf = (isReply: ((error: unknown) => boolean) | undefined): Rule => {
  const isAnswered: Rule["isAnswered"] = (exit) => {
    if (exit._tag === "Success") return true
    if (isReply === undefined) return false
    const errors = onlyErrors(exit.cause)
    return errors !== undefined && errors.every((error) => isReply(error) === true)
  }
  return {
    isAnswered,
    isWhole: (connection, exit) => {
      const session = sessionOf(connection)
      session.revoke()
      if (!isAnswered(exit)) session.markDirty()
      return session.isClean && !session.awaitsAnswer
    }
  }
}

type OnRelease<C> = NonNullable<PoolOptions<C, ConnectError, never>["onRelease"]>
type Verdict = Effect.Effect.Success<ReturnType<OnRelease<unknown>>>

const releaser = <C extends TransportConnection<any>>(rule: Rule, onRelease: OnRelease<C> | undefined): OnRelease<C> =>
  onRelease === undefined ?
    (connection, exit) => {
      const session = sessionOf(connection)
      if (!rule.isAnswered(exit)) return reject(session)
      return session.awaitsAnswer ? retire(session) : settle(session)
    } :
    (connection, exit) => {
      const session = sessionOf(connection)
      session.revoke()
      const answered = rule.isAnswered(exit)
      const awaits = session.awaitsAnswer
      if (!session.isInOrder || !(answered || (!awaits && isTyped(exit)))) return reject(session)
      if (!session.isClean) return retire(session)
      const hadRead = session.hasRead
      session.hasRead = false
      const decide = (verdict: Verdict) => {
        const hookRead = session.hasRead
        session.hasRead = hadRead || hookRead
        const isKept = verdict === "keep" ?
          // If an answer to the lease was on its way, the hook may have taken it for one of its own.
          !(awaits && hookRead) :
          verdict === "default" && answered && !awaits && !session.awaitsAnswer
        if (isKept) return settle(session)
        return answered ? retire(session) : reject(session)
      }
      const verdict = onRelease(session.lend(), exit)
      // An answer at hand costs no fiber.
      return Exit.isExit(verdict) && Exit.isSuccess(verdict)
        ? decide(verdict.value as Verdict)
        : Effect.flatMap(verdict, decide)
    }

const isTyped = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && onlyErrors(exit.cause) !== undefined

/** Lends a session to a hook that may take its time. */
const lendTo = <C, A>(
  session: Session<any, C>,
  hook: (connection: C) => Effect.Effect<A, unknown, any>
): Effect.Effect<A, unknown> =>
  Effect.ensuring(
    // A hook's own resources end with the hook, and not with the pool.
    Effect.scoped(Effect.suspend(() => hook(session.lend()))) as Effect.Effect<A, unknown>,
    Effect.sync(() => session.revoke())
  )

const asker = <C extends TransportConnection<any>, A>(
  connection: C,
  question: (connection: C) => Effect.Effect<A, unknown, any>
): Effect.Effect<A, unknown> =>
  Effect.suspend(() => {
    const session = sessionOf(connection)
    return Effect.flatMap(lendTo(session, question), (answer) => {
      if (!session.isClean) return Effect.fail(leftBehind(session, session.reads.unread))
      session.setIdle()
      return Effect.succeed(answer)
    })
  })

/** A session that is not clean any more closes without a farewell. */
const leaver =
  <C extends TransportConnection<any>>(farewell: (connection: C) => Effect.Effect<unknown, unknown, any>) =>
  (connection: C): Effect.Effect<unknown, unknown> =>
    Effect.suspend(() => {
      const session = sessionOf(connection)
      session.revoke()
      return session.isClean ? lendTo(session, farewell) : Effect.void
    })
