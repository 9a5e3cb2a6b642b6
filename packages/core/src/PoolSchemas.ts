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
 * @since 3.0.0
 */
import * as Schema from "effect/Schema"
import * as ConnectionErrors from "./ConnectionError.js"
import type * as Endpoints from "./EndpointPoolModel.js"
import { errorSchema, literals, numberOrZero, optionalKey, record, union } from "./internal/effect/schema.js"
import { isError } from "./internal/errorForms.js"
import { foreign } from "./internal/foreign.js"
import { borrowFailures, closeReasons } from "./internal/reasons.js"
import type * as Keyed from "./KeyedPoolModel.js"
import type * as Advice from "./PoolAdvice.js"
import * as PoolErrors from "./PoolError.js"
import type * as Events from "./PoolEvent.js"
import type * as Leases from "./PoolLease.js"
import type * as Stats from "./PoolStats.js"

// --- Statistics -----------------------------------------------------------------------------------------------------

/**
 * The schema of `CloseReason`.
 *
 * @since 3.0.0
 * @category models
 */
export const CloseReason = literals(...closeReasons) satisfies Schema.Schema<Stats.CloseReason>

/**
 * The schema of `BorrowFailure`.
 *
 * @since 3.0.0
 * @category models
 */
export const BorrowFailure = literals(...borrowFailures) satisfies Schema.Schema<Stats.BorrowFailure>

/**
 * The schema of `TimeSummary`.
 *
 * @since 3.0.0
 * @category models
 */
export const TimeSummary = Schema.Struct({
  count: Schema.Number,
  totalMillis: Schema.Number,
  maxMillis: Schema.Number,
  p50Millis: Schema.Number,
  p95Millis: Schema.Number,
  p99Millis: Schema.Number
}) satisfies Schema.Schema<Stats.TimeSummary, any>

/**
 * The schema of `SessionStats`.
 *
 * @since 3.0.0
 * @category models
 */
export const SessionStats = Schema.Struct({
  requests: Schema.Number,
  inFlight: Schema.Number,
  abandoned: Schema.Number,
  tombstones: Schema.Number,
  stalls: Schema.Number,
  roundTripTime: TimeSummary
}) satisfies Schema.Schema<Stats.SessionStats, any>

/**
 * The schema of `PoolStats`.
 *
 * @since 3.0.0
 * @category models
 */
export const PoolStats = Schema.Struct({
  ageMillis: Schema.Number,
  maxConnections: Schema.Number,
  minConnections: Schema.Number,
  allotted: optionalKey(Schema.Number),
  opening: Schema.Number,
  idle: Schema.Number,
  inUse: Schema.Number,
  validating: Schema.Number,
  closing: Schema.Number,
  leased: Schema.Number,
  pending: Schema.Number,
  reconnecting: Schema.Number,
  oldestWaitMillis: numberOrZero,
  opened: Schema.Number,
  openFailed: Schema.Number,
  closed: record(CloseReason, Schema.Number),
  acquired: Schema.Number,
  waited: Schema.Number,
  exhausted: Schema.Number,
  timedOut: Schema.Number,
  failed: record(BorrowFailure, Schema.Number),
  cancelled: Schema.Number,
  leaksSuspected: Schema.Number,
  overloadedMillis: optionalKey(Schema.Number),
  waitTime: TimeSummary,
  useTime: TimeSummary,
  openTime: TimeSummary,
  sessions: optionalKey(SessionStats)
}) satisfies Schema.Schema<Stats.PoolStats, any>

/**
 * The schema of `KeyedStats`.
 *
 * @since 3.0.0
 * @category models
 */
export const KeyedStats = Schema.Struct({
  ...PoolStats.fields,
  keys: Schema.Number,
  maxKeys: Schema.Number,
  wanted: Schema.Number,
  forgotten: Schema.Number,
  tooManyKeys: Schema.Number
}) satisfies Schema.Schema<Keyed.KeyedStats, any>

