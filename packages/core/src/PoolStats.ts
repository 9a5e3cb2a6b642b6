/**
 * What a pool is doing and has done, as plain numbers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Why a pool closed a connection.
 *
 * - `Expired`: older than `connectionTTL`, or `isExpired` said so.
 * - `Invalid`: `invalidate` was called, or a hook of the user (`isConnected`, `isExpired`, `lease`, `onRelease`) died.
 * - `Disconnected`: `isConnected` was false, or `closed` completed.
 * - `Unclean`: its lease ended in a way after which it must not be lent again, or `onRelease` said `"discard"` or hung.
 * - `Dropped`: `drop` was called.
 * - `PoolClosed`: the pool closed.
 *
 * @since 0.1.0
 * @category models
 */
export const CloseReason = Schema.Literal("Expired", "Invalid", "Disconnected", "Unclean", "Dropped", "PoolClosed")

/**
 * @since 0.1.0
 * @category models
 */
export type CloseReason = typeof CloseReason.Type

/**
 * A snapshot of one pool. It always adds up: `opened` − the sum of `closed` = `idle` + `inUse` + `closing`, and
 * `opening` + `idle` + `inUse` + `closing` ≤ `maxConnections`.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolStats = Schema.Struct({
  /** The most connections there may be at once, in whatever state. */
  maxConnections: Schema.Number,
  /** The floor that is kept open. */
  minConnections: Schema.Number,
  /** Opens in flight, and failed ones whose remains are still being cleaned up. */
  opening: Schema.Number,
  /** Connections that wait to be lent. */
  idle: Schema.Number,
  /** Connections that are lent, or just coming back. */
  inUse: Schema.Number,
  /** Connections whose close has not finished. */
  closing: Schema.Number,
  /** Borrowers that wait for a connection. */
  pending: Schema.Number,
  /** Connections opened so far. */
  opened: Schema.Number,
  /** Opens so far that gave no connection: failed, timed out, or given up because the pool closed. */
  openFailed: Schema.Number,
  /** Connections closed so far, by reason. */
  closed: Schema.Record({ key: CloseReason, value: Schema.Number }),
  /** Leases given so far. */
  acquired: Schema.Number,
  /** How many of them had to wait in the queue. */
  waited: Schema.Number,
  /** Borrows so far that failed with `PoolExhaustedError`. */
  exhausted: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolStats = typeof PoolStats.Type
