/**
 * Advice: a size for a pool, computed from its statistics or from a load that you expect.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import { count, duration, orElse, that } from "./checks/rules.js"
import { type Rows, Table } from "./checks/table.js"
import { leastServers, meanWait, waitAt, waitProbability } from "./internal/erlang.js"
import type { BorrowFailure, PoolStats } from "./PoolStats.js"

/**
 * A suggested size, the figures behind it, and the reasons.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolAdvice {
  /** False below 100 requests, or if no lease has ended. The suggestion then repeats the current settings. */
  readonly isFounded: boolean
  /** The suggested `maxConnections`. */
  readonly maxConnections: number
  /** The suggested `minConnections`. */
  readonly minConnections: number
  /** The measured time, in milliseconds. */
  readonly measuredMillis: number
  /** Requests for a connection per second, including those that got none. */
  readonly arrivalsPerSecond: number
  /** The mean time that a lease was held, in milliseconds. */
  readonly holdMillis: number
  /** The mean number of leases at once if nobody had to wait: arrivals × hold. */
  readonly load: number
  /** `load` as a fraction of all leases that `maxConnections` allows; above 1 the queue grows without limit. */
  readonly utilization: number
  /** The fraction of the served requests that had to wait. */
  readonly waited: number
  /** The fraction of all requests that got no connection. */
  readonly failed: number
  /** The reasons, in sentences for an operator. */
  readonly reasons: ReadonlyArray<string>
}

/** Below this number of requests there is no advice. */
const enough = 100

/** The fraction of requests that may have to wait in the suggested pool. */
const mayWait = 0.01

/** The reasons of refusals that more connections could have prevented. */
const lacks = ["Timeout", "QueueFull", "NoWait", "Shed"] as const

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

const round = (value: number): string => value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
const percent = (fraction: number): string => `${round(fraction * 100)} %`

/**
 * Suggests a pool size from measured arrivals, holds and waits. Use it on a period with typical load; `pool.advise`
 * covers all the time since the pool was made.
 *
 * The mean number of leases at once is the rate of arrivals times the mean hold (Little's law). The suggested
 * `maxConnections` is the smallest with which at most 1 % of the requests have to wait, if arrivals are independent of
 * each other (Erlang's C formula). The formula does not know the server's own limit.
 *
 * If requests waited or were refused although the pool was large enough by the formula, there are two reasons. Either
 * they come in bursts, and the suggested `maxConnections` is the present one. Or they waited for connections to open,
 * and the suggested `minConnections` keeps the needed number open.
 *
 * Otherwise the suggested `minConnections` is the mean number of connections in use, if opening takes longer than a
 * lease, but never less than the present setting; else it is the present setting. It is at most the suggested
 * `maxConnections`.
 *
 * If callers give up while they wait, at least one for four that are served, and most of those served had to wait, the
 * order of arrival wastes work. The reasons then name `PoolOptions.overload`, unless it is set.
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
 * @since 3.0.0
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
  const past = change(stats, since)
  const { failures, holdMillis, holds, measuredMillis, requests, served } = past
  const arrivalsPerSecond = measuredMillis > 0 ? requests / measuredMillis * 1_000 : 0
  const load = arrivalsPerSecond * holdMillis / 1_000
  const figures = {
    measuredMillis,
    arrivalsPerSecond,
    holdMillis,
    load,
    utilization: load / (stats.maxConnections * concurrency),
    waited: served > 0 ? past.waited / served : 0,
    failed: requests > 0 ? failures / requests : 0
  }
  const unfounded = requests < enough
    ? `Only ${requests} ${requests === 1 ? "request was" : "requests were"} measured; advice needs at least ${enough}.`
    : holds === 0 || measuredMillis <= 0
    ? "No lease has ended in the measured time, so there is no advice."
    : undefined
  if (unfounded !== undefined) {
    return {
      isFounded: false,
      maxConnections: stats.maxConnections,
      minConnections: stats.minConnections,
      ...figures,
      reasons: [unfounded, ...troubles(past, figures.failed)]
    }
  }

  const needed = Math.ceil(leastServers(load, (_, waits) => waits <= mayWait) / concurrency)
  const lacking = lacks.reduce((sum, reason) => sum + past.failed[reason], 0)
  const isShort = past.waited > 5 * mayWait * requests || lacking > mayWait * requests
  const isLarge = stats.maxConnections >= needed
  // The pool would be large enough if connections were open, and if requests were spread evenly.
  const waitsForOpens = isShort && isLarge && stats.minConnections < needed && 2 * past.opened >= past.waited + lacking
  const hasBursts = isShort && isLarge && !waitsForOpens
  const maxConnections = hasBursts ? stats.maxConnections : needed
  const minConnections = Math.min(
    maxConnections,
    waitsForOpens
      ? needed
      : past.openMillis > holdMillis
      ? Math.max(stats.minConnections, Math.ceil(load / concurrency))
      : stats.minConnections
  )
  const reasons = [
    `${round(arrivalsPerSecond)} requests per second, each holding a connection for ${round(holdMillis)} ms, keep ` +
    `${round(load)} leases busy on average (Little's law).`,
    `With ${needed} connections at most 1 % of them would have to wait if they were spread evenly (Erlang's C ` +
    `formula). ${stats.maxConnections} are allowed now. ${percent(figures.waited)} of the served requests waited` +
    `${past.waited > 0 ? `, on average ${round(past.waitMillis)} ms` : ""}.`
  ]
  if (hasBursts) {
    reasons.push(
      `Requests come in bursts, so do not lower maxConnections; raise it if ${
        lacking > 0 ? "none may be refused" : "the waits are too long"
      }.`
    )
  }
  if (waitsForOpens) {
    reasons.push(
      `Requests waited for connections to open, which takes ${
        round(past.openMillis)
      } ms: keep ${minConnections} open ` +
        "(minConnections)."
    )
  } else if (minConnections > stats.minConnections) {
    reasons.push(
      `Opening a connection takes ${round(past.openMillis)} ms, longer than a lease lasts: keep ${minConnections} ` +
        "open (minConnections)."
    )
  } else if (minConnections < stats.minConnections) {
    reasons.push(`minConnections keeps ${stats.minConnections} open, more than are needed.`)
  }
  return {
    isFounded: true,
    maxConnections,
    minConnections,
    ...figures,
    reasons: [...reasons, ...troubles(past, figures.failed)]
  }
}

/** The difference to earlier statistics, or the counts since the pool was made. */
const change = (stats: PoolStats, since: PoolStats | undefined) => {
  const from = (count: (stats: PoolStats) => number) => count(stats) - (since === undefined ? 0 : count(since))
  const failed = Object.fromEntries(
    Object.entries(stats.failed).map(([reason, count]) =>
      [reason, count - (since?.failed[reason as BorrowFailure] ?? 0)] as const
    )
  ) as PoolStats["failed"]
  const mean = (total: number, count: number) => count > 0 ? total / count : 0
  const served = from(({ acquired }) => acquired)
  const waited = from((stats) => stats.waited)
  const failures = total(failed)
  const holds = from(({ useTime }) => useTime.count)
  // Few connections are opened in a short time; then the opens before it tell how long one takes.
  const opens = from(({ openTime }) => openTime.count) > 0
    ? from
    : (count: (stats: PoolStats) => number) => count(stats)
  return {
    measuredMillis: from(({ ageMillis }) => ageMillis),
    served,
    waited,
    failed,
    failures,
    requests: served + failures + from(({ cancelled }) => cancelled),
    holds,
    opened: from(({ opened }) => opened),
    gaveUp: from(({ cancelled }) => cancelled) + failed.Timeout,
    /** Whether the pool serves in the order of arrival at all times. */
    isFifo: stats.overloadedMillis === undefined,
    leaks: from(({ leaksSuspected }) => leaksSuspected),
    holdMillis: mean(from(({ useTime }) => useTime.totalMillis), holds),
    /** The mean wait of those that waited. */
    waitMillis: mean(from(({ waitTime }) => waitTime.totalMillis), waited),
    openMillis: mean(opens(({ openTime }) => openTime.totalMillis), opens(({ openTime }) => openTime.count))
  }
}

