/**
 * The errors of the pool itself. A connector's own error passes through the pool unchanged.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { describeError, describeHolder } from "./internal/describe.js"
import * as ErrorForms from "./internal/errorForms.js"
import { see } from "./internal/help.js"
import { quoted } from "./internal/text.js"
import type { LeaseHolder } from "./PoolLease.js"
import type { PoolStats } from "./PoolStats.js"

const advice = {
  Timeout: "hold connections for a shorter time, raise maxConnections, or raise acquireTimeout",
  QueueFull: "shed load before the pool, raise maxConnections, or raise maxPending",
  NoWait: "wait for a connection by giving a timeout above 0, or try again later",
  SelfDeadlock: "release before borrowing again, borrow only one at a time in a fiber, or raise maxConnections"
}

/**
 * No connection became available in time for a borrower. The message shows the pool's counts and its longest holders,
 * and says what to try.
 *
 * - `Timeout`: none within `acquireTimeout`, or within the timeout of `acquireWith`.
 * - `QueueFull`: `maxPending` borrowers waited already, so this one failed at once.
 * - `NoWait`: the caller set a timeout of 0 and no connection was idle.
 * - `SelfDeadlock`: this fiber, or parents that wait for it, hold every lease there can be, by `use` or `get`. It would
 *   wait for itself and fails at once.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolExhaustedError extends Data.TaggedError("PoolExhaustedError")<{
  /** The pool's name. */
  readonly pool: string
  readonly reason: "Timeout" | "QueueFull" | "NoWait" | "SelfDeadlock"
  /** The time that this borrower waited, in milliseconds. */
  readonly waitedMillis: number
  /** The number of leases of this pool that the failing fiber, or one it was forked from, held at that moment. */
  readonly heldByCaller: number
  /** The pool's statistics at the moment of failure. */
  readonly stats: PoolStats
  /** The error of the last open that failed, if none has succeeded since. */
  readonly lastConnectError?: unknown
  /** The longest leases at the moment of failure, at most three, longest first. */
  readonly longestHolders: ReadonlyArray<LeaseHolder>
}> {
  static {
    ErrorForms.define(this, "lastConnectError")
  }

  override get message(): string {
    const { closing, idle, inUse, maxConnections, opening, pending } = this.stats
    const what = {
      Timeout: `no connection within ${this.waitedMillis} ms`,
      QueueFull: `the queue is full: ${pending} ${pending === 1 ? "borrower waits" : "borrowers wait"} already`,
      NoWait: "no idle connection, and the caller does not wait",
      SelfDeadlock: "this fiber would wait for itself"
    }[this.reason]
    const counts = `${inUse} in use, ${idle} idle, ${opening} opening, ${closing} closing of at most ` +
      `${maxConnections}; ${pending} waiting`
    const own = this.heldByCaller === 0 ?
      "" :
      `; this fiber already holds ${this.heldByCaller} ${this.heldByCaller === 1 ? "connection" : "connections"}, ` +
      "its parents' included"
    const holders = this.longestHolders.length === 0 ?
      "" :
      `; longest held by ${this.longestHolders.map(describeHolder).join(", ")}`
    const connect = "lastConnectError" in this ?
      `; the last open failed with ${describeError(this.lastConnectError)}` :
      ""
    // A caller that does not wait expects this answer.
    const help = this.reason === "NoWait" ? "" : see(this._tag, this.reason)
    return `Pool ${quoted(this.pool)}: ${what} (${counts}${own}${holders}${connect}). Try to ${
      advice[this.reason]
    }.${help}`
  }
}

/**
 * `release`, `drop` or `reconnect` was called for a connection that this pool does not have or no longer leases.
 * Nothing has changed in the pool. `dropById` counts as `drop`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionNotFoundError extends Data.TaggedError("ConnectionNotFoundError")<{
  /** The pool's name. */
  readonly pool: string
  readonly operation: "release" | "drop" | "reconnect"
}> {
  static {
    ErrorForms.define(this)
  }

  override get message(): string {
    const expected = this.operation === "drop" ? "in it" : "leased from it"
    return `Pool ${quoted(this.pool)}: cannot ${this.operation} a connection that is not ${expected}; ` +
      "it was released or dropped before, has closed, or belongs to another pool. Release each lease once." +
      // An operator may drop a connection that has just closed.
      (this.operation === "drop" ? "" : see(this._tag))
  }
}

/**
 * An open took longer than `connectTimeout`, and the connector had no error of its own for that. The pool interrupts
 * the open, and the oldest waiter fails with this error.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectTimeoutError extends Data.TaggedError("ConnectTimeoutError")<{
  /** The pool's name. */
  readonly pool: string
  /** `connectTimeout` in milliseconds. */
  readonly timeoutMillis: number
}> {
  static {
    ErrorForms.define(this)
  }

  override get message(): string {
    return `Pool ${
      quoted(this.pool)
    }: opening a connection took longer than ${this.timeoutMillis} ms and was interrupted. ` +
      `Check the server and the network, or raise connectTimeout.${see(this._tag)}`
  }
}

/**
 * The pool is closing or closed. Every later borrow fails with this error, and so does every waiter at the moment of
 * closing. Held leases last until `drainTimeout`.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolClosedError extends Data.TaggedError("PoolClosedError")<{
  /** The pool's name. */
  readonly pool: string
}> {
  static {
    ErrorForms.define(this)
  }

  override get message(): string {
    return `Pool ${quoted(this.pool)} is closed: it lends no more connections. ` +
      `Keep the pool's scope open for as long as the pool is used.${see(this._tag)}`
  }
}

/**
 * The errors that any borrow can fail with, in addition to the connector's own.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = PoolExhaustedError | PoolClosedError | ConnectTimeoutError
