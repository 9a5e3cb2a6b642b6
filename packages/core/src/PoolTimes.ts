/**
 * The times that a pool has measured, to summarize any part of its life.
 *
 * @since 3.0.0
 */
import * as Histogram from "./internal/histogram.js"
import type { TimeBuckets, TimeSummary } from "./PoolStats.js"

/**
 * The times of a pool, counted in buckets.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolTimes {
  /** The waits of borrowers for the leases they got; 0 without a wait. */
  readonly waitTime: TimeBuckets
  /** The hold times of leases that have ended. */
  readonly useTime: TimeBuckets
  /** The durations of opens that gave a connection. */
  readonly openTime: TimeBuckets
  /** The times from the sending of a request to its whole response, if the pool is that of a `Client`. */
  readonly roundTripTime?: TimeBuckets
}

/**
 * Summarizes the durations that a pool measured between two moments, for example in the last minute. `stats` covers the
 * whole life of the pool, in which an hour of trouble disappears. The maximum is an upper bound, like the percentiles.
 *
 * @example
 * ```ts
 * import { Pool, summaryBetween } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({ open: Effect.succeed("a connection") })
 *   const before = yield* pool.times
 *   yield* pool.use(() => Effect.void)
 *   const after = yield* pool.times
 *   return summaryBetween(before.waitTime, after.waitTime).p99Millis
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category summaries
 */
export const summaryBetween: (earlier: TimeBuckets, later: TimeBuckets) => TimeSummary = Histogram.summaryBetween
