/**
 * The verdict: the state of a pool in a word.
 *
 * @since 3.0.0
 */

/**
 * The state of a pool.
 *
 * - `down`: opens fail, and no connection is open or nobody is served.
 * - `stuck`: requests wait, and none was served for two seconds or longer.
 * - `overloaded`: more came than the pool could serve, as its option `overload` tells; `bad` if requests got no
 *   connection, at least one in a hundred, or if one has waited for five seconds or longer.
 * - `refusing`: requests got no connection; `bad` if at least one in a hundred.
 * - `waiting`: requests wait for a connection; `bad` if one has waited for five seconds or longer.
 * - `opens fail`: opens fail, and connections that are still open serve the requests.
 * - `leak suspected`: a lease is held for longer than `leakThreshold`.
 * - `healthy`: none of these.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolVerdict {
  readonly tone: "good" | "warn" | "bad"
  readonly word: "down" | "stuck" | "overloaded" | "refusing" | "waiting" | "opens fail" | "leak suspected" | "healthy"
}

/**
 * The facts behind a verdict: the state now, and what has happened in a recent period, such as the last ten seconds.
 *
 * @since 3.0.0
 * @category models
 */
export interface Facts {
  /** Connections that are open, idle or in use. */
  readonly connections: number
  /** The time that the oldest waiter has been waiting, in milliseconds; 0 if none waits. */
  readonly oldestWaitMillis: number
  /** The length of the recent period, in milliseconds. */
  readonly periodMillis: number
  /** Leases given in the period. */
  readonly acquired: number
  /** Requests that got no connection in the period, except from a closed pool. */
  readonly refused: number
  /** Whether the last open failed. */
  readonly opensFail: boolean
  /** Whether a lease is held for longer than `leakThreshold`. */
  readonly suspectsLeak: boolean
  /** The time for which the pool was overloaded in the period, in milliseconds. Default: 0. */
  readonly overloadedMillis?: number
}

/** A pool that refuses this part of its requests fails its callers; below it, a burst has had a tail. */
const mayRefuse = 0.01
/** A request that waits for so long, in milliseconds, is in trouble, whatever its timeout is. */
const mayWait = 5_000
/** The time after which a pool that serves nobody is stuck, in milliseconds. */
const mayBeStuck = 2_000

/**
 * Judges a pool. The dashboard's page and `socketpool top` show this verdict.
 *
 * @example
 * ```ts
 * import { type PoolStats, PoolVerdict } from "@socketpool/core"
 *
 * // From two readings of `pool.stats`, some seconds apart.
 * const isFailing = (then: PoolStats, now: PoolStats) =>
 *   PoolVerdict.judge({
 *     connections: now.idle + now.inUse,
 *     oldestWaitMillis: now.oldestWaitMillis,
 *     periodMillis: now.ageMillis - then.ageMillis,
 *     acquired: now.acquired - then.acquired,
 *     refused: now.exhausted - then.exhausted,
 *     opensFail: now.openFailed > then.openFailed && now.opened === then.opened,
 *     suspectsLeak: now.leaksSuspected > then.leaksSuspected,
 *     overloadedMillis: (now.overloadedMillis ?? 0) - (then.overloadedMillis ?? 0)
 *   }).tone === "bad"
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const judge = (facts: Facts): PoolVerdict => {
  const { acquired, oldestWaitMillis, opensFail, overloadedMillis = 0, refused } = facts
  const isUnserved = acquired === 0
  // Connections that stay in use do not serve the requests that fail.
  if (opensFail && (facts.connections === 0 || isUnserved && refused > 0)) return { tone: "bad", word: "down" }
  if (isUnserved && Math.min(facts.periodMillis, oldestWaitMillis) >= mayBeStuck) return { tone: "bad", word: "stuck" }
  const isOverloaded = overloadedMillis > 0
  if (refused > 0 && refused >= mayRefuse * (acquired + refused)) {
    return { tone: "bad", word: isOverloaded ? "overloaded" : "refusing" }
  }
  if (oldestWaitMillis >= mayWait) return { tone: "bad", word: isOverloaded ? "overloaded" : "waiting" }
  if (opensFail) return { tone: "warn", word: "opens fail" }
  if (isOverloaded) return { tone: "warn", word: "overloaded" }
  if (refused > 0) return { tone: "warn", word: "refusing" }
  if (oldestWaitMillis > 0) return { tone: "warn", word: "waiting" }
  if (facts.suspectsLeak) return { tone: "warn", word: "leak suspected" }
  return { tone: "good", word: "healthy" }
}
