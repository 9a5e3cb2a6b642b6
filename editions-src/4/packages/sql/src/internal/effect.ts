/**
 * The seam to Effect 4 and its SQL: every name that another major version spells or means differently. Everything else
 * in this package imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Connection } from "effect/sql/SqlConnection"
import * as SqlErrors from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"

// --- Effect ---------------------------------------------------------------------------------------------------------

export { async } from "./async.js"

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catch

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R, E2, R2>(
  effect: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
) => Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> = Stream.unwrap

/** The values that an effect returns again and again, until it fails with `None`. It returns one at least. */
export const batches = <A, E>(read: Effect.Effect<ReadonlyArray<A>, Option.Option<E>>): Stream.Stream<A, E> =>
  Stream.fromPull(Effect.succeed(
    Effect.catch(
      read,
      (end): Pull.Pull<never, E> => Option.isSome(end) ? Effect.fail(end.value) : Cause.done()
    ) as Pull.Pull<readonly [A, ...Array<A>], E>
  ))

/** Takes values from callbacks, up to a number that nobody has read. */
export interface Inbox<A, E> {
  /** Returns whether there was room. */
  readonly offer: (value: A) => boolean
  /** Ends the stream when it has emitted what was there before. */
  readonly fail: (error: E) => void
  readonly stream: Stream.Stream<A, E>
}

export const inbox = <A, E>(capacity: number): Effect.Effect<Inbox<A, E>> =>
  Effect.map(Queue.dropping<A, E>(capacity), (queue) => ({
    offer: (value) => Queue.offerUnsafe(queue, value),
    fail: (error) => void Queue.failCauseUnsafe(queue, Cause.fail(error)),
    stream: Stream.fromQueue(queue) as Stream.Stream<A, E>
  }))

// --- SQL ------------------------------------------------------------------------------------------------------------

/** An error before it is one of Effect's SQL. */
export interface Fault {
  readonly cause: unknown
  readonly message: string
  /** The SQLSTATE, and the constraint, if the server has named them. */
  readonly code?: string | undefined
  readonly constraint?: string | undefined
  /** Whether a further attempt may succeed and cannot do anything twice. Default: `false`. */
  readonly isUnsent?: boolean
}

/**
 * The reasons by SQLSTATE, as Effect's own client of PostgreSQL tells them apart, but for a connection that fails while a
 * statement runs (class 08): the statement may have taken effect, so that it must not look safe to repeat.
 */
const reasonOf = ({ cause, code = "", constraint, isUnsent = false, message }: Fault): SqlErrors.SqlErrorReason => {
  const fields = { cause, message }
  if (isUnsent) return new SqlErrors.ConnectionError(fields)
  if (code.startsWith("28")) return new SqlErrors.AuthenticationError(fields)
  if (code === "23505") return new SqlErrors.UniqueViolation({ ...fields, constraint: constraint ?? "unknown" })
  if (code.startsWith("23")) return new SqlErrors.ConstraintError(fields)
  if (code === "42501") return new SqlErrors.AuthorizationError(fields)
  if (code.startsWith("42")) return new SqlErrors.SqlSyntaxError(fields)
  switch (code) {
    case "40P01":
      return new SqlErrors.DeadlockError(fields)
    case "40001":
      return new SqlErrors.SerializationError(fields)
    case "55P03":
      return new SqlErrors.LockTimeoutError(fields)
    case "57014":
      return new SqlErrors.StatementTimeoutError(fields)
    default:
      return new SqlErrors.UnknownError(fields)
  }
}

export const sqlErrorOf = (fault: Fault): SqlErrors.SqlError => new SqlErrors.SqlError({ reason: reasonOf(fault) })

export const isSqlError = SqlErrors.isSqlError

/** The error behind one of Effect's SQL. */
export const causeOf = (error: SqlErrors.SqlError): unknown => error.reason.cause

/** The members of a connection, besides those that all versions ask of it. */
export const connectionOf = (connection: Omit<Connection, "executeValuesUnprepared">): Connection => ({
  ...connection,
  executeValuesUnprepared: connection.executeValues
})

/** Runs a statement that the server need not keep ready, with rows as arrays. */
export const valuesUnprepared = (
  connection: Connection,
  sql: string,
  params: ReadonlyArray<unknown>
): ReturnType<Connection["executeValues"]> => connection.executeValuesUnprepared(sql, params)

/** The options of `SqlClient.make` that only this version has. */
export const clientOptions = { driver: "pg" }

interface Json extends Statement.Custom<"PgJson", unknown> {}

const segment = Statement.custom<Json>("PgJson")

/** Makes a value a parameter in JSON. */
export const json = (value: unknown): Statement.Fragment => Statement.fragment([segment(value, undefined, undefined)])

export type JsonSegment = Json

export const jsonValue = ({ paramA }: Json): unknown => paramA
