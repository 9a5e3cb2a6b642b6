/**
 * The statistics of a pool: its state now and its counts so far, as plain numbers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { literals, numberOrZero, record } from "./internal/effect/schema.js"

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
export const CloseReason = literals(
  "Expired",
  "Stale",
  "MaxUses",
  "Invalid",
  "Disconnected",
  "Discarded",
  "Desync",
  "Dropped",
  "Cleared",
  "Surplus",
  "PoolClosed"
)

/**
 * @since 0.1.0
 * @category models
 */
export type CloseReason = typeof CloseReason.Type

/**
 * The reason why a borrower got no connection: a reason of `PoolExhaustedError`, `OpenFailed` if an open failed or
 * timed out, or `PoolClosed` if the pool was closing or closed.
 *
 * @since 0.1.0
 * @category models
 */
export const BorrowFailure = literals(
  "Timeout",
  "QueueFull",
  "NoWait",
  "SelfDeadlock",
  "OpenFailed",
  "PoolClosed"
)

/**
 * @since 0.1.0
 * @category models
 */
export type BorrowFailure = typeof BorrowFailure.Type

/**
 * Durations of one kind, in milliseconds. The percentiles are upper bounds, at most 18 % too high. They and the maximum
 * are 0 before the first measurement.
 *
 * @since 0.1.0
 * @category models
 */
export const TimeSummary = Schema.Struct({
  /** The number of durations. */
  count: Schema.Number,
  /** Their sum, in milliseconds. */
  totalMillis: Schema.Number,
  maxMillis: Schema.Number,
  p50Millis: Schema.Number,
  p95Millis: Schema.Number,
  p99Millis: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export type TimeSummary = typeof TimeSummary.Type

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
export const PoolStats = Schema.Struct({
  /** The time since the pool was made, in milliseconds. */
  ageMillis: Schema.Number,
  /** The limit of connections at any one time, in any state. */
  maxConnections: Schema.Number,
  /** The number of connections that the pool keeps open. */
  minConnections: Schema.Number,
  /** Opens in flight, and failed opens that are still being cleaned up. */
  opening: Schema.Number,
  /** Idle connections: open, and neither in use nor closing. */
  idle: Schema.Number,
  /** Connections that are lent, on their way back, or being validated. */
  inUse: Schema.Number,
  /** Connections in use that are only being validated and are lent to nobody. */
  validating: Schema.Number,
  /** Connections whose close has not finished. */
  closing: Schema.Number,
  /** Leases that are held now. With `concurrency` above 1 there can be more leases than connections in use. */
  leased: Schema.Number,
  /** Borrowers that wait for a connection now. */
  pending: Schema.Number,
  /** Holders that wait for another connection after `reconnect`. */
  reconnecting: Schema.Number,
  /**
   * The time that the longest-waiting borrower, or holder that reconnects, has been waiting, in milliseconds; 0 if none
   * waits.
   */
  oldestWaitMillis: numberOrZero,
  /** Connections opened so far. */
  opened: Schema.Number,
  /**
   * Opens so far without a connection: they failed, timed out, or were aborted by `close`, `clear` or `resize`. Counted
   * once they have been cleaned up; until then they count as `opening`.
   */
  openFailed: Schema.Number,
  /** Connections closed so far, by reason. */
  closed: record(CloseReason, Schema.Number),
  /** Leases given so far. */
  acquired: Schema.Number,
  /** Of those leases, how many had to wait in the queue. */
  waited: Schema.Number,
  /** Borrows so far that failed with `PoolExhaustedError`, for any reason. */
  exhausted: Schema.Number,
  /** Of those borrows, how many hit `acquireTimeout` (reason `Timeout`). */
  timedOut: Schema.Number,
  /** Borrows and calls of `reconnect` so far that got no connection, by reason. */
  failed: record(BorrowFailure, Schema.Number),
  /** Borrowers so far that an interrupt ended while they waited. */
  cancelled: Schema.Number,
  /** Leases so far that were held for longer than `leakThreshold`. */
  leaksSuspected: Schema.Number,
  /** The waits of borrowers for the leases they got; 0 without a wait. */
  waitTime: TimeSummary,
  /** The hold times of leases that have ended. */
  useTime: TimeSummary,
  /** The durations of opens that gave a connection. */
  openTime: TimeSummary
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolStats = typeof PoolStats.Type
