/** One row of a pool's history: its figures at one moment. The page imports this file too, so it loads nothing. */
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { Recent } from "../Snapshot.js"

export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0)

type Time = "waitTime" | "useTime"
type Percentile = "p50Millis" | "p95Millis" | "p99Millis"

/** A percentile of the last minute; 0 if nothing was measured in it. */
const percentile = (time: Time, percentile: Percentile) => (_: PoolStats, __: number, recent: Recent | undefined) =>
  recent?.[time][percentile] ?? 0

/** Reads each figure from the statistics, in the order in which a row lists them. */
const figures = {
  at: (_: PoolStats, at: number) => at,
  idle: (stats: PoolStats) => stats.idle,
  inUse: (stats: PoolStats) => stats.inUse,
  opening: (stats: PoolStats) => stats.opening,
  pending: (stats: PoolStats) => stats.pending,
  oldestWait: (stats: PoolStats) => stats.oldestWaitMillis,
  maxConnections: (stats: PoolStats) => stats.maxConnections,
  acquired: (stats: PoolStats) => stats.acquired,
  failed: (stats: PoolStats) => total(stats.failed),
  waitCount: (stats: PoolStats) => stats.waitTime.count,
  waitMillis: (stats: PoolStats) => stats.waitTime.totalMillis,
  waitP50: percentile("waitTime", "p50Millis"),
  waitP95: percentile("waitTime", "p95Millis"),
  waitP99: percentile("waitTime", "p99Millis"),
  useCount: (stats: PoolStats) => stats.useTime.count,
  useMillis: (stats: PoolStats) => stats.useTime.totalMillis,
  useP50: percentile("useTime", "p50Millis"),
  useP95: percentile("useTime", "p95Millis"),
  useP99: percentile("useTime", "p99Millis")
}

export type Column = keyof typeof figures

export const columns = Object.keys(figures) as ReadonlyArray<Column>

/** A row by column name. */
export type Row = { readonly [C in Column]: number }

/** The values of a row in the order of `columns`; `at` is in milliseconds since 1970. */
export const valuesOf = (at: number, stats: PoolStats, recent: Recent | undefined): ReadonlyArray<number> =>
  Object.values(figures).map((read) => read(stats, at, recent))

/** Names the values of a row. */
export const named = (names: ReadonlyArray<string>, values: ReadonlyArray<number>): Row =>
  Object.fromEntries(names.map((name, i) => [name, values[i]])) as Row
