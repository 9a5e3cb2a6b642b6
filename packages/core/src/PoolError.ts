/**
 * The errors of the pool itself. A connector's own error passes through the pool untouched beside them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { describeError, describeHolder } from "./internal/describe.js"
import { defect, literals, optionalKey } from "./internal/effect/schema.js"
import { LeaseHolder } from "./PoolLease.js"
import { PoolStats } from "./PoolStats.js"

const advice = {
  Timeout: "hold connections for a shorter time, raise maxConnections, or raise acquireTimeout",
  QueueFull: "shed load before the pool, raise maxConnections, or raise maxPending",
  NoWait: "wait for a connection by giving a timeout above 0, or try again later",
  SelfDeadlock: "release before borrowing again, borrow only one at a time in a fiber, or raise maxConnections"
}

/**
 * No connection became available within the wait.
 *
 * - `Timeout`: none within the acquire timeout.
 * - `QueueFull`: `maxPending` borrowers were waiting already, so this one failed at once.
 * - `NoWait`: the caller asked for a timeout of 0 and none was idle.
 * - `SelfDeadlock`: this fiber itself holds every lease there can be, by `use` or `get`, and would wait for itself. It
 *   fails at once.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolExhaustedError extends Schema.TaggedError<PoolExhaustedError>("@socketpool/core/PoolExhaustedError")(
  "PoolExhaustedError",
  {
    /** The pool's name. */
    pool: Schema.String,
    reason: literals("Timeout", "QueueFull", "NoWait", "SelfDeadlock"),
    /** How long this borrower waited, in milliseconds. */
    waitedMillis: Schema.Number,
    /** How many leases of this pool the fiber that failed held itself at that moment. */
    heldByCaller: Schema.Number,
    /** The pool at the moment of failure. */
    stats: PoolStats,
    /** Why the pool could not open a connection the last time it tried, if it has not succeeded since. */
    lastConnectError: optionalKey(defect),
    /** The longest leases at the moment of failure, at most three, longest first. */
    longestHolders: Schema.Array(LeaseHolder)
  }
) {
  override get message(): string {
    const { closing, idle, inUse, maxConnections, opening, pending } = this.stats
    const what = {
      Timeout: `no connection within ${this.waitedMillis} ms`,
      QueueFull: `no room to wait: ${pending} ${pending === 1 ? "borrower waits" : "borrowers wait"} already`,
      NoWait: "no idle connection, and the caller does not wait",
      SelfDeadlock: "this fiber would wait for itself"
    }[this.reason]
    const counts = `${inUse} in use, ${idle} idle, ${opening} opening, ${closing} closing of at most ` +
      `${maxConnections}; ${pending} waiting`
    const own = this.heldByCaller === 0 ?
      "" :
      `; this fiber already holds ${this.heldByCaller} ${this.heldByCaller === 1 ? "connection" : "connections"}`
    const holders = this.longestHolders.length === 0 ?
      "" :
      `; longest held by ${this.longestHolders.map(describeHolder).join(", ")}`
    const connect = "lastConnectError" in this ?
      `; opening failed last with ${describeError(this.lastConnectError)}` :
      ""
    return `Pool "${this.pool}": ${what} (${counts}${own}${holders}${connect}). Try to ${advice[this.reason]}.`
  }
}

/**
 * `release`, `drop` or `reconnect` of a connection that this pool does not have, or no longer leases.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionNotFoundError
  extends Schema.TaggedError<ConnectionNotFoundError>("@socketpool/core/ConnectionNotFoundError")(
    "ConnectionNotFoundError",
    {
      /** The pool's name. */
      pool: Schema.String,
      operation: literals("release", "drop", "reconnect")
    }
  )
{
  override get message(): string {
    const expected = this.operation === "drop" ? "in it" : "leased from it"
    return `Pool "${this.pool}": cannot ${this.operation} a connection that is not ${expected}; ` +
      "it was released or dropped before, has closed, or belongs elsewhere. Release each lease once."
  }
}

/**
 * An open took longer than `connectTimeout`, and the connector had no error of its own for that.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectTimeoutError
  extends Schema.TaggedError<ConnectTimeoutError>("@socketpool/core/ConnectTimeoutError")("ConnectTimeoutError", {
    /** The pool's name. */
    pool: Schema.String,
    /** `connectTimeout` in milliseconds. */
    timeoutMillis: Schema.Number
  })
{
  override get message(): string {
    return `Pool "${this.pool}": opening a connection took longer than ${this.timeoutMillis} ms and was given up. ` +
      "Look at the server and the network, or raise connectTimeout."
  }
}

/**
 * The pool is closing or closed: every borrow from then on, and every borrower that waited at that moment.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolClosedError extends Schema.TaggedError<PoolClosedError>("@socketpool/core/PoolClosedError")(
  "PoolClosedError",
  {
    /** The pool's name. */
    pool: Schema.String
  }
) {
  override get message(): string {
    return `Pool "${this.pool}" is closed: no connection can be borrowed any more. ` +
      "Keep the pool's scope open for as long as it is used."
  }
}

/**
 * The errors with which any borrow may fail, besides the connector's own.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = PoolExhaustedError | PoolClosedError | ConnectTimeoutError
