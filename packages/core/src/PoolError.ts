/**
 * The errors of the pool itself. A connector's own error passes through the pool unchanged.
 *
 * @since 3.0.0
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
  SelfDeadlock: "release before borrowing again, borrow only one at a time in a fiber, or raise maxConnections",
  Shed: "send less, raise maxConnections, or raise the target of overload",
  TooManyKeys: "raise maxKeys, or hold connections of fewer keys at a time"
}

const describeOverload = (overload: PoolExhaustedError["overload"]): string =>
  overload === undefined
    ? ""
    : `: in the last ${overload.overloadedMillis} ms every borrower had waited for ${overload.leastWaitMillis} ms or ` +
      `longer, and the target is ${overload.targetMillis} ms`

/**
 * No connection became available in time for a borrower. The message shows the pool's counts and its longest holders,
 * and says what to try.
 *
 * - `Timeout`: none within `acquireTimeout`, or within the timeout of `acquireWith`.
 * - `QueueFull`: `maxPending` borrowers waited already, so this one failed at once.
 * - `NoWait`: the caller set a timeout of 0 and no connection was idle.
 * - `SelfDeadlock`: this fiber, or parents that wait for it, hold every lease there can be, by `use` or `get`: of the
 *   pool, or of all pools that share its budget. It would wait for itself and fails at once.
 * - `Shed`: the pool is overloaded, and this borrower had waited for more than twice the target of `Overload.codel`.
 * - `TooManyKeys`: a keyed pool has `maxKeys` keys, and each of them has a lease or a borrower that waits.
 *
 * @since 3.0.0
 * @category errors
 */
export class PoolExhaustedError extends Data.TaggedError("PoolExhaustedError")<{
  /** The pool's name. */
  readonly pool: string
  readonly reason: "Timeout" | "QueueFull" | "NoWait" | "SelfDeadlock" | "Shed" | "TooManyKeys"
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
  /**
   * The pool's budget: its places, how many of them are taken, and how many by this pool. `isLost` is set while the store
   * of its places cannot be reached, so that it grants none.
   */
  readonly budget?: {
    readonly name: string
    readonly limit: number
    readonly held: number
    readonly heldHere: number
    readonly isLost?: true
  }
  /** The overload for which this borrower was shed: nobody was served after a shorter wait for so long. */
  readonly overload?: {
    readonly targetMillis: number
    readonly leastWaitMillis: number
    readonly overloadedMillis: number
  }
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
      SelfDeadlock: "this fiber would wait for itself",
      Shed: `shed after ${this.waitedMillis} ms, because the pool is overloaded${describeOverload(this.overload)}`,
      TooManyKeys: "there are as many keys as there may be, and each has a lease or a borrower that waits"
    }[this.reason]
    const counts = `${inUse} in use, ${idle} idle, ${opening} opening, ${closing} closing of at most ` +
      `${maxConnections}; ${pending} waiting`
    const own = this.heldByCaller === 0 ?
      "" :
      `; this fiber already holds ${this.heldByCaller} ${this.heldByCaller === 1 ? "connection" : "connections"}, ` +
      "its parents' included"
    const shared = this.budget === undefined ?
      "" :
      `; ${this.budget.held} of ${this.budget.limit} places of the budget ${quoted(this.budget.name)} are taken, ` +
      `${this.budget.heldHere} of them here` +
      (this.budget.isLost ? ", and it grants none, because its store cannot be reached" : "")
    const holders = this.longestHolders.length === 0 ?
      "" :
      `; longest held by ${this.longestHolders.map(describeHolder).join(", ")}`
    const connect = "lastConnectError" in this ?
      `; the last open failed with ${describeError(this.lastConnectError)}` :
      ""
    // A larger budget does not help a pool that has as many connections as it may.
    const isFull = inUse + idle + opening + closing >= maxConnections
    const isBudgetFull = !isFull && this.budget !== undefined && this.budget.held >= this.budget.limit
    const advised = this.budget?.isLost
      ? "look for the store of the budget in the log"
      : isBudgetFull
      ? advice[this.reason].replace("raise maxConnections", "raise maxConnections of the budget")
      : advice[this.reason]
    // A caller that does not wait expects this answer.
    const help = this.reason === "NoWait" ? "" : see(this._tag, this.reason)
    return `Pool ${
      quoted(this.pool)
    }: ${what} (${counts}${shared}${own}${holders}${connect}). Try to ${advised}.${help}`
  }
}

/**
 * `release`, `drop` or `reconnect` was called for a connection that this pool does not have or no longer leases.
 * Nothing has changed in the pool. `dropById` counts as `drop`.
 *
 * @since 3.0.0
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
 * @since 3.0.0
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
 * @since 3.0.0
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
 * A pool of endpoints knows no endpoint that the borrower could be served by.
 *
 * - `Empty`: the discovery gave no endpoint within `acquireTimeout`, or within the timeout of `acquireWith`.
 * - `Unknown`: no endpoint of the newest set has the `id` or the tier that was asked for. With a `probe`, a borrower waits
 *   for an endpoint of its tier first.
 * - `ProbeFailed`: a connection to `endpoint` was opened, and `probe` failed on it with `cause`. Nothing was lent.
 *
 * @since 3.0.0
 * @category errors
 */
export class NoEndpointError extends Data.TaggedError("NoEndpointError")<{
  /** The pool's name. */
  readonly pool: string
  readonly reason: "Empty" | "Unknown" | "ProbeFailed"
  /** The time that this borrower waited, in milliseconds. */
  readonly waitedMillis: number
  /** The `id` that was asked for, or that of the endpoint whose probe failed. */
  readonly endpoint?: string
  /** The tier that was asked for. */
  readonly tier?: number
  /** The error of the discovery, if it has failed and given no set since. */
  readonly lastDiscoveryError?: unknown
  /** The error of the probe. */
  readonly cause?: unknown
}> {
  static {
    ErrorForms.define(this, "lastDiscoveryError", "cause")
  }

  override get message(): string {
    const pool = `Pool ${quoted(this.pool)}`
    if (this.reason === "ProbeFailed") {
      return `${pool}: the probe of the endpoint ${quoted(this.endpoint!)} failed with ${describeError(this.cause)}. ` +
        `Check that the probe is right for this server.${see(this._tag)}`
    }
    const asked = this.endpoint === undefined ?
      `of tier ${this.tier}` :
      `with the id ${quoted(this.endpoint)}`
    const waited = `the borrower waited for ${this.waitedMillis} ms`
    const what = this.reason === "Empty" ?
      `the discovery has given no endpoint; ${waited}` :
      `there is no endpoint ${asked} in the newest set${this.waitedMillis === 0 ? "" : `; ${waited}`}`
    const discovery = "lastDiscoveryError" in this ?
      ` (the discovery failed with ${describeError(this.lastDiscoveryError)})` :
      ""
    const advised = this.reason === "Empty" ?
      "Check the discovery and what it asks, or raise acquireTimeout" :
      "Read pool.endpoints for the ids and tiers that there are"
    return `${pool}: ${what}${discovery}. ${advised}.${see(this._tag)}`
  }
}

/**
 * The errors that any borrow can fail with, in addition to the connector's own.
 *
 * @since 3.0.0
 * @category errors
 */
export type BorrowError = PoolExhaustedError | PoolClosedError | ConnectTimeoutError
