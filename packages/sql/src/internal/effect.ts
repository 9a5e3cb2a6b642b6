/**
 * The seam to Effect and `@effect/sql`: every name that another major version spells or means differently. Everything
 * else in this package imports only names that mean the same.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError, SqlErrorTypeId } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

// --- Effect ---------------------------------------------------------------------------------------------------------

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
) => Effect.Effect<A, E> = Effect.async

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catchAll

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R, E2, R2>(
  effect: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>
) => Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> = Stream.unwrapScoped

/** The values that an effect returns again and again, until it fails with `None`. It returns one at least. */
export const batches = <A, E>(read: Effect.Effect<ReadonlyArray<A>, Option.Option<E>>): Stream.Stream<A, E> =>
  Stream.repeatEffectChunkOption(Effect.map(read, Chunk.unsafeFromArray))

/** Takes values from callbacks, up to a number that nobody has read. */
export interface Inbox<A, E> {
  /** Returns whether there was room. */
  readonly offer: (value: A) => boolean
  /** Ends the stream when it has emitted what was there before. */
  readonly fail: (error: E) => void
  readonly stream: Stream.Stream<A, E>
}

export const inbox = <A, E>(capacity: number): Effect.Effect<Inbox<A, E>> =>
  Effect.map(Mailbox.make<A, E>({ capacity, strategy: "dropping" }), (mailbox) => ({
    offer: (value) => mailbox.unsafeOffer(value),
    fail: (error) => void mailbox.unsafeDone(Exit.fail(error)),
    stream: Mailbox.toStream(mailbox)
  }))

// --- SQL ------------------------------------------------------------------------------------------------------------

/** An error before it is one of `@effect/sql`. */
export interface Fault {
  readonly cause: unknown
  readonly message: string
  /** The SQLSTATE, and the constraint, if the server has named them. */
  readonly code?: string | undefined
  readonly constraint?: string | undefined
  /** Whether a further attempt may succeed and cannot do anything twice. Default: `false`. */
  readonly isUnsent?: boolean
}

export const sqlErrorOf = ({ cause, message }: Fault): SqlError => new SqlError({ cause, message })

export const isSqlError = (error: unknown): error is SqlError =>
  typeof error === "object" && error !== null && SqlErrorTypeId in error &&
  (error as { readonly _tag?: unknown })._tag === "SqlError"

/** The error behind one of `@effect/sql`. */
export const causeOf = (error: SqlError): unknown => error.cause

/** The members of a connection, besides those that all versions ask of it. */
export const connectionOf = (connection: Connection): Connection => connection

/** Runs a statement that the server need not keep ready, with rows as arrays. */
export const valuesUnprepared = (
  connection: Connection,
  sql: string,
  params: ReadonlyArray<unknown>
): ReturnType<Connection["executeValues"]> => connection.executeValues(sql, params)

/** The options of `SqlClient.make` that only this version has. */
export const clientOptions = {}

interface Json extends Statement.Custom<"PgJson", unknown> {}

/** Makes a value a parameter in JSON. */
export const json = Statement.custom<Json>("PgJson") as unknown as (value: unknown) => Statement.Fragment

export type JsonSegment = Json

export const jsonValue = ({ i0 }: Json): unknown => i0
