/**
 * Pools of connections over transports: what every pool of sockets is.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { ConnectError, ConnectionError } from "./ConnectionError.js"
import { own } from "./internal/options.js"
import { type ConnectionPool, Pool, type PoolOptions } from "./Pool.js"
import type { LeasedConnection, Line } from "./Transport.js"

/**
 * The options of a pool that a transport does not answer itself. `C` is what a borrower gets.
 *
 * A raw connection has one holder at a time, so there is no `concurrency`.
 *
 * `validate` may write and read as a holder would; a connection is closed, too, if it leaves unread input behind.
 *
 * `onRelease` is asked only about a connection that is open and has no unread input, and decides then; its connection
 * is valid until it has answered. Output not sent yet is sent first, for at most `closeTimeout`.
 *
 * Without it, a connection goes back only if its lease ended in success and has read something since it last sent
 * something: otherwise an answer may still be on its way, and would be the next borrower's. A protocol in which the
 * client does not read, such as one that ships logs, needs `onRelease: () => Effect.succeed("keep")`.
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
   * Makes a connection that has just been opened ready: reads a greeting, logs in, selects a database. It may write and
   * read as a holder would, and is part of the open: under `connectTimeout`, in a fiber of the pool's.
   *
   * If it fails, or leaves unread input behind, the connection closes and the open fails with `ConnectError` reason
   * `Other`, whose `cause` is the failure; if it takes too long, with reason `HandshakeTimeout`. Default: none, so that
   * a connection is ready when it is open. A server that speaks first needs one: what arrives on an idle connection
   * closes it.
   */
  readonly handshake?: (connection: C) => Effect.Effect<unknown, unknown>
}

/**
 * Opens something and makes it ready, all of it within `connectTimeout`: then it fails with `ConnectError` reason
 * `Timeout`, or `HandshakeTimeout` if it was open and not ready yet.
 *
 * @since 0.1.0
 * @category combinators
 */
export const openInTime = <L, A, R, R2>(
  options: {
    /** The peer, as errors name it. */
    readonly address: string
    /** More than 0. */
    readonly connectTimeout: Duration.DurationInput
    /** Completes when what has arrived by now has been seen: after a stall timers ring before that. Default: at once. */
    readonly catchUp?: Effect.Effect<void>
  },
  open: Effect.Effect<L, ConnectError, R>,
  finish: (opened: L) => Effect.Effect<A, ConnectError, R2>
): Effect.Effect<A, ConnectError, R | R2> =>
  Effect.suspend(() => {
    let reason: ConnectError["reason"] = "Timeout"
    const opening = Effect.flatMap(open, (opened) => {
      reason = "HandshakeTimeout"
      return finish(opened)
    })
    const tooLate = Effect.suspend(() => new ConnectError({ reason, address: options.address, attempts: [] }))
    const deadline = Effect.sleep(options.connectTimeout).pipe(
      Effect.andThen(options.catchUp ?? Effect.void),
      Effect.andThen(tooLate)
    )
    return Effect.raceFirst(opening, deadline)
  })

/**
 * Runs a handshake on a line that has just been opened, and looks whether it left anything behind.
 *
 * @since 0.1.0
 * @category combinators
 */
export const handshake = <C>(
  line: Line<any, C>,
  handshake: (connection: C) => Effect.Effect<unknown, unknown>
): Effect.Effect<void, ConnectError> =>
  Effect.suspend(() => {
    line.isShared = true
    return handshake(line.lend())
  }).pipe(
    Effect.mapError((error) => handshakeError(line, error)),
    Effect.andThen(Effect.suspend(() => {
      const { unread } = line.reads
      line.revoke()
      return line.isClean ? Effect.void : Effect.fail(handshakeError(line, leftBehind(line, unread)))
    }))
  )

const handshakeError = (line: Line<any, any>, cause: unknown): ConnectError => {
  if (cause instanceof ConnectError) return cause
  const timedOut = cause instanceof ConnectionError && cause.reason === "Timeout"
  return new ConnectError({
    reason: timedOut ? "HandshakeTimeout" : "Other",
    address: line.transport.address,
    attempts: [],
    cause
  })
}