/**
 * The schema of `KeyUsage`.
 *
 * @since 3.0.0
 * @category models
 */
export const KeyUsage = Schema.Struct({
  number: Schema.Number,
  label: optionalKey(Schema.String),
  held: Schema.Number,
  inUse: Schema.Number,
  idle: Schema.Number,
  pending: Schema.Number,
  oldestWaitMillis: Schema.Number,
  wanted: Schema.Number
}) satisfies Schema.Schema<Keyed.KeyUsage, any>

/**
 * The schema of `EndpointStatus`.
 *
 * @since 3.0.0
 * @category models
 */
export const EndpointStatus = Schema.Struct({
  id: Schema.String,
  host: Schema.String,
  port: Schema.Number,
  tier: Schema.Number,
  weight: Schema.Number,
  state: literals("Up", "SlowStart", "Ejected", "Draining"),
  inUse: Schema.Number,
  idle: Schema.Number,
  opening: Schema.Number,
  waiting: Schema.Number,
  acquired: Schema.Number,
  load: Schema.Number,
  failures: Schema.Number,
  ejections: Schema.Number,
  ejectedUntil: optionalKey(Schema.Number),
  lastError: optionalKey(Schema.String)
}) satisfies Schema.Schema<Endpoints.EndpointStatus, any>

/**
 * The schema of `LeaseHolder`.
 *
 * @since 3.0.0
 * @category models
 */
export const LeaseHolder = Schema.Struct({
  fiber: Schema.String,
  span: optionalKey(Schema.String),
  heldMillis: Schema.Number
}) satisfies Schema.Schema<Leases.LeaseHolder, any>

/**
 * The schema of `PoolLease`.
 *
 * @since 3.0.0
 * @category models
 */
export const PoolLease = Schema.Struct({
  connectionId: Schema.Number,
  holder: LeaseHolder,
  suspected: Schema.Boolean,
  exclusive: Schema.Boolean
}) satisfies Schema.Schema<Leases.PoolLease, any>

/**
 * The schema of `PoolAdvice`.
 *
 * @since 3.0.0
 * @category models
 */
export const PoolAdvice = Schema.Struct({
  isFounded: Schema.Boolean,
  maxConnections: Schema.Number,
  minConnections: Schema.Number,
  measuredMillis: Schema.Number,
  arrivalsPerSecond: Schema.Number,
  holdMillis: Schema.Number,
  load: Schema.Number,
  utilization: Schema.Number,
  waited: Schema.Number,
  failed: Schema.Number,
  reasons: Schema.Array(Schema.String)
}) satisfies Schema.Schema<Advice.PoolAdvice, any>

// --- Events ---------------------------------------------------------------------------------------------------------

const exhaustedReason = literals("Timeout", "QueueFull", "NoWait", "SelfDeadlock", "Shed", "TooManyKeys")

const common = {
  pool: Schema.String,
  at: Schema.Number,
  endpoint: optionalKey(Schema.String)
}

const ids = Schema.Array(Schema.String)

const connectionId = Schema.Number

/**
 * The schema of `PoolEvent`.
 *
 * @since 3.0.0
 * @category models
 */
