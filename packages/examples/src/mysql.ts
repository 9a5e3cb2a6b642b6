/**
 * `@effect/sql` on a pool of connections of another driver: `mysql2`, for MySQL and MariaDB.
 *
 * A stream reads all rows first. A driver whose streams can be left in the middle needs an `onRelease` that discards the
 * connection of one that was.
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import { makeCompiler } from "@effect/sql-mysql2/MysqlClient"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { type ConnectionPool, Pool, type PoolOptions } from "@socketpool/core"
import * as Acquirer from "@socketpool/sql/Acquirer"
import { Effect, type Scope, Stream } from "effect"
import * as mysql from "mysql2"

/** One connection, and how a `SqlClient` uses it. */
export interface Session {
  readonly sql: Connection
  readonly isOpen: () => boolean
}

const run = (connection: mysql.Connection, options: mysql.QueryOptions, method: "execute" | "query") =>
  Effect.async<unknown, SqlError>((resume) => {
    connection[method](options, (cause, result) =>
      resume(
        cause === null
          ? Effect.succeed(result)
          : Effect.fail(new SqlError({ cause, message: `MySQL refuses the statement: ${cause.message}` }))
      ))
  })

/** A statement without rows has a header in their place. */
const rowsOf = (result: unknown): ReadonlyArray<any> => Array.isArray(result) ? result : []

const sqlOf = (connection: mysql.Connection): Connection => {
  const rows: Connection["execute"] = (sql, values, transformRows) =>
    Effect.map(
      run(connection, { sql, values: [...values] }, "execute"),
      (result) => transformRows === undefined ? rowsOf(result) : transformRows(rowsOf(result))
    )
  return {
    execute: rows,
    executeRaw: (sql, values) => run(connection, { sql, values: [...values] }, "execute"),
    executeValues: (sql, values) =>
      Effect.map(run(connection, { sql, values: [...values], rowsAsArray: true }, "execute"), rowsOf),
    // MySQL prepares no `BEGIN` and the like.
    executeUnprepared: (sql, values) => Effect.map(run(connection, { sql, values: [...values] }, "query"), rowsOf),
    executeStream: (sql, values, transformRows) => Stream.fromIterableEffect(rows(sql, values, transformRows))
  }
}

const open = (options: mysql.ConnectionOptions): Effect.Effect<Session, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const connection = mysql.createConnection(options)
    let isOpen = true
    const end = () => {
      isOpen = false
    }
    connection.on("error", end).on("end", end)
    // It closes at once: what is in flight must not hold it up.
    yield* Effect.addFinalizer(() => Effect.sync(() => connection.destroy()))
    yield* Effect.async<void, SqlError>((resume) => {
      connection.connect((cause) =>
        resume(
          cause === null
            ? Effect.void
            : Effect.fail(
              new SqlError({ cause, message: `No connection to MySQL: ${cause.message}. Check the options.` })
            )
        )
      )
    })
    return { sql: sqlOf(connection), isOpen: () => isOpen }
  })

/** A client of MySQL or MariaDB, with its pool. */
export const makeMysql = (
  server: mysql.ConnectionOptions,
  options: Omit<PoolOptions<Session, SqlError, never>, "open" | "isConnected"> = {}
): Effect.Effect<
  SqlClient.SqlClient & { readonly pool: ConnectionPool<Session, SqlError> },
  never,
  Scope.Scope | Reactivity.Reactivity
> =>
  Effect.gen(function*() {
    const pool = yield* Pool.make<Session, SqlError>({
      maxConnections: 10,
      ...options,
      open: open(server),
      isConnected: (session) => session.isOpen()
    })
    const client = yield* SqlClient.make({
      acquirer: Acquirer.make(pool, ({ sql }) => sql),
      compiler: makeCompiler(),
      spanAttributes: [["db.system.name", "mysql"]]
    })
    return Object.assign(client, { pool })
  })
