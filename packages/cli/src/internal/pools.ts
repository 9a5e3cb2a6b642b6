/** The table of pools, in the manner of `SHOW POOLS` in PgBouncer. */
import type { PoolSnapshot, Snapshot } from "@socketpool/dashboard/Snapshot"
import { type Column, count, duration, figure, table } from "./text.js"

const columns: ReadonlyArray<Column> = [
  { head: "POOL", align: "left" },
  { head: "IN USE", align: "right" },
  { head: "IDLE", align: "right" },
  { head: "OPENING", align: "right", rank: 3 },
  { head: "CLOSING", align: "right", rank: 8 },
  { head: "PENDING", align: "right" },
  { head: "MAX", align: "right" },
  { head: "LEASES/S", align: "right", rank: 1 },
  { head: "FAILED/S", align: "right", rank: 2 },
  { head: "OPENS/S", align: "right", rank: 7 },
  { head: "WAIT P99", align: "right", rank: 4 },
  { head: "USE P50", align: "right", rank: 6 },
  { head: "LONGEST LEASE", align: "left", rank: 5 }
]

/** The sort orders of the table. */
export const sortKeys = ["name", "inUse", "pending", "leases", "wait", "longest"] as const
export type SortKey = typeof sortKeys[number]

export interface Row {
  readonly snapshot: PoolSnapshot
  readonly leasesPerSecond: number
  readonly failedPerSecond: number
  readonly opensPerSecond: number
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** Computes rates since an earlier snapshot, or without one since the pool was made. */
export const rowsOf = (now: Snapshot, before?: Snapshot): ReadonlyArray<Row> =>
  now.pools.map((snapshot) => {
    const { stats } = snapshot
    const then = before?.pools.find(({ id }) => id === snapshot.id)?.stats
    const seconds = (stats.ageMillis - (then?.ageMillis ?? 0)) / 1_000
    const rate = (now: number, before = 0) => seconds > 0 ? (now - before) / seconds : 0
    return {
      snapshot,
      leasesPerSecond: rate(stats.acquired, then?.acquired),
      failedPerSecond: rate(total(stats.failed), then && total(then.failed)),
      opensPerSecond: rate(stats.opened, then?.opened)
    }
  })

const value = ({ leasesPerSecond, snapshot: { leases, stats } }: Row, sortKey: SortKey): number => {
  switch (sortKey) {
    case "name":
      return 0
    case "inUse":
      return stats.inUse
    case "pending":
      return stats.pending
    case "leases":
      return leasesPerSecond
    case "wait":
      return stats.waitTime.p99Millis
    case "longest":
      return leases[0]?.holder.heldMillis ?? 0
  }
}

const longest = ({ leases }: PoolSnapshot): string => {
  const [first] = leases
  if (first === undefined) return ""
  const { fiber, heldMillis, span } = first.holder
  return `${duration(heldMillis)} ${span ?? fiber}${first.suspected ? " (leak?)" : ""}`
}

export const poolTable = (rows: ReadonlyArray<Row>, sortKey: SortKey, width?: number): ReadonlyArray<string> => {
  const sorted = [...rows].sort((a, b) =>
    value(b, sortKey) - value(a, sortKey) || a.snapshot.name.localeCompare(b.snapshot.name)
  )
  return table(
    columns,
    sorted.map(({ failedPerSecond, leasesPerSecond, opensPerSecond, snapshot }) => {
      const { stats } = snapshot
      return [
        snapshot.name,
        count(stats.inUse),
        count(stats.idle),
        count(stats.opening),
        count(stats.closing),
        count(stats.pending),
        count(stats.maxConnections),
        figure(leasesPerSecond),
        figure(failedPerSecond),
        figure(opensPerSecond),
        duration(stats.waitTime.p99Millis),
        duration(stats.useTime.p50Millis),
        longest(snapshot)
      ]
    }),
    width
  )
}
