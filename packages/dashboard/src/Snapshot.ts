/**
 * The state of all pools, as `GET /api/pools` returns it; the live page and `socketpool top` show it.
 *
 * @since 0.1.0
 */
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import { PoolLease } from "@socketpool/core/PoolLease"
import { PoolStats } from "@socketpool/core/PoolStats"
import * as Schema from "effect/Schema"

/**
 * One pool at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolSnapshot = Schema.Struct({
  /** The number that the dashboard gives the pool, because names need not be unique. */
  id: Schema.Number,
  name: Schema.String,
  stats: PoolStats,
  /** The 200 longest leases, longest first; `stats.leased` counts all of them. */
  leases: Schema.Array(PoolLease),
  advice: PoolAdvice.PoolAdvice
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolSnapshot = typeof PoolSnapshot.Type

/**
 * All pools of the process at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export const Snapshot = Schema.Struct({
  /** The time of the snapshot, in milliseconds since 1970. */
  at: Schema.Number,
  pools: Schema.Array(PoolSnapshot)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type
