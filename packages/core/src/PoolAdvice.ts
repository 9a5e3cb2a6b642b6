/**
 * Advice: a size for a pool, computed from its statistics.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { PoolStats, TimeSummary } from "./PoolStats.js"

/**
 * A suggested size, the figures behind it, and the reasons.
 *
 * @since 0.1.0
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

/**
 * @since 0.1.0
 * @category models
 */
export type PoolAdvice = typeof PoolAdvice.Type

/** Below this number of requests there is no advice. */
const enough = 100

/** The fraction of requests that may have to wait in the suggested pool. */
const mayWait = 0.01

/**
 * Returns the probability that a request has to wait for one of `servers`, if on average `load` of them would be busy
 * and arrivals are independent of each other: Erlang's C formula, by the usual recurrence over the B formula.
 */
const waitProbability = (servers: number, load: number): number => {
  if (load >= servers) return 1
  let blocked = 1
  for (let n = 1; n <= servers; n++) blocked = (load * blocked) / (n + load * blocked)
  return blocked / (1 - (load / servers) * (1 - blocked))
}

const leastServers = (load: number): number => {
  let servers = Math.max(1, Math.ceil(load))
  while (waitProbability(servers, load) > mayWait) servers++
  return servers
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

const round = (value: number): string => value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
const percent = (fraction: number): string => `${round(fraction * 100)} %`

const nothing: Pick<TimeSummary, "count" | "totalMillis"> = { count: 0, totalMillis: 0 }

/**
 * Suggests a pool size from measured arrivals, holds and waits. Use it on a period with typical load; `pool.advise`
 * covers all the time since the pool was made.
 *
 * The mean number of leases at once is the rate of arrivals times the mean hold (Little's law). The suggested
 * `maxConnections` is the smallest with which at most 1 % of the requests have to wait, if arrivals are independent of
 * each other (Erlang's C formula). Real traffic comes in bursts and needs somewhat more. The formula does not know the
 * server's own limit. The suggested `minConnections` is the mean number of connections in use, if opening takes longer
 * than a lease, but never less than the present setting; otherwise it is the present setting.
 *
 * With fewer than 100 requests it repeats the current settings, and says so.
 *
 * @example
 * ```ts
 * import { Pool, PoolAdvice } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * // Advice from the last hour, not from the whole life of the pool.
 * const lastHour = Effect.gen(function*() {
 *   const since = yield* Pool.stats
 *   yield* Effect.sleep("1 hour")
 *   return PoolAdvice.advise({ stats: yield* Pool.stats, since })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const advise = (measured: {
  readonly stats: PoolStats
  /** Earlier statistics of the same pool; only what happened after them counts. Default: none, so everything counts. */
  readonly since?: PoolStats
  /** The pool's `concurrency`, as `pool.concurrency` says. Default: 1. */
  readonly concurrency?: number
}): PoolAdvice => {
  const { concurrency = 1, since, stats } = measured
  const measuredMillis = stats.ageMillis - (since?.ageMillis ?? 0)
  const served = stats.acquired - (since?.acquired ?? 0)
  const waiting = stats.waited - (since?.waited ?? 0)
  const failures = total(stats.failed) - total(since?.failed ?? {})
  const cancelled = stats.cancelled - (since?.cancelled ?? 0)
  const requests = served + failures + cancelled
  const before = since?.useTime ?? nothing
  const holds = stats.useTime.count - before.count
  const holdMillis = holds > 0 ? (stats.useTime.totalMillis - before.totalMillis) / holds : 0
  const arrivalsPerSecond = measuredMillis > 0 ? requests / measuredMillis * 1_000 : 0
  const load = arrivalsPerSecond * holdMillis / 1_000
  const figures = {
    measuredMillis,
    arrivalsPerSecond,
    holdMillis,
    load,
    utilization: load / (stats.maxConnections * concurrency),
    waited: served > 0 ? waiting / served : 0,
    failed: requests > 0 ? failures / requests : 0
  }
  if (requests < enough || holds === 0 || measuredMillis <= 0) {
    return {
      isFounded: false,
      maxConnections: stats.maxConnections,
      minConnections: stats.minConnections,
      ...figures,
      reasons: [`Only ${requests} requests were measured; advice needs at least ${enough}.`]
    }
  }

  const maxConnections = Math.ceil(leastServers(load) / concurrency)
  const openMillis = stats.openTime.count > 0 ? stats.openTime.totalMillis / stats.openTime.count : 0
  const minConnections = Math.min(
    maxConnections,
    openMillis > holdMillis ? Math.max(stats.minConnections, Math.ceil(load / concurrency)) : stats.minConnections
  )
  const reasons = [
    `${round(arrivalsPerSecond)} requests per second, each holding a connection for ${round(holdMillis)} ms, keep ` +
    `${round(load)} leases busy on average (Little's law).`,
    `With ${maxConnections} connections at most 1 % of them would have to wait (Erlang's C formula). ` +
    `${stats.maxConnections} are allowed now. ${
      percent(figures.waited)
    } of the served requests waited, and 99 % of all served ` +
    `waited at most ${round(stats.waitTime.p99Millis)} ms.`
  ]
  const isIdle = waitProbability(stats.maxConnections * concurrency, load) <= mayWait
  if (isIdle && figures.waited > 5 * mayWait) {
    reasons.push(
      `The pool is large enough for its load. The requests that waited came in bursts, or waited for connections to ` +
        `open, which takes ${round(openMillis)} ms: raise minConnections.`
    )
  }
  if (minConnections > stats.minConnections) {
    reasons.push(
      `Opening a connection takes ${round(openMillis)} ms, longer than a lease lasts: keep ${minConnections} open.`
    )
  }
  if (figures.failed > 0) {
    const most = Object.entries(stats.failed)
      .map(([reason, count]) => [reason, count - (since?.failed[reason as keyof PoolStats["failed"]] ?? 0)] as const)
      .sort(([, a], [, b]) => b - a)[0]!
    reasons.push(`${percent(figures.failed)} of the requests got no connection, most of them with ${most[0]}.`)
  }
  if (stats.leaksSuspected > (since?.leaksSuspected ?? 0)) {
    reasons.push(
      "Some leases were held for longer than leakThreshold: look for those first. No pool size cures a leak."
    )
  }
  return { isFounded: true, maxConnections, minConnections, ...figures, reasons }
}
