/**
 * The state of all pools, as `GET /api/pools` returns it; the live page and `socketpool top` show it.
 *
 * @since 0.1.0
 */
import { BorrowFailure, PoolAdvice, PoolLease, PoolStats, TimeSummary } from "@socketpool/core/PoolSchemas"
import * as Schema from "effect/Schema"

/**
 * What a pool has counted and measured in the last minute, while `PoolStats` covers its whole life. It is a little more
 * than a minute, and less while the pool is younger or the dashboard has not known it for that long.
 *
 * @since 0.2.0
 * @category models
 */
export const Recent = Schema.Struct({
  /** The time that is covered, in milliseconds. */
  millis: Schema.Number,
  /** Leases given. */
  acquired: Schema.Number,
  /** Of those leases, how many had to wait. */
  waited: Schema.Number,
  /** Borrowers that an interrupt ended while they waited. */
  cancelled: Schema.Number,
  opened: Schema.Number,
  openFailed: Schema.Number,
  /** Requests that got no connection, by reason. */
  failed: Schema.Record({ key: BorrowFailure, value: Schema.Number }),
  /** The maxima are upper bounds, like the percentiles. */
  waitTime: TimeSummary,
  useTime: TimeSummary,
  openTime: TimeSummary
})

/**
 * @since 0.2.0
 * @category models
 */
export type Recent = typeof Recent.Type

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
  /** The last minute; absent in snapshots of version 0.1. */
  recent: Schema.optionalWith(Recent, { exact: true }),
  /** The last failed open, unless one has succeeded since. The error is shortened, and shows no password of a URL. */
  openFailure: Schema.optionalWith(Schema.Struct({ at: Schema.Number, error: Schema.String }), { exact: true }),
  /** The 200 longest leases, longest first; `stats.leased` counts all of them. */
  leases: Schema.Array(PoolLease),
  advice: PoolAdvice
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