/** The troubles that an operator must know of, whether or not enough was measured for a size. */
const troubles = (past: ReturnType<typeof change>, failed: number): ReadonlyArray<string> => {
  const [most, count] = Object.entries(past.failed).sort(([, a], [, b]) => b - a)[0]!
  return [
    ...(count === 0 ? [] : [
      `${percent(failed)} of the requests got no connection, most of them with ${most}.` +
      (lacks.some((reason) => reason === most) ? "" : " No pool size cures that.")
    ]),
    // A connection works in vain for a caller that gives up meanwhile.
    ...(past.isFifo && 4 * past.gaveUp > past.served && 2 * past.waited > past.served
      ? [
        `${past.gaveUp} requests gave up while they waited, and ${past.served} were served, in the order of arrival: ` +
        "those served may be about to give up, too. Set overload to Overload.adaptiveLifo, which serves the newest " +
        "first, or to Overload.codel, which turns the oldest away."
      ]
      : []),
    ...(past.leaks === 0 ? [] : [
      "Some leases were held for longer than leakThreshold: look for those first. No pool size cures a leak."
    ])
  ]
}

// --- Advice without measurements ------------------------------------------------------------------------------------

/**
 * A load that you expect.
 *
 * @since 3.0.0
 * @category models
 */
export interface Load {
  /** The requests for a connection per second. More than 0, at most 1,000,000. */
  readonly arrivalsPerSecond: number
  /** The mean time that a lease is held. More than 0, at most one day. */
  readonly hold: Duration.DurationInput
  /** The pool's `concurrency`. Default: 1. */
  readonly concurrency?: number
  /** The percentile of `percentileMillis`. More than 0, less than 100. Default: 99. */
  readonly percentile?: number
}

/**
 * The waits for a connection that follow from a load and a size.
 *
 * @since 3.0.0
 * @category models
 */
