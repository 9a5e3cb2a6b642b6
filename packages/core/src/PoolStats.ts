/**
 * The statistics of a pool: its state now and its counts so far, as plain numbers.
 *
 * @since 0.1.0
 */
import type { borrowFailures, closeReasons } from "./internal/reasons.js"
import type * as Schemas from "./PoolSchemas.js"

/**
 * The reason why a pool closed a connection.
 *
 * - `Expired`: older than `connectionTTL`, or `isExpired` said so.
 * - `Stale`: idle for longer than `idleTimeout`.
 * - `MaxUses`: lent `maxUses` times.
 * - `Invalid`: `validate` answered `false`, failed, died or took longer than `validateTimeout`, for it or for another
 *   while it was idle; `invalidate` was called; or a hook of the user (`isConnected`, `isExpired`, `lease`,
 *   `onRelease`) died.
 * - `Disconnected`: `isConnected` was false, or `closed` completed.
 * - `Discarded`: its lease ended with a failure, an interruption or a defect after which it must not be lent again, or
 *   `onRelease` answered `"discard"`, or did not answer within `closeTimeout`.
 * - `Desync`: bytes arrived that no borrower had asked for, so `closed` completed with `"Desync"`.
 * - `Dropped`: `drop` or `reconnect` was called.
 * - `Cleared`: `clear` was called.
 * - `Surplus`: `resize` left no room for it, or it was idle and `reconnect` needed its place.
 * - `PoolClosed`: the pool closed.
 *
 * @since 0.1.0
 * @category models
 */
export type CloseReason = typeof closeReasons[number]

/**
 * The reason why a borrower got no connection: a reason of `PoolExhaustedError`, `OpenFailed` if an open failed or
 * timed out, or `PoolClosed` if the pool was closing or closed.
 *
 * @since 0.1.0
 * @category models
 */
export type BorrowFailure = typeof borrowFailures[number]

/**
 * Durations of one kind, in milliseconds. The percentiles are upper bounds, at most 18 % too high. They and the maximum
 * are 0 before the first measurement.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeSummary = typeof Schemas.TimeSummary.Type

/**
 * Durations of one kind, counted in buckets. Use two of them to summarize the time in between, with `summaryBetween`.
 *
 * @since 0.2.0
 * @category models
 */
export interface TimeBuckets {
  /** The number of durations. */
  readonly count: number
  /** Their sum, in milliseconds. */
  readonly totalMillis: number
  readonly maxMillis: number
  /** The number of durations in each bucket; empty before the first measurement. */
  readonly counts: ReadonlyArray<number>
}

/**
 * A snapshot of one pool. It always adds up: `opened` − the sum of `closed` = `idle` + `inUse` + `closing`, and
 * `opening` + `idle` + `inUse` + `closing` ≤ `maxConnections` (after a `resize` to less, once the surplus leases have
 * come back and their connections have closed).
 *
 * @since 0.1.0
 * @category models
 */
export type PoolStats = typeof Schemas.PoolStats.Type
