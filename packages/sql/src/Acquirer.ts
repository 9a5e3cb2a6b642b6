/**
 * A pool as the acquirer of `@effect/sql`, so that a `SqlClient` runs on it.
 *
 * @since 3.0.0
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { argument, rules } from "@socketpool/core/Checks"
import type { ConnectionPool } from "@socketpool/core/ConnectionPool"
import { isConnectionPool } from "@socketpool/core/ConnectionPool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { sqlError } from "./internal/errors.js"
import { LeasedConnection } from "./internal/leased.js"

const poolRule = rules.that<ConnectionPool<unknown, unknown>>(isConnectionPool, "a pool that Pool.make has made")

/**
 * Makes the acquirer of a `SqlClient` from a pool of any driver's connections: `acquirer` and `transactionAcquirer` of
 * `SqlClient.make`. `toConnection` says how a connection runs statements. It is called at every lease, so keep what is
 * costly with the connection.
 *
 * Each statement has a lease of its own, and a transaction or a stream keeps one to its end. A lease is exclusive, also
 * in a pool with `concurrency` above 1. Afterwards the holder's connection fails with `SqlError` instead of reaching the
 * next holder.
 *
 * The acquirer fails with `SqlError`, whose `cause` is the pool's error: `PoolExhaustedError` after `acquireTimeout` or
 * when the queue is full, `PoolClosedError`, `ConnectTimeoutError`, or the connector's own. An interrupt ends the wait
 * at once, except for the connection of a transaction: `SqlClient` does not interrupt that wait, and only
 * `acquireTimeout` ends it.
 *
 * When the lease ends, the pool decides as it always does: `isConnected`, then `onRelease`, and without that the
 * connection of an interrupted statement closes. A driver that can be left within a transaction needs an `onRelease`
 * that discards such a connection.
 *
 * A wrong argument throws a `RangeError` that names the argument, the value and the rule.
 *
 * @example
 * ```ts
 * import * as SqlClient from "@effect/sql/SqlClient"
 * import type { Connection } from "@effect/sql/SqlConnection"
 * import type * as Statement from "@effect/sql/Statement"
 * import type { ConnectionPool } from "@socketpool/core"
 * import * as Acquirer from "@socketpool/sql/Acquirer"
 *
 * const clientOf = (pool: ConnectionPool<{ readonly sql: Connection }>, compiler: Statement.Compiler) =>
 *   SqlClient.make({
 *     acquirer: Acquirer.make(pool, ({ sql }) => sql),
 *     compiler,
 *     spanAttributes: [["db.system.name", "mysql"]]
 *   })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <C, E>(
  pool: ConnectionPool<C, E>,
  toConnection: (connection: C) => Connection
): Effect.Effect<Connection, SqlError, Scope.Scope> => {
  argument("Acquirer.make", "pool", poolRule, pool)
  argument("Acquirer.make", "toConnection", rules.callback, toConnection)
  return Effect.flatMap(Effect.mapError(pool.exclusive, sqlError), (connection) => {
    const leased = new LeasedConnection(toConnection(connection))
    return Effect.as(Effect.addFinalizer(() => leased.end), leased)
  })
}
