/**
 * A door to a pool for code that is not Effect: drivers, request handlers, scripts. `Pool.promises` makes it. It is the
 * same pool, with the same queue, limits and statistics; only the way in differs. A borrow runs no fiber.
 *
 * - Every function rejects with the same errors that the pool's effects fail with: `PoolExhaustedError`,
 *   `PoolClosedError`, `ConnectTimeoutError`, or the connector's own. A wrong option rejects with a `RangeError`.
 * - An `AbortSignal` takes the place of interruption. It ends a wait at once.
 * - Holders are called `promise #7` where fibers are called `#7`, with their label in place of a span.
 * - A call within the `use` of another is told by its asynchronous context (Node.js, Bun, Deno; no browser). If such
 *   calls hold all there is, the next one fails at once with reason `SelfDeadlock`, as it does in fibers.
 *
 * @since 3.0.0
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { DurationInput } from "effect/Duration"
import type { PoolStats } from "./PoolStats.js"

/**
 * The part of an `AbortSignal` that a borrow uses.
 *
 * @since 3.0.0
 * @category models
 */
export interface Signal {
  readonly aborted: boolean
  readonly reason: any
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/**
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Ends the wait for a connection: the borrower leaves the queue at once, and its promise rejects with the signal's
   * `reason`. With one that is aborted already, nothing is borrowed.
   */
  readonly signal?: Signal | undefined

  /** The longest wait, in place of the pool's `acquireTimeout`, as in `acquireWith`. With 0 it never waits. */
  readonly timeout?: DurationInput | undefined

  /**
   * The name of the holder in errors, logs and `pool.leases`, such as `GET /orders/:id`: one line. Default: the label of
   * the call within whose `use` this one is made.
   */
  readonly label?: string | undefined
}

/**
 * The right to use one connection, until `release` or `drop`. `using` and `await using` release it at the end of their
 * block, also after an exception. The pool cannot see that exception; if it may have left the connection in disorder,
 * call `drop`, or use `PromisePool.use`, which sees it.
 *
 * @since 3.0.0
 * @category models
 */
export interface PromiseLease<out C> extends Disposable, AsyncDisposable {
  readonly connection: C

  /**
   * Gives the connection back. Counts as a success for `onRelease`. Returns at once; a close runs in the background.
   *
   * Throws `ConnectionNotFoundError` if the lease has ended: it was released or dropped before, or the pool has closed
   * and `drainTimeout` has passed. The end of a `using` block throws nothing then.
   */
  release(): void

  /** Closes the connection instead. Throws as `release` does. */
  drop(): void

  /** Releases, unless the lease has ended. */
  [Symbol.dispose](): void

  /** Releases, unless the lease has ended. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A pool, for code that is not Effect.
 *
 * @since 3.0.0
 * @category models
 */
export interface PromisePool<out C> extends AsyncDisposable {
  /** The pool's name in errors, logs, metrics and traces. */
  readonly name: string

  /**
   * Leases a connection until it is released. Prefer `use`.
   *
   * An abort that comes after the promise has resolved changes nothing: the lease is the caller's.
   */
  acquire(options?: Options): Promise<PromiseLease<C>>

  /**
   * Leases a connection until the promise of `f` settles, and settles as it does.
   *
   * The connection returns to the pool if `f` succeeds. A rejection, or an exception, counts as a typed failure:
   * the connection returns as well, but a socket closes unless `isReply` says that the failure was an answer. If
   * `Effect.runPromise` rejects, the failure, defect or interruption of its effect counts.
   *
   * JavaScript cannot stop `f`, so an abort does not end the lease; pass the signal on to what `f` does. If the signal is
   * aborted and `f` rejects, for whatever reason, that counts as an interruption, and the connection closes. `onRelease`
   * can decide otherwise.
   *
   * Work that `f` starts belongs to it, whether it awaits that or not. So a borrow that `f` starts while it and the
   * calls around it hold every connection fails at once with `SelfDeadlock`; start work that need not be awaited after
   * `use`.
   *
   * To tell this, `f` runs in an `AsyncLocalStorage`. Before Node.js 24, its first use in a process costs every `await`
   * some 0.2 µs from then on. `acquire` uses none.
   */
  use<A>(f: (connection: C) => A | PromiseLike<A>, options?: Options): Promise<A>

  /** Returns a snapshot of the pool's counts and times, all of one moment. */
  stats(): PoolStats

  /** Closes the pool, as `pool.close` does, and resolves when it has closed. */
  close(): Promise<void>

  /** Closes the pool, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}
