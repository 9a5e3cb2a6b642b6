/**
 * The verdict: the state of a pool in a word.
 *
 * @since 0.2.0
 */
import type { PoolStats } from "./PoolStats.js"

/**
 * The state of a pool, the worst first.
 *
 * - `down`: opens fail, and no request is served.
 * - `stuck`: requests wait, and none was served in the last seconds.
 * - `refusing`: requests got no connection; `bad` if more than one in a hundred.
 * - `opens fail`: opens fail, and connections that are still open serve the requests.
 * - `waiting`: requests wait for a connection.
 * - `leak suspected`: a lease is held for longer than `leakThreshold`.
 * - `healthy`: none of these.
 *
 * @since 0.2.0
 * @category models
 */
export interface PoolVerdict {
  readonly tone: "good" | "warn" | "bad"
  readonly word: "down" | "stuck" | "refusing" | "opens fail" | "waiting" | "leak suspected" | "healthy"
}

/**
 * The facts behind a verdict: the state now, and what has happened in a recent period, such as the last ten seconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Facts {
  readonly stats: Pick<PoolStats, "idle" | "inUse" | "pending">
  /** The length of the recent period, in milliseconds. */
  readonly periodMillis: number
  /** Leases given in the period. */
  readonly acquired: number
  /** Requests that got no connection in the period. */
  readonly failed: number
  /** Whether the last open failed. */
  readonly opensFail: boolean
  /** Whether a lease is held for longer than `leakThreshold`. */
  readonly suspectsLeak: boolean
}

/** A pool that refuses a larger part of its requests is in a bad state. */
const mayRefuse = 0.01

/** The shortest period in which at least one waiting request should have been served, in milliseconds. */
const patience = 5_000

/**
 * Judges a pool. Both the dashboard's page and `socketpool top` show this verdict.
 *
 * @example
 * ```ts
 * import { type PoolStats, PoolVerdict } from "@socketpool/core"
 *
 * // From two readings of `pool.stats`, some seconds apart.
 * const verdict = (then: PoolStats, now: PoolStats) =>
 *   PoolVerdict.judge({
 *     stats: now,
 *     periodMillis: now.ageMillis - then.ageMillis,
 *     acquired: now.acquired - then.acquired,
 *     failed: now.exhausted - then.exhausted,
 *     opensFail: now.openFailed > then.openFailed && now.opened === then.opened,
 *     suspectsLeak: now.leaksSuspected > then.leaksSuspected
 *   })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const judge = (facts: Facts): PoolVerdict => {
  const { acquired, failed, opensFail, periodMillis, stats, suspectsLeak } = facts
  const isUnserved = acquired === 0 && (failed > 0 || stats.pending > 0)
  // Connections that stay in use do not serve the requests that wait.
  if (opensFail && (isUnserved || stats.idle + stats.inUse === 0)) return { tone: "bad", word: "down" }
  if (failed > 0) return { tone: failed > mayRefuse * (acquired + failed) ? "bad" : "warn", word: "refusing" }
  if (isUnserved && periodMillis >= patience) return { tone: "bad", word: "stuck" }
  if (opensFail) return { tone: "warn", word: "opens fail" }
  if (stats.pending > 0) return { tone: "warn", word: "waiting" }
  if (suspectsLeak) return { tone: "warn", word: "leak suspected" }
  return { tone: "good", word: "healthy" }
}