export interface Forecast {
  /** The size of the pool. */
  readonly maxConnections: number
  /** The mean number of leases at once if nobody had to wait: arrivals × hold. */
  readonly load: number
  /** `load` as a fraction of all leases that `maxConnections` allows; from 1 on the queue grows without limit. */
  readonly utilization: number
  /** The fraction of the requests that has to wait. */
  readonly waited: number
  /** The mean wait of all requests, in milliseconds, also of those that need not wait. `Infinity` if the queue grows. */
  readonly meanWaitMillis: number
  /** The wait that `percentile` percent of the requests stay within, in milliseconds. `Infinity` if the queue grows. */
  readonly percentileMillis: number
}

/** The most leases at once: beyond it nobody has measured anything, and the sums take long. */
const mostLeases = 1_000_000

const loadRows = {
  arrivalsPerSecond: that<number>(
    (value) => typeof value === "number" && value > 0 && value <= 1_000_000,
    "a number of more than 0, at most 1000000"
  ),
  hold: duration("more than 0", "a duration of more than 0, at most one day", 86_400_000),
  concurrency: orElse(count(1), 1),
  percentile: orElse(
    that<number>((value) => typeof value === "number" && value > 0 && value < 100, "more than 0 and less than 100"),
    99
  )
}

const loadOf = ({ arrivalsPerSecond, hold }: { readonly arrivalsPerSecond: number; readonly hold: number }) =>
  arrivalsPerSecond * hold / 1_000

const bounded = (
  options: { readonly arrivalsPerSecond: number; readonly hold: number },
  refuse: (option: "hold", value: unknown, rule: string) => never
) => {
  if (loadOf(options) <= mostLeases) return
  refuse("hold", options.hold, `such that arrivalsPerSecond times hold is at most ${mostLeases} leases at once`)
}

const forecastOptions = new Table(
  { ...loadRows, maxConnections: count(1) } satisfies Rows<Load & { readonly maxConnections: number }>,
  [(options, refuse) => bounded(options, refuse)]
)

const sizeOptions = new Table(
  {
    ...loadRows,
    maxWait: orElse(duration("0 or more", "a duration of 0 or more, at most one day", 86_400_000), 0)
  } satisfies Rows<Load & { readonly maxWait?: Duration.DurationInput }>,
  [(options, refuse) => bounded(options, refuse)]
)

interface Expected {
  readonly load: number
  readonly hold: number
  readonly concurrency: number
  readonly percentile: number
}

const forecastOf = ({ concurrency, hold, load, percentile }: Expected, maxConnections: number): Forecast => {
  const servers = maxConnections * concurrency
  const queue = { servers, load, holdMillis: hold }
  const waited = waitProbability(servers, load)
  return {
    maxConnections,
    load,
    utilization: load / servers,
    waited,
    meanWaitMillis: meanWait(queue, waited),
    percentileMillis: waitAt(queue, waited, percentile / 100)
  }
}

/**
 * Forecasts the waits for a connection from a load that you expect and a size. Use it to compare sizes before there is
 * anything to measure. A wrong value throws a `RangeError` that names the option, the value and the rule.
 *
 * It is Erlang's C formula: arrivals are independent of each other, and holds are exponentially distributed. Bursts wait
 * longer than this, and leases that all last equally long wait about half as long. It knows nothing of `maxPending`,
 * `acquireTimeout` and the time that an open takes.
 *
 * @example
 * ```ts
 * import { PoolAdvice } from "@socketpool/core"
 *
 * const { percentileMillis } = PoolAdvice.forecast({ arrivalsPerSecond: 400, hold: "5 millis", maxConnections: 4 })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const forecast = (options: Load & { readonly maxConnections: number }): Forecast => {
  const checked = forecastOptions.read("PoolAdvice.forecast", options)
  return forecastOf({ ...checked, load: loadOf(checked) }, checked.maxConnections)
}

/**
 * Returns the smallest `maxConnections` with which `percentile` percent of the requests wait for `maxWait` at most, and
 * its forecast. Use it for the first size of a pool, and `advise` once there is load to measure. A wrong value throws a
 * `RangeError` that names the option, the value and the rule.
 *
 * With the default `maxWait` of 0 and the default `percentile` of 99, at most 1 % of the requests wait: the rule of
 * `advise`. The assumptions are those of `forecast`, and the server's own limit is not known.
 *
 * @example
 * ```ts
 * import { PoolAdvice } from "@socketpool/core"
 *
 * const { maxConnections } = PoolAdvice.size({ arrivalsPerSecond: 400, hold: "5 millis", maxWait: "2 millis" })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const size = (options: Load & { readonly maxWait?: Duration.DurationInput }): Forecast => {
  const checked = sizeOptions.read("PoolAdvice.size", options)
  const load = loadOf(checked)
  const servers = leastServers(
    load,
    (servers, waits) =>
      waitAt({ servers, load, holdMillis: checked.hold }, waits, checked.percentile / 100) <= checked.maxWait
  )
  return forecastOf({ ...checked, load }, Math.ceil(servers / checked.concurrency))
}
