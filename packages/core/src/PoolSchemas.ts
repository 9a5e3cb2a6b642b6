/**
 * The schemas of everything that a pool says: its errors, events and statistics. They are a module of their own, because
 * `effect/Schema` takes longer to load than the rest of a pool.
 *
 * @example
 * ```ts
 * import { Pool, PoolSchemas } from "@socketpool/core"
 * import { Effect, Schema } from "effect"
 *
 * const statsAsJson = Effect.flatMap(Pool.stats, Schema.encode(Schema.parseJson(PoolSchemas.PoolStats)))
 * ```
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import * as ConnectionErrors from "./ConnectionError.js"
import { errorSchema, literals, numberOrZero, optionalKey, record, union } from "./internal/effect/schema.js"
import { isError } from "./internal/errorForms.js"
import { foreign } from "./internal/foreign.js"
import { borrowFailures, closeReasons } from "./internal/reasons.js"
import * as PoolErrors from "./PoolError.js"

// --- Statistics -----------------------------------------------------------------------------------------------------

/**
 * The schema of `CloseReason`.
 *
 * @since 0.2.0
 * @category models
 */
export const CloseReason = literals(...closeReasons)

/**
 * The schema of `BorrowFailure`.
 *
 * @since 0.2.0
 * @category models
 */
export const BorrowFailure = literals(...borrowFailures)

/**
 * The schema of `TimeSummary`.
 *
 * @since 0.2.0
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
 * The schema of `PoolStats`.
 *
 * @since 0.2.0
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
 * The schema of `LeaseHolder`.
 *
 * @since 0.2.0
 * @category models
 */
export const LeaseHolder = Schema.Struct({
  fiber: Schema.String,
  span: optionalKey(Schema.String),
  heldMillis: Schema.Number
})

/**
 * The schema of `PoolLease`.
 *
 * @since 0.2.0
 * @category models
 */
export const PoolLease = Schema.Struct({
  /** The pool's number of the connection, as in its events. `dropById` takes it. */
  connectionId: Schema.Number,
  holder: LeaseHolder,
  /** Whether it has been held for longer than `leakThreshold`. */
  suspected: Schema.Boolean
})

/**
 * The schema of `PoolAdvice`.
 *
 * @since 0.2.0
 * @category models
 */
export const PoolAdvice = Schema.Struct({
  /** False below 100 requests, or if no lease has ended. The suggestion then repeats the current settings. */
  isFounded: Schema.Boolean,
  /** The suggested `maxConnections`. */
  maxConnections: Schema.Number,
  /** The suggested `minConnections`. */
  minConnections: Schema.Number,
  /** The measured time, in milliseconds. */
  measuredMillis: Schema.Number,
  /** Requests for a connection per second, including those that got none. */
  arrivalsPerSecond: Schema.Number,
  /** The mean time that a lease was held, in milliseconds. */
  holdMillis: Schema.Number,
  /** The mean number of leases at once if nobody had to wait: arrivals × hold. */
  load: Schema.Number,
  /** `load` as a fraction of all leases that `maxConnections` allows; above 1 the queue grows without limit. */
  utilization: Schema.Number,
  /** The fraction of the served requests that had to wait. */
  waited: Schema.Number,
  /** The fraction of all requests that got no connection. */
  failed: Schema.Number,
  /** The reasons, in sentences for an operator. */
  reasons: Schema.Array(Schema.String)
})

// --- Events ---------------------------------------------------------------------------------------------------------

const exhaustedReason = literals("Timeout", "QueueFull", "NoWait", "SelfDeadlock")

const common = {
  /** The pool's name. */
  pool: Schema.String,
  /** The time in milliseconds since 1970, by the pool's clock. */
  at: Schema.Number
}

/** The pool's own number of the connection, counted from 1 in the order in which opens begin. */
const connectionId = Schema.Number

/**
 * The schema of `PoolEvent`.
 *
 * @since 0.2.0
 * @category models
 */
export const PoolEvent = union(
  Schema.TaggedStruct("Opened", {
    ...common,
    connectionId,
    /** The duration of the open, in milliseconds. */
    tookMillis: Schema.Number
  }),
  Schema.TaggedStruct("OpenFailed", {
    ...common,
    connectionId,
    /** The error's name and message only; its other fields may hold secrets. */
    error: Schema.String
  }),
  Schema.TaggedStruct("Borrowed", { ...common, connectionId, holder: LeaseHolder, waitedMillis: Schema.Number }),
  Schema.TaggedStruct("Released", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("Closed", { ...common, connectionId, reason: CloseReason }),
  Schema.TaggedStruct("Exhausted", {
    ...common,
    reason: exhaustedReason,
    waitedMillis: Schema.Number
  }),
  Schema.TaggedStruct("LeakSuspected", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("LeakReturned", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("Cleared", common),
  Schema.TaggedStruct("Resized", { ...common, minConnections: Schema.Number, maxConnections: Schema.Number }),
  Schema.TaggedStruct("Draining", common),
  Schema.TaggedStruct("PoolClosed", common)
)

// --- Errors ---------------------------------------------------------------------------------------------------------

/**
 * The schema of `ConnectAttempt`.
 *
 * @since 0.2.0
 * @category models
 */
export const ConnectAttempt = Schema.Struct({
  address: Schema.String,
  code: optionalKey(Schema.String)
})

/**
 * The schema of `PoolExhaustedError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const PoolExhaustedError = errorSchema("PoolExhaustedError", PoolErrors.PoolExhaustedError, isError, {
  pool: Schema.String,
  reason: exhaustedReason,
  waitedMillis: Schema.Number,
  heldByCaller: Schema.Number,
  stats: PoolStats,
  lastConnectError: optionalKey(foreign),
  longestHolders: Schema.Array(LeaseHolder)
})

/**
 * The schema of `ConnectionNotFoundError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const ConnectionNotFoundError = errorSchema(
  "ConnectionNotFoundError",
  PoolErrors.ConnectionNotFoundError,
  isError,
  {
    pool: Schema.String,
    operation: literals("release", "drop", "reconnect")
  }
)

/**
 * The schema of `ConnectTimeoutError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const ConnectTimeoutError = errorSchema("ConnectTimeoutError", PoolErrors.ConnectTimeoutError, isError, {
  pool: Schema.String,
  timeoutMillis: Schema.Number
})

/**
 * The schema of `PoolClosedError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const PoolClosedError = errorSchema("PoolClosedError", PoolErrors.PoolClosedError, isError, {
  pool: Schema.String
})

/**
 * The schema of `ConnectError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const ConnectError = errorSchema("ConnectError", ConnectionErrors.ConnectError, isError, {
  reason: literals(
    "Refused",
    "Timeout",
    "HandshakeTimeout",
    "Dns",
    "Unreachable",
    "Tls",
    "LocalResources",
    "PathTooLong",
    "Other"
  ),
  address: Schema.String,
  code: optionalKey(Schema.String),
  attempts: Schema.Array(ConnectAttempt),
  cause: optionalKey(foreign)
})

/**
 * The schema of `ConnectionError`.
 *
 * @since 0.2.0
 * @category errors
 */
export const ConnectionError = errorSchema("ConnectionError", ConnectionErrors.ConnectionError, isError, {
  reason: literals("EndOfStream", "Reset", "Closed", "Timeout", "TooLarge", "Desync", "Released"),
  operation: literals("read", "write"),
  address: Schema.String,
  code: optionalKey(Schema.String),
  bytesIntoFrame: optionalKey(Schema.Number)
})
