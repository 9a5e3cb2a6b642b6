/**
 * The figures of all pools for monitoring.
 *
 * They are among Effect's metrics without anything to be done: with a metric reader for `@effect/opentelemetry`, or any
 * other exporter of Effect's metrics, they are exported. Each is read from the pool's state when somebody collects it.
 * Pools of one name are added up, so that name them apart; what a closed pool has counted stays.
 *
 * | OpenTelemetry | kind | unit | besides the pool's name | Prometheus |
 * |---|---|---|---|---|
 * | `db.client.connection.count` | up-down counter | connections | state: `idle`, `used` | `db_client_connections` |
 * | `db.client.connection.idle.max`, `.idle.min`, `.max` | up-down counter | connections | | `db_client_connection_max` … |
 * | `db.client.connection.pending_requests` | up-down counter | requests | | `db_client_connection_pending_requests` |
 * | `db.client.connection.timeouts` | counter | timeouts | | `db_client_connection_timeouts_total` |
 * | `db.client.connection.create_time`, `.wait_time`, `.use_time` | histogram | seconds | | `db_client_connection_wait_time_seconds` … |
 * | `socketpool.connection.opening`, `.closing`, `.validating` | up-down counter | connections | | `socketpool_connection_opening` … |
 * | `socketpool.connection.opened`, `.open_failures` | counter | connections | | `socketpool_connection_opened_total` … |
 * | `socketpool.connection.closed` | counter | connections | reason | `socketpool_connection_closed_total` |
 * | `socketpool.acquire` | counter | requests | outcome | `socketpool_acquire_total` |
 * | `socketpool.lease.held`, `.suspected` | up-down counter | leases | | `socketpool_lease_held` … |
 * | `socketpool.lease.leaks` | counter | leases | | `socketpool_lease_leaks_total` |
 *
 * The attributes are `db.client.connection.pool.name`, `db.client.connection.state`, `socketpool.close.reason` and
 * `socketpool.acquire.outcome`; in Prometheus `pool_name`, `state`, `reason` and `outcome`. Reasons and outcomes are those
 * of `PoolStats`; a lease that nobody had to wait for has the outcome `Immediate`, another `Waited`, and a borrower that
 * was interrupted `Cancelled`. Units are given by a tag `unit`, where `@effect/opentelemetry` looks for them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { exposition } from "./internal/metrics/exposition.js"
import { allSources } from "./internal/registry.js"

/**
 * The figures of all pools of the process in Prometheus' text format, version 0.0.4, to be served as
 * `text/plain; version=0.0.4`.
 *
 * @example
 * ```ts
 * import { Pool, PoolMetrics } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({ open: Effect.succeed("a connection"), name: "orders" })
 *   yield* pool.use(() => Effect.void)
 *   return yield* PoolMetrics.prometheus // … db_client_connections{pool_name="orders",state="idle"} 1 …
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 * @category exporters
 */
export const prometheus: Effect.Effect<string> = Effect.sync(() => exposition(allSources()))
