/**
 * The statistics of a pool: its state now and its counts so far, as plain numbers.
 *
 * @since 3.0.0
 */

/**
 * The reason why a pool closed a connection.
 *
 * - `Expired`: older than `connectionTTL`, or `isExpired` said so.
 * - `Stale`: idle for longer than `idleTimeout`.
 * - `MaxUses`: lent `maxUses` times.
 * - `Invalid`: `validate` answered `false`, failed, died or took longer than `validateTimeout`, for it or for another
 *   while it was idle; `invalidate` was called; or a hook of the user (`isConnected`, `isExpired`, `lease`,
 *   `onRelease`) died; or nobody held it when an `EndpointPool` asked its ejected endpoint again.
 * - `Disconnected`: `isConnected` was false, or `closed` completed.
 * - `Discarded`: its lease ended with a failure, an interruption or a defect after which it must not be lent again, or
 *   `onRelease` answered `"discard"`, or did not answer within `closeTimeout`.
 * - `Desync`: bytes arrived that no borrower had asked for, so `closed` completed with `"Desync"`.
 * - `Dropped`: `drop` or `reconnect` was called.
 * - `Cleared`: `clear` was called.
 * - `Surplus`: `resize` left no room for it, or it was idle and `reconnect` needed its place, or an `EndpointPool` moved
 *   its place to another endpoint.
 * - `Reclaimed`: its budget took its place back.
 * - `PoolClosed`: the pool closed.
 *
 * @since 3.0.0
 * @category models
 */
export type CloseReason =
  | "Expired"
  | "Stale"
  | "MaxUses"
  | "Invalid"
  | "Disconnected"
  | "Discarded"
  | "Desync"
  | "Dropped"
  | "Cleared"
  | "Surplus"
  | "Reclaimed"
  | "PoolClosed"

/**
 * The reason why a borrower got no connection: a reason of `PoolExhaustedError`, `OpenFailed` if an open failed or
 * timed out, or `PoolClosed` if the pool was closing or closed.
 *
 * @since 3.0.0
 * @category models
 */
export type BorrowFailure =
  | "Timeout"
  | "QueueFull"
  | "NoWait"
  | "SelfDeadlock"
  | "Shed"
  | "OpenFailed"
  | "PoolClosed"

/**
 * Durations of one kind, in milliseconds. The percentiles are upper bounds, at most 18 % too high. They and the maximum
 * are 0 before the first measurement.
 *
 * @since 3.0.0
 * @category models
 */
export interface TimeSummary {
  /** The number of durations. */
  readonly count: number
  /** Their sum, in milliseconds. */
  readonly totalMillis: number
  readonly maxMillis: number
  readonly p50Millis: number
  readonly p95Millis: number
  readonly p99Millis: number
}

/**
 * Durations of one kind, counted in buckets. Use two of them to summarize the time in between, with `summaryBetween`.
 *
 * @since 3.0.0
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
 * The counts and times of the sessions of a client: its connections, each with many requests at once.
 *
 * @since 3.0.0
 * @category models
 */
export interface SessionStats {
  /** The number of requests so far, those included that wait to be sent. */
  readonly requests: number
  /** The number of requests that have been sent and wait for their response. */
  readonly inFlight: number
  /** The number of requests so far that were interrupted or timed out after they had been sent. */
  readonly abandoned: number
  /** The number of those whose response is still to come. */
  readonly tombstones: number
  /** The number of sessions that ended because the peer was silent for `stallTimeout`. */
  readonly stalls: number
  /** The times from the sending of a request to its whole response. */
  readonly roundTripTime: TimeSummary
}

/**
 * A snapshot of one pool. It always adds up: `opened` − the sum of `closed` = `idle` + `inUse` + `closing`, and
 * `opening` + `idle` + `inUse` + `closing` ≤ `maxConnections` (after a `resize` to less, once the surplus leases have
 * come back and their connections have closed).
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolStats {
  /** The time since the pool was made, in milliseconds. */
  readonly ageMillis: number
  /** The limit of connections at any one time, in any state. */
  readonly maxConnections: number
  /** The number of connections that the pool keeps open. */
  readonly minConnections: number
  /** The places that the pool's budget has granted it; none without a budget. */
  readonly allotted?: number
  /** Opens in flight, and failed opens that are still being cleaned up. */
  readonly opening: number
  /** Idle connections: open, and neither in use nor closing. */
  readonly idle: number
  /** Connections that are lent, on their way back, or being validated. */
  readonly inUse: number
  /** Connections in use that are only being validated and are lent to nobody. */
  readonly validating: number
  /** Connections whose close has not finished. */
  readonly closing: number
  /** Leases that are held now. With `concurrency` above 1 there can be more leases than connections in use. */
  readonly leased: number
  /** Borrowers that wait for a connection now. */
  readonly pending: number
  /** Holders that wait for another connection after `reconnect`. */
  readonly reconnecting: number
  /**
   * The time that the longest-waiting borrower, or holder that reconnects, has been waiting, in milliseconds; 0 if none
   * waits.
   */
  readonly oldestWaitMillis: number
  /** Connections opened so far. */
  readonly opened: number
  /**
   * Opens so far without a connection: they failed, timed out, or were aborted by `close`, `clear` or `resize`. Counted
   * once they have been cleaned up; until then they count as `opening`.
   */
  readonly openFailed: number
  /** Connections closed so far, by reason. */
  readonly closed: { readonly [Reason in CloseReason]: number }
  /** Leases given so far. */
  readonly acquired: number
  /** Of those leases, how many had to wait in the queue. */
  readonly waited: number
  /** Borrows so far that failed with `PoolExhaustedError`, for any reason. */
  readonly exhausted: number
  /** Of those borrows, how many hit `acquireTimeout` (reason `Timeout`). */
  readonly timedOut: number
  /** Borrows and calls of `reconnect` so far that got no connection, by reason. */
  readonly failed: { readonly [Reason in BorrowFailure]: number }
  /** Borrowers so far that an interrupt ended while they waited. */
  readonly cancelled: number
  /** Leases so far that were held for longer than `leakThreshold`. */
  readonly leaksSuspected: number
  /** The time that the pool has been overloaded, in milliseconds. Absent with `Overload.fifo`. */
  readonly overloadedMillis?: number
  /** The waits of borrowers for the leases they got; 0 without a wait. */
  readonly waitTime: TimeSummary
  /** The hold times of leases that have ended. */
  readonly useTime: TimeSummary
  /** The durations of opens that gave a connection. */
  readonly openTime: TimeSummary
  /** The counts and times of the requests, if the pool is that of a `Client`. */
  readonly sessions?: SessionStats
}
