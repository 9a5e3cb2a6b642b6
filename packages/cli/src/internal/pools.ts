/** The table of pools, in the manner of `SHOW POOLS` in PgBouncer. */
import * as PoolVerdict from "@socketpool/core/PoolVerdict"
import type { PoolSnapshot, Snapshot } from "@socketpool/dashboard/Snapshot"
import { paint, type Styled, type Tone } from "./screen.js"
import { type Column, count, duration, figure, table } from "./text.js"

const columns: ReadonlyArray<Column> = [
  { head: "POOL", align: "left" },
  { head: "VERDICT", align: "left" },
  { head: "IN USE", align: "right" },
  { head: "IDLE", align: "right", rank: 4 },
  { head: "OPENING", align: "right", rank: 5 },
  { head: "CLOSING", align: "right", rank: 10 },
  { head: "PENDING", align: "right" },
  { head: "OLDEST WAIT", align: "right", rank: 2 },
  { head: "MAX", align: "right" },
  { head: "LEASES/S", align: "right", rank: 3 },
  { head: "FAILED/S", align: "right", rank: 1 },
  { head: "OPENS/S", align: "right", rank: 9 },
  { head: "WAIT P99", align: "right", rank: 6 },
  { head: "USE P50", align: "right", rank: 8 },
  { head: "LONGEST LEASE", align: "left", rank: 7 }
]

/** The sort orders of the table. */
export const sortKeys = ["worst", "name", "inUse", "pending", "oldest", "leases", "wait", "longest"] as const
export type SortKey = typeof sortKeys[number]

export interface Row {
  readonly snapshot: PoolSnapshot
  readonly leasesPerSecond: number
  readonly failedPerSecond: number
  readonly opensPerSecond: number
  readonly verdict: PoolVerdict.PoolVerdict
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** Readings of the pools, oldest first. */
export type Readings = readonly [Snapshot, ...ReadonlyArray<Snapshot>]

/** The time that a verdict is about, in milliseconds. */
const recent = 10_000

/** Adds a reading, and forgets those that no row needs any more. The last one is needed for the rates. */
export const withReading = (readings: Readings, next: Snapshot): Readings => {
  const isNeeded = ({ at }: Snapshot, i: number) => i === readings.length - 1 || at <= next.at && next.at - at <= recent
  return [...readings.filter(isNeeded), next] as unknown as Readings
}

/**
 * Computes rates since the last reading but one, and verdicts since the first; without those, since the pool was made.
 */
export const rowsOf = (readings: Readings): ReadonlyArray<Row> =>
  readings.at(-1)!.pools.map((snapshot) => {
    const { stats } = snapshot
    // A process that was restarted numbers its pools anew.
    const statsIn = (reading: Snapshot | undefined) =>
      reading?.pools.find(({ id, name, stats: then }) =>
        id === snapshot.id && name === snapshot.name && then.ageMillis <= stats.ageMillis
      )?.stats
    const before = statsIn(readings.at(-2))
    const seconds = (stats.ageMillis - (before?.ageMillis ?? 0)) / 1_000
    const rate = (now: number, before = 0) => seconds > 0 ? (now - before) / seconds : 0
    const first = readings.slice(0, -1).map(statsIn).find((stats) => stats !== undefined)
    const since = (count: (of: typeof stats) => number) => count(stats) - (first === undefined ? 0 : count(first))
    return {
      snapshot,
      leasesPerSecond: rate(stats.acquired, before?.acquired),
      failedPerSecond: rate(total(stats.failed), before && total(before.failed)),
      opensPerSecond: rate(stats.opened, before?.opened),
      verdict: PoolVerdict.judge({
        connections: stats.idle + stats.inUse,
        oldestWaitMillis: stats.oldestWaitMillis,
        periodMillis: since(({ ageMillis }) => ageMillis),
        acquired: since(({ acquired }) => acquired),
        refused: since(({ failed }) => total(failed) - failed.PoolClosed),
        opensFail: snapshot.openFailure !== undefined,
        suspectsLeak: snapshot.leases.some(({ suspected }) => suspected)
      })
    }
  })

/** The times of the last minute. */
const timesOf = ({ recent, stats }: PoolSnapshot) => recent ?? stats

const severity = { good: 0, warn: 1, bad: 2 } as const

const value = ({ leasesPerSecond, snapshot, verdict }: Row, sortKey: SortKey): number => {
  const { leases, stats } = snapshot
  switch (sortKey) {
    case "worst":
      return severity[verdict.tone]
    case "name":
      return 0
    case "inUse":
      return stats.inUse
    case "pending":
      return stats.pending
    case "oldest":
      return stats.oldestWaitMillis
    case "leases":
      return leasesPerSecond
    case "wait":
      return timesOf(snapshot).waitTime.p99Millis
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

const tones: Readonly<Record<PoolVerdict.PoolVerdict["tone"], Tone>> = { good: "plain", warn: "warn", bad: "bad" }

export const poolTable = (
  rows: ReadonlyArray<Row>,
  sortKey: SortKey,
  width?: number
): { readonly head: string; readonly rows: ReadonlyArray<Styled> } => {
  const sorted = [...rows].sort((a, b) =>
    value(b, sortKey) - value(a, sortKey) ||
    (sortKey === "worst" ? b.failedPerSecond - a.failedPerSecond || value(b, "pending") - value(a, "pending") : 0) ||
    a.snapshot.name.localeCompare(b.snapshot.name)
  )
  const [head, ...lines] = table(
    columns,
    sorted.map(({ failedPerSecond, leasesPerSecond, opensPerSecond, snapshot, verdict }) => {
      const { stats } = snapshot
      return [
        snapshot.name,
        verdict.word,
        count(stats.inUse),
        count(stats.idle),
        count(stats.opening),
        count(stats.closing),
        count(stats.pending),
        duration(stats.oldestWaitMillis),
        count(stats.maxConnections),
        figure(leasesPerSecond),
        figure(failedPerSecond),
        figure(opensPerSecond),
        duration(timesOf(snapshot).waitTime.p99Millis),
        duration(timesOf(snapshot).useTime.p50Millis),
        longest(snapshot)
      ]
    }),
    width
  )
  return { head: head!, rows: lines.map((line, i) => paint(line, tones[sorted[i]!.verdict.tone])) }
}
