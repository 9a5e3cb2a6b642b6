/**
 * What the live page and `socketpool top` are told of all pools, as JSON.
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
  /** The page's own number of the pool; names need not be unique. */
  id: Schema.Number,
  name: Schema.String,
  stats: PoolStats,
  /** The longest leases, longest first, at most 200; `stats.leased` says how many there are. */
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
  /** When, in milliseconds since 1970. */
  at: Schema.Number,
  pools: Schema.Array(PoolSnapshot)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type
