/**
 * The interface of a pool.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { AsEffectPool } from "./Interop.js"
import type { PoolAdvice } from "./PoolAdvice.js"
import type { BorrowError, ConnectionNotFoundError, ConnectTimeoutError, PoolClosedError } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { PoolLease } from "./PoolLease.js"
import type { PoolStats } from "./PoolStats.js"
import type { PoolTimes } from "./PoolTimes.js"

/**
 * The brand of every pool that `Pool.make` makes.
 *
 * @since 3.0.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@socketpool/core/ConnectionPool")

/**
 * @since 3.0.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A pool of connections of type `C` that fail to open with `E`.
 *
 * It is an `effect` `Pool` too: any function that takes one takes this (`Pool.get(pool)`, `Pool.invalidate(pool, c)`,
 * `yield* pool`).
 *
 * A pool of `TcpConnection`s is also a pool of `Connection`s, and can serve a tag of them: to give back a connection
 * that a pool does not have is `ConnectionNotFoundError`, whatever its type.
 *
 * The pool serves borrowers in the order of their arrival. An interrupted waiter leaves the queue at once; the
 * connection being opened for it serves another borrower.
 *
 * @since 3.0.0
 * @category models
 */
export interface ConnectionPool<out C, out E = never> extends AsEffectPool<C, E | BorrowError> {
  readonly [TypeId]: TypeId

  /** The pool's name in errors, logs, metrics and traces. */
  readonly name: string

  /** The number of leases that one connection can have at once: the option `concurrency`. */
  readonly concurrency: number

  /**
   * Leases a connection until the caller's scope closes. If the scope closes with a success or a typed failure, the
   * connection returns to the pool. After an interruption or a defect the pool closes it. `onRelease` can decide
   * otherwise.
   *
   * Fails with:
   * - `PoolExhaustedError` if no connection became available within `acquireTimeout`, or if `maxPending` borrowers wait
   *   already. A fiber that holds every connection by `get` or `use`, alone or with parents that wait for it, fails at once with
   *   reason `SelfDeadlock`.
   * - `PoolClosedError` if the pool is closing.
   * - `ConnectTimeoutError`, or the connector's own error, if an open for this borrower failed.
   *
   * An interrupt ends the wait at once. To end a lease from another fiber, use `acquire`.
   */
  readonly get: Effect.Effect<C, E | BorrowError, Scope.Scope>

  /**
   * Leases a connection while one effect runs. This is the fastest way to borrow, and it needs no `Scope`. The lease
   * ends with the effect's exit, and fails, as with `get`.
   */
  use<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R>

  /**
   * Leases a connection that nobody else has, until the caller's scope closes. Use it in a pool with `concurrency`
   * above 1 for work that others must not share: a blocking command, a transaction, another database. In a pool without
   * `concurrency` it is the same as `get`.
   *
   * It waits in the same queue as `get`. When its turn comes, it takes an idle connection. Without one, the pool opens
   * another. If the pool may not open any, it reserves the connection with the fewest leases: that takes no further
   * lease, and comes to this caller when its last lease has ended. Meanwhile borrowers behind it may share other
   * connections. If the wait fails or is interrupted, the reservation ends.
   *
   * Ends and fails as `get` does. A fiber that holds a lease of every connection fails at once with reason
   * `SelfDeadlock`.
   */
  readonly exclusive: Effect.Effect<C, E | BorrowError, Scope.Scope>

  /** Leases a connection that nobody else has, while one effect runs: `exclusive` without a `Scope`. */
  useExclusive<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R>

  /**
   * Leases a connection until `release` or `drop`. Prefer `use` or `get`. Fails as `get` does.
   *
   * An interrupt right after `acquire` leaks the connection until the pool closes. So make it the acquire of an
   * `Effect.acquireUseRelease`, or call it inside `Effect.uninterruptible`. In such a region an interrupt does not end
   * the wait; only `acquireTimeout` does.
   */
  readonly acquire: Effect.Effect<C, E | BorrowError>

  /**
   * Calls `acquire` with a timeout of its own in place of `acquireTimeout`.
   *
   * With a timeout of 0 it never waits. If no connection is idle, it fails at once with `PoolExhaustedError` reason
   * `NoWait`, and the pool opens a connection in the background, if it may, for a later call.
   */
  acquireWith(options: { readonly timeout: Duration.DurationInput }): Effect.Effect<C, E | BorrowError>

