/**
 * Metrics of all pools, for monitoring.
 *
 * They are part of Effect's metrics and need no setup: a metric reader of `@effect/opentelemetry`, or any other
 * exporter of Effect's metrics, exports them. Each is read from the pool's state when it is collected, so a lease costs
 * nothing more. Metrics of pools with one name are added up, so give each pool a name of its own.
 *
 * A pool's metrics disappear when it has closed: no series and no memory is left of it. While other pools of its name
 * run, its counts stay in their sum. A pool made later under the name counts from 0 again; `rate` of Prometheus expects
 * that. The counts since the last collection are lost, so collect once more before a program ends.
 *
 * | metric | kind | unit | label, in addition to the pool's name |
 * |---|---|---|---|
 * | `db.client.connection.count` | up-down counter | connections | state: `idle`, `used` |
 * | `db.client.connection.idle.max`, `.idle.min`, `.max` | up-down counter | connections | |
 * | `db.client.connection.pending_requests` | up-down counter | requests | |
 * | `socketpool.pending.oldest_age` | up-down counter | seconds | |
 * | `db.client.connection.timeouts` | counter | timeouts | |
 * | `db.client.connection.create_time`, `.wait_time`, `.use_time` | histogram | seconds | |
 * | `socketpool.connection.opening`, `.closing`, `.validating` | up-down counter | connections | |
 * | `socketpool.connection.opened`, `.open_failures` | counter | connections | |
 * | `socketpool.connection.closed` | counter | connections | reason |
 * | `socketpool.acquire` | counter | requests | outcome |
 * | `socketpool.lease.held`, `.suspected` | up-down counter | leases | |
 * | `socketpool.lease.leaks` | counter | leases | |
 * | `socketpool.session.requests`, `.abandoned` | counter | requests | |
 * | `socketpool.session.in_flight`, `.tombstones` | up-down counter | requests | |
 * | `socketpool.session.stalls` | counter | sessions | |
 * | `socketpool.session.round_trip_time` | histogram | seconds | |
 *
 * Those of sessions are there for the pools of clients alone (`Client`).
 *
 * In Prometheus, dots become underscores, counters end in `_total` and histograms in `_seconds`, as in
 * `db_client_connection_timeouts_total` and `db_client_connection_wait_time_seconds`. One name differs:
 * `db_client_connections` is `db.client.connection.count`.
 *
 * The attributes are `db.client.connection.pool.name`, `db.client.connection.state`, `socketpool.close.reason` and
 * `socketpool.acquire.outcome`; in Prometheus `pool_name`, `state`, `reason` and `outcome`. Reasons and outcomes are
 * those of `PoolStats`. A lease without a wait has the outcome `Immediate`, one with a wait `Waited`, and an
 * interrupted waiter `Cancelled`; a borrow that a keyed pool refuses has `TooManyKeys`. A tag `unit` carries the unit, because `@effect/opentelemetry` looks for it there.
 *
 * @since 3.0.0
 */
import * as Effect from "effect/Effect"
import { callback, list, orElse, that } from "./checks/rules.js"
import { type Rows, type Rule, Table } from "./checks/table.js"
import { exposition } from "./internal/metrics/exposition.js"
import { bounds, boundsInSeconds } from "./internal/metrics/instruments.js"
import { allSources } from "./internal/registry.js"

/**
 * Renders the metrics of all running pools of this process in Prometheus' text format, version 0.0.4. Serve the text as
 * `text/plain; version=0.0.4`. Use it in a program without another exporter of Effect's metrics.
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
 * @since 3.0.0
 * @category exporters
 */
export const prometheus: Effect.Effect<string> = Effect.sync(() => exposition(allSources(), bounds))

/**
 * The options of `prometheusWith`.
 *
 * @since 3.0.0
 * @category models
 */
export interface PrometheusOptions {
  /** Returns whether to render the metrics of pools of this name. Default: those of all. */
  readonly pools?: (name: string) => boolean
  /**
   * The upper bounds of the buckets of histograms, in seconds and ascending. Each must be one of the default:
   * 0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 and 10. A
   * bucket for longer durations is always there.
   */
  readonly buckets?: ReadonlyArray<number>
}

/**
 * Renders the metrics of some pools, or with fewer buckets, as `prometheus` does. A pool has about 95 lines, of which 60
 * are buckets: five buckets leave 59. The pool of a client has 25 more, of which 18 are buckets. A wrong option throws a `RangeError` that names the option, the value and the
 * rule.
 *
 * @example
 * ```ts
 * import { PoolMetrics } from "@socketpool/core"
 *
 * export const metrics = PoolMetrics.prometheusWith({
 *   pools: (name) => !name.startsWith("tenant-"),
 *   buckets: [0.001, 0.01, 0.1, 1, 10]
 * })
 * ```
 *
 * @since 3.0.0
 * @category exporters
 */
export const prometheusWith = (options: PrometheusOptions): Effect.Effect<string> => {
  const { buckets, pools } = prometheusOptions.read("PoolMetrics.prometheusWith", options)
  const chosen = buckets.map((seconds) => bounds[boundsInSeconds.indexOf(seconds)]!)
  return Effect.sync(() => exposition(allSources().filter(({ name }) => pools(name)), chosen))
}

const bucket = that<number>(
  (value) => boundsInSeconds.includes(value),
  `one of ${boundsInSeconds.join(", ")}`
)

const prometheusOptions = new Table(
  {
    pools: orElse(callback as Rule<(name: string) => boolean>, () => true),
    buckets: orElse(list(bucket, "an array of seconds"), boundsInSeconds)
  } satisfies Rows<PrometheusOptions>,
  [
    ({ buckets }, refuse) => {
      if (buckets.some((seconds, i) => i > 0 && seconds <= buckets[i - 1]!)) refuse("buckets", buckets, "ascending")
    }
  ]
)