export const PoolEvent = union(
  Schema.TaggedStruct("Opened", {
    ...common,
    connectionId,
    tookMillis: Schema.Number
  }),
  Schema.TaggedStruct("OpenFailed", {
    ...common,
    connectionId,
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
  Schema.TaggedStruct("Overloaded", { ...common, leastWaitMillis: Schema.Number }),
  Schema.TaggedStruct("Recovered", { ...common, overloadedMillis: Schema.Number }),
  Schema.TaggedStruct("LeakSuspected", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("LeakReturned", { ...common, connectionId, holder: LeaseHolder }),
  Schema.TaggedStruct("Cleared", common),
  Schema.TaggedStruct("Resized", { ...common, minConnections: Schema.Number, maxConnections: Schema.Number }),
  Schema.TaggedStruct("EndpointsChanged", { ...common, added: ids, removed: ids }),
  Schema.TaggedStruct("EndpointsEmpty", common),
  Schema.TaggedStruct("EndpointEjected", {
    ...common,
    endpoint: Schema.String,
    forMillis: Schema.Number,
    error: Schema.String
  }),
  Schema.TaggedStruct("EndpointRestored", { ...common, endpoint: Schema.String }),
  Schema.TaggedStruct("EndpointMoved", {
    ...common,
    endpoint: Schema.String,
    from: Schema.Number,
    to: Schema.Number
  }),
  Schema.TaggedStruct("Draining", common),
  Schema.TaggedStruct("PoolClosed", common)
) satisfies Schema.Schema<Events.PoolEvent, any>

// --- Errors ---------------------------------------------------------------------------------------------------------

/**
 * The schema of `ConnectAttempt`.
 *
 * @since 3.0.0
 * @category models
 */
export const ConnectAttempt = Schema.Struct({
  address: Schema.String,
  code: optionalKey(Schema.String)
}) satisfies Schema.Schema<ConnectionErrors.ConnectAttempt, any>

/**
 * The schema of `PoolExhaustedError`.
 *
 * @since 3.0.0
 * @category errors
 */
export const PoolExhaustedError = errorSchema("PoolExhaustedError", PoolErrors.PoolExhaustedError, isError, {
  pool: Schema.String,
  reason: exhaustedReason,
  waitedMillis: Schema.Number,
  heldByCaller: Schema.Number,
  stats: PoolStats,
  lastConnectError: optionalKey(foreign),
  longestHolders: Schema.Array(LeaseHolder),
  budget: optionalKey(
    Schema.Struct({
      name: Schema.String,
      limit: Schema.Number,
      held: Schema.Number,
      heldHere: Schema.Number,
      isLost: optionalKey(literals(true))
    })
  ),
  overload: optionalKey(
    Schema.Struct({
      targetMillis: Schema.Number,
      leastWaitMillis: Schema.Number,
      overloadedMillis: Schema.Number
    })
  )
})

/**
 * The schema of `ConnectionNotFoundError`.
 *
 * @since 3.0.0
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
 * @since 3.0.0
 * @category errors
 */
export const ConnectTimeoutError = errorSchema("ConnectTimeoutError", PoolErrors.ConnectTimeoutError, isError, {
  pool: Schema.String,
  timeoutMillis: Schema.Number
})

/**
 * The schema of `PoolClosedError`.
 *
 * @since 3.0.0
 * @category errors
 */
export const PoolClosedError = errorSchema("PoolClosedError", PoolErrors.PoolClosedError, isError, {
  pool: Schema.String
})

/**
 * The schema of `NoEndpointError`.
 *
 * @since 3.0.0
 * @category errors
 */
export const NoEndpointError = errorSchema("NoEndpointError", PoolErrors.NoEndpointError, isError, {
  pool: Schema.String,
  reason: literals("Empty", "Unknown", "ProbeFailed"),
  waitedMillis: Schema.Number,
  endpoint: optionalKey(Schema.String),
  tier: optionalKey(Schema.Number),
  lastDiscoveryError: optionalKey(foreign),
  cause: optionalKey(foreign)
})

/**
 * The schema of `ConnectError`.
 *
 * @since 3.0.0
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
 * @since 3.0.0
 * @category errors
 */
export const ConnectionError = errorSchema("ConnectionError", ConnectionErrors.ConnectionError, isError, {
  reason: literals("EndOfStream", "Reset", "Closed", "Timeout", "TooLarge", "Desync", "Released"),
  operation: literals("read", "write"),
  address: Schema.String,
  code: optionalKey(Schema.String),
  bytesIntoFrame: optionalKey(Schema.Number),
  sent: optionalKey(literals("No", "Maybe")),
  received: optionalKey(Schema.String)
})