/** Why a line is not clean after the handshake. */
const leftBehind = (line: Line<any, any>, unread: number): ConnectionError =>
  new ConnectionError({
    ...(line.end ?? { reason: "Desync" }),
    operation: "read",
    address: line.transport.address,
    ...(unread > 0 ? { bytesIntoFrame: unread } : {})
  })

/**
 * Makes a pool that closes with the scope. Opens nothing before it is asked to, unless `minConnections` or
 * `initialConnections` say so.
 *
 * A connection that ends while it is idle, or on which bytes arrive while it is idle, is closed at once: `Disconnected`,
 * `Desync`. A leased connection is worthless to its holder once the lease has ended: `ConnectionError` reason
 * `Released`.
 *
 * `open` gives a line that closes with its scope, and has its own deadline. Before that it does with the line what
 * `finish` says, within the same deadline: there the `handshake` is run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <C extends LeasedConnection<any>>(
  given: Options<C> & {
    readonly open: (
      finish: (line: Line<any, C>) => Effect.Effect<Line<any, C>, ConnectError>
    ) => Effect.Effect<Line<any, C>, ConnectError, Scope.Scope>
  }
): Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope> => {
  const options = own(given)
  const shake = options.handshake
  const ready = options.open((line) =>
    shake === undefined ? Effect.succeed(line) : Effect.as(handshake(line, shake), line)
  )
  return Pool.make<C, ConnectError>({
    ...options,
    open: Effect.map(ready, (line) => {
      const connection = line.lend()
      line.setIdle()
      return connection
    }),
    // Opening has its own deadline, and an error of its own for it.
    connectTimeout: Duration.infinity,
    isConnected: ({ session: line }) => line.isOpen,
    closed: ({ session: line }) =>
      Effect.map(line.failed, ({ reason }) => reason === "Desync" ? "Desync" : "Disconnected"),
    lease: ({ session: line }) => line.lend(),
    ...(options.validate === undefined ? {} : { validate: validator(options.validate) }),
    onRelease: releaser(options.onRelease)
  })
}

const keep = Effect.succeed("keep" as const)
const discard = Effect.succeed("discard" as const)

/** Whether a connection whose lease has ended goes back, and makes it ready for that. */
const settle = (line: Line<any, any>): Effect.Effect<"keep" | "discard"> => {
  line.setIdle()
  if (!line.isClean) return spoil(line)
  return line.hasUnsent ? Effect.as(line.sent, "keep" as const) : keep
}

/** What is still to be sent on it is not to be waited for. */
const spoil = (line: Line<any, any>): Effect.Effect<"discard"> => {
  line.revoke()
  line.markDirty()
  return discard
}

type OnRelease<C> = NonNullable<PoolOptions<C, ConnectError, never>["onRelease"]>

const releaser = <C extends LeasedConnection<any>>(onRelease: OnRelease<C> | undefined): OnRelease<C> =>
  onRelease === undefined ?
    ({ session: line }, exit) => Exit.isSuccess(exit) && !line.awaitsAnswer ? settle(line) : spoil(line) :
    ({ session: line }, exit) => {
      line.revoke()
      if (!line.isClean) return spoil(line)
      return Effect.flatMap(onRelease(line.lend(), exit), (answer) => answer === "keep" ? settle(line) : spoil(line))
    }

/** Asks as a holder of its own. */
const validator =
  <C extends LeasedConnection<any>>(validate: (connection: C) => Effect.Effect<boolean, unknown>) =>
  ({ session: line }: C): Effect.Effect<boolean, unknown> =>
    Effect.suspend(() =>
      validate(line.lend()).pipe(
        Effect.ensuring(Effect.sync(() => line.revoke())),
        Effect.map((works) => {
          const clean = line.isClean
          line.setIdle()
          return works && clean
        })
      )
    )
