/**
 * PostgreSQL through the driver `pg`, without `@effect/sql`: a pool of its clients, with transactions.
 *
 * A statement that was interrupted may still run in the server, so its client closes: the default rule of the pool.
 */
import { type BorrowError, Pool, type PoolOptions } from "@socketpool/core"
import { Data, Effect } from "effect"
import { Client, type ClientConfig, type QueryResultRow } from "pg"

/** The server has refused a statement, or the client has lost its connection. */
export class PgError extends Data.TaggedError("PgError")<{ readonly message: string; readonly cause: unknown }> {}

const attempt = <A>(about: string, run: () => Promise<A>): Effect.Effect<A, PgError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new PgError({ message: `${about}: ${cause instanceof Error ? cause.message : cause}`, cause })
  })

/** A client, and whether its connection has ended. */
interface Session {
  readonly client: Client
  readonly isOpen: () => boolean
  readonly ended: Promise<void>
}

const open = (config: ClientConfig) =>
  Effect.gen(function*() {
    const client = new Client(config)
    let isOpen = true
    const ended = new Promise<void>((resolve) => {
      const end = () => {
        isOpen = false
        resolve()
      }
      // Without a listener for errors, a server that ends an idle connection would end the process.
      client.on("error", end).on("end", end)
    })
    yield* Effect.addFinalizer(() => Effect.ignore(attempt("end", () => client.end())))
    yield* attempt("connect", () => client.connect())
    const session: Session = { client, isOpen: () => isOpen, ended }
    return session
  })

/** Runs one statement on a client that is held. */
export type Query<E = PgError> = <Row extends QueryResultRow>(
  text: string,
  values?: ReadonlyArray<unknown>
) => Effect.Effect<ReadonlyArray<Row>, E>

const queryOf = (client: Client): Query => (text, values = []) =>
  Effect.map(attempt("query", () => client.query(text, [...values])), ({ rows }) => rows)

/** A pool of clients. `options` are those of `Pool.make`. */
export const makePg = (
  config: ClientConfig,
  options: Omit<PoolOptions<Session, PgError, never>, "open" | "isConnected" | "closed"> = {}
) =>
  Effect.map(
    Pool.make<Session, PgError>({
      maxConnections: 10,
      ...options,
      open: open(config),
      isConnected: ({ isOpen }) => isOpen(),
      // A client that the server ends while it is idle leaves the pool at once.
      closed: ({ ended }) => Effect.promise(() => ended)
    }),
    (pool) => ({
      pool,
      /** Runs one statement on any client. */
      query: ((text, values) => pool.use(({ client }) => queryOf(client)(text, values))) as Query<
        PgError | BorrowError
      >,
      /** Runs statements on one client: commits if they succeed, and rolls back otherwise. */
      transaction: <A, E, R>(statements: (query: Query) => Effect.Effect<A, E, R>) =>
        pool.use(({ client }) => {
          const query = queryOf(client)
          // After an interruption the pool closes the client, and the server rolls back by itself: a ROLLBACK would wait
          // for the statement that was interrupted.
          return Effect.andThen(query("BEGIN"), statements(query)).pipe(
            Effect.tap(() => query("COMMIT")),
            Effect.tapError(() =>
              Effect.catchAll(query("ROLLBACK"), () => Effect.ignore(attempt("end", () => client.end())))
            )
          )
        })
    })
  )
