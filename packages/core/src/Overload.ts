/**
 * The order in which borrowers are served while more come than the pool can serve.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import { rules, Table } from "./Checks.js"

/**
 * @since 3.0.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("@socketpool/core/Overload")

/**
 * @since 3.0.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A policy for overload: a value of `PoolOptions.overload`, made by `fifo`, `adaptiveLifo` or `codel`.
 *
 * A pool is overloaded if its queue does not get short: throughout `interval`, the oldest borrower in the queue had
 * waited for longer than `target` whenever one was served, no connection was idle, and none could be opened. It has
 * recovered once a borrower is served after a shorter wait, or a connection becomes idle.
 *
 * @since 3.0.0
 * @category models
 */
export interface Overload {
  readonly [TypeId]: TypeId
  readonly policy: "fifo" | "adaptiveLifo" | "codel"
  /** The wait above which a queue is too long, in milliseconds. */
  readonly targetMillis: number
  /** The time for which it must be too long, in milliseconds. */
  readonly intervalMillis: number
}

/**
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * The wait that a queue without overload stays below from time to time. Set it above the time that a lease lasts, and
   * well below the time after which callers give up. More than 0. Default: 50 milliseconds.
   */
  readonly target?: Duration.DurationInput

  /** The time for which all waits must be longer than `target`. More than 0. Default: 100 milliseconds. */
  readonly interval?: Duration.DurationInput
}

const options = new Table(
  {
    target: rules.orElse(rules.duration("more than 0"), "50 millis"),
    interval: rules.orElse(rules.duration("more than 0"), "100 millis")
  }
)

const make = (policy: Overload["policy"], given: Options): Overload => {
  const { interval, target } = options.read(`Overload.${policy}`, given)
  return { [TypeId]: TypeId, policy, targetMillis: target, intervalMillis: interval }
}

/**
 * Serves borrowers in the order of their arrival at all times. The default. While callers give up sooner than the queue
 * moves, most connections go to borrowers whose answer comes too late.
 *
 * @example
 * ```ts
 * import { Overload, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * // Jobs wait for as long as it takes, each in its turn.
 * const jobs = Pool.make({ open: Effect.succeed("a connection"), acquireTimeout: "1 hour", overload: Overload.fifo })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const fifo: Overload = make("fifo", {})

/**
 * Serves the newest borrower first while the pool is overloaded. Use it where callers give up after a while: those that
 * are served still want their answer. Older borrowers wait until the load falls, or until their `acquireTimeout`.
 *
 * Source: Ben Maurer, "Fail at Scale", ACM Queue 13 (8), 2015. The sign of overload is CoDel's: see `codel`.
 *
 * @example
 * ```ts
 * import { Overload, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const pool = Pool.make({
 *   open: Effect.succeed("a connection"),
 *   maxConnections: 10,
 *   overload: Overload.adaptiveLifo({ target: "50 millis", interval: "100 millis" })
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const adaptiveLifo = (options: Options = {}): Overload => make("adaptiveLifo", options)

/**
 * Sheds the oldest borrowers while the pool is overloaded: those that have waited for more than twice `target` when a
 * connection becomes free fail with `PoolExhaustedError`, reason `Shed`. The others are served in order. Use it where
 * the order matters, or where a caller should hear early that it will not be served. The last borrower in the queue is
 * never shed, and none is shed while a connection is idle or can be opened.
 *
 * Source: Kathleen Nichols and Van Jacobson, "Controlling Queue Delay", ACM Queue 10 (5), 2012, for the sign of
 * overload. That everything above twice the target is shed at once is Facebook's variant for requests: Ben Maurer,
 * "Fail at Scale", ACM Queue 13 (8), 2015.
 *
 * @example
 * ```ts
 * import { Overload, Pool } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({ open: Effect.succeed("a connection"), overload: Overload.codel() })
 *   return yield* pool.use(Effect.succeed).pipe(
 *     Effect.catchTag("PoolExhaustedError", ({ reason }) => Effect.succeed(reason === "Shed" ? "try again later" : reason))
 *   )
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const codel = (options: Options = {}): Overload => make("codel", options)
