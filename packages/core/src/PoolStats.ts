/**
 * What a pool is doing and has done, as plain numbers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { literals, record } from "./internal/effect/schema.js"

/**
 * Why a pool closed a connection.
 *
 * - `Expired`: older than `connectionTTL`, or `isExpired` said so.
 * - `Stale`: idle for longer than `idleTimeout`.
 * - `MaxUses`: lent `maxUses` times.
 * - `Invalid`: `validate` did not find it in order, or not in time, or it was as old as one of which that was true;
 *   `invalidate` was called; or a hook of the user (`isConnected`, `isExpired`, `lease`, `onRelease`) died.
 * - `Disconnected`: `isConnected` was false, or `closed` completed.
 * - `Discarded`: its lease ended with a failure, an interruption or a defect after which it must not be lent again, or
 *   `onRelease` answered `"discard"` or did not answer within `closeTimeout`.
 * - `Desync`: bytes arrived that no borrower had asked for: `closed` completed with `"Desync"`.
 * - `Dropped`: `drop` or `reconnect` was called.
 * - `Cleared`: `clear` was called.
 * - `Surplus`: `resize` left no room for it, or it was idle and its place was needed for `reconnect`.
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
 * Why somebody who asked for a connection got none: the reasons of `PoolExhaustedError`, `OpenFailed` when opening one
 * failed, in whatever way, and `PoolClosed` when the pool was closing or closed.
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
 * Durations of one kind, in milliseconds. The percentiles are upper bounds that are at most 18 % too high; they and
 * `max` are 0 when nothing was measured yet.
 *
 * @since 0.1.0
 * @category models
 */
export const TimeSummary = Schema.Struct({
  /** How many were measured. */
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
 * A snapshot of one pool. It always adds up: `opened` − the sum of `closed` = `idle` + `inUse` + `closing`, and
 * `opening` + `idle` + `inUse` + `closing` ≤ `maxConnections` (after `resize` to less, once the leases that are too
 * many have come back and their connections have closed).
 *
 * @since 0.1.0
 * @category models
 */
export const PoolStats = Schema.Struct({
  /** How long ago the pool was made, in milliseconds. */
  ageMillis: Schema.Number,
  /** The most connections there may be at once, in whatever state. */
  maxConnections: Schema.Number,
  /** The floor that is kept open. */
  minConnections: Schema.Number,
  /** Opens in flight, and failed ones whose remains are still being cleaned up. */
  opening: Schema.Number,
  /** Connections that wait to be lent. */
  idle: Schema.Number,
  /** Connections that are lent, or just coming back, or being validated. */
  inUse: Schema.Number,
  /** How many of those in use are lent to nobody, but asked by `validate` whether they still work. */
  validating: Schema.Number,
  /** Connections whose close has not finished. */
  closing: Schema.Number,
  /** Leases that are held now; with `concurrency` above 1 there can be more than connections in use. */
  leased: Schema.Number,
  /** Borrowers that wait for a connection. */
  pending: Schema.Number,
  /** Holders that wait for another connection, after `reconnect`. */
  reconnecting: Schema.Number,
  /** Connections opened so far. */
  opened: Schema.Number,
  /**
   * Opens so far that gave no connection: failed, timed out, or given up because of `close`, `clear` or `resize`. Counted
   * once nothing is left of them; until then they are `opening`.
   */
  openFailed: Schema.Number,
  /** Connections closed so far, by reason. */
  closed: record(CloseReason, Schema.Number),
  /** Leases given so far. */
  acquired: Schema.Number,
  /** How many of them had to wait in the queue. */
  waited: Schema.Number,
  /** Borrows so far that failed with `PoolExhaustedError`, for whatever reason. */
  exhausted: Schema.Number,
  /** How many of them waited for as long as they would: reason `Timeout`. */
  timedOut: Schema.Number,
  /** Borrows and calls of `reconnect` so far that got no connection, by reason. */
  failed: record(BorrowFailure, Schema.Number),
  /** Borrowers so far that were interrupted while they waited. */
  cancelled: Schema.Number,
  /** Leases so far that were held for longer than `leakThreshold`. */
  leaksSuspected: Schema.Number,
  /** How long borrowers waited for the leases they got; 0 for those who did not wait. */
  waitTime: TimeSummary,
  /** How long leases were held that have ended. */
  useTime: TimeSummary,
  /** How long the opens took that gave a connection. */
  openTime: TimeSummary
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolStats = typeof PoolStats.Type