  /**
   * Ends a lease that was taken with `acquire`, or ends one early that this fiber has taken with `get` or `use`. Counts
   * as a success for `onRelease`. Returns at once; a close runs in the background.
   *
   * Fails with `ConnectionNotFoundError` if there is no such lease: it was released or dropped before, or the pool has
   * closed and `drainTimeout` has passed.
   *
   * If two fibers acquire the same connection one after the other, a late second `release` by the first ends the lease
   * of the second. Pools with `lease`, such as all pools of sockets, tell the two apart.
   */
  release(connection: C): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * Removes one connection from the pool and closes it, idle or leased, no matter which fiber holds it. Its place is
   * free once it has closed. Returns at once. If it was leased with `get` or `use`, the end of that lease does nothing
   * more.
   *
   * Fails with `ConnectionNotFoundError` if this pool does not have the connection.
   */
  drop(connection: C): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * Calls `drop` for a connection known by its number, as in events and `leases`. Meant for operators, who see numbers.
   * Fails with `ConnectionNotFoundError` if no open connection has the number.
   */
  dropById(connectionId: number): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * Closes a leased connection and opens another in its place, for the same lease. Use it when the holder has found the
   * connection broken, or needs a fresh one. It takes precedence over the queue, and takes as long as an open, at most
   * `acquireTimeout`.
   *
   * With `concurrency` above 1, a connection that others hold too closes when the last of them has released it.
   *
   * Fails with `ConnectionNotFoundError` if there is no such lease, and as `get` does. After a failure or an
   * interruption the lease has ended and the old connection is closed. Only if the pool was closing already, with
   * `PoolClosedError`, nothing has changed.
   */
  reconnect(connection: C): Effect.Effect<C, E | BorrowError | ConnectionNotFoundError>

  /**
   * Closes a connection when it is next idle: an idle one now, a leased one on return. The same as in `effect/Pool`.
   */
  invalidate(connection: C): Effect.Effect<void>

  /**
   * Closes expired and stale idle connections now and returns how many. Waits neither for the closes nor for the
   * replacements that `minConnections` needs.
   */
  readonly dropExpired: Effect.Effect<number>

  /**
   * Begins a new generation, for instance after a failover. Idle connections close now, leased ones on return, and
   * opens in flight are aborted. Waiters keep waiting for connections opened from now on. Returns at once. On a closed
   * pool it does nothing.
   */
  readonly clear: Effect.Effect<void>

  /**
   * Changes `minConnections` and `maxConnections` while the pool runs; an omitted one stays. More room serves the queue
   * at once. Surplus connections close: idle ones now, the longest idle first, then opens in flight, and leased ones on
   * return. No lease is cut. Returns at once. On a closed pool it does nothing.
   *
   * A wrong value is a defect (`RangeError`) that names the option, the value and the rule; then nothing changes.
   */
  resize(size: { readonly min?: number; readonly max?: number }): Effect.Effect<void>

  /**
   * Completes when `minConnections` and `initialConnections` are open.
   *
   * Fails with the connector's own error, or with `ConnectTimeoutError`, as soon as an open for them fails, and at once
   * while the pool waits for the next attempt. Retry it to outlast an outage. Fails with `PoolClosedError` if the pool
   * is closing.
   */
  readonly awaitReady: Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError>

  /**
   * Closes the pool, as closing its scope does. Waiters and later borrowers fail with `PoolClosedError`. Idle
   * connections close now, leased ones on return, or by force after `drainTimeout`.
   *
   * Completes when all have closed, at most `drainTimeout` + `closeTimeout` later. A second call waits for the same
   * end. Interrupting the call does not stop the close.
   */
  readonly close: Effect.Effect<void>

  /** The number of open connections, idle and in use. */
  readonly size: Effect.Effect<number>

  /** A snapshot of the pool's counts and times, all of one moment. */
  readonly stats: Effect.Effect<PoolStats>

  /**
   * The times that the pool has measured so far, counted in buckets. `summaryBetween` of two of them gives the
   * percentiles of the time in between.
   */
  readonly times: Effect.Effect<PoolTimes>

  /**
   * The pool's events from the moment of subscription until it has closed. At most 1,024 are kept for a slow
   * subscriber, which then loses the oldest; it never slows the pool. Without a subscriber, events cost nothing.
   */
  readonly events: Stream.Stream<PoolEvent>

  /** `events` without `Borrowed` and `Released`. A subscriber costs the borrowers nothing. */
  readonly notices: Stream.Stream<PoolEvent>

  /** The leases that are held now and their holders, longest first. */
  readonly leases: Effect.Effect<ReadonlyArray<PoolLease>>

  /**
   * Suggests a size for the pool from the arrivals, holds and waits since it was made. `PoolAdvice.advise` does so for
   * a part of that time, or from `stats` that the caller has already taken.
   */
  readonly advise: Effect.Effect<PoolAdvice>
}

/**
 * Returns whether a value is a pool that `Pool.make` has made.
 *
 * @example
 * ```ts
 * import { isConnectionPool, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({ open: Effect.succeed("a page") })
 *   return [isConnectionPool(pool), isConnectionPool({})] // [true, false]
 * })
 * ```
 *
 * @since 3.0.0
 * @category guards
 */
export const isConnectionPool = (value: unknown): value is ConnectionPool<unknown, unknown> =>
  typeof value === "object" && value !== null && TypeId in value
