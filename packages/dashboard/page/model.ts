/** What the page knows of one pool. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { History, PoolHistory } from "../src/History.js"
import type { PoolSnapshot } from "../src/Snapshot.js"

export type Notice = PoolEvent & { readonly id: number }
export type { History, PoolHistory, PoolSnapshot, PoolStats }

/** Figures at one moment; those of a span are of the time since the moment before, and null when there was nothing. */
export interface Point {
  /** In seconds since 1970, as the charts want it. */
  readonly at: number
  readonly idle: number
  readonly inUse: number
  readonly opening: number
  readonly pending: number
  readonly max: number
  readonly served: number | null
  readonly failed: number | null
  readonly waitMean: number | null
  readonly waitP50: number
  readonly waitP95: number
  readonly waitP99: number
  readonly useMean: number | null
  readonly useP50: number
  readonly useP95: number
  readonly useP99: number
}

type Row = Readonly<Record<string, number>>

/** Over how long rates in tables go, in milliseconds. */
export const recentMillis = 10_000
const mostNotices = 200
const mostFailures = 20

export const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0)

const rowOf = (at: number, stats: PoolStats): Row => ({
  at,
  idle: stats.idle,
  inUse: stats.inUse,
  opening: stats.opening,
  pending: stats.pending,
  maxConnections: stats.maxConnections,
  acquired: stats.acquired,
  failed: sum(stats.failed),
  waitCount: stats.waitTime.count,
  waitMillis: stats.waitTime.totalMillis,
  waitP50: stats.waitTime.p50Millis,
  waitP95: stats.waitTime.p95Millis,
  waitP99: stats.waitTime.p99Millis,
  useCount: stats.useTime.count,
  useMillis: stats.useTime.totalMillis,
  useP50: stats.useTime.p50Millis,
  useP95: stats.useTime.p95Millis,
  useP99: stats.useTime.p99Millis
})

const pointOf = (row: Row, before: Row | undefined): Point => {
  const more = (key: string): number => row[key]! - (before?.[key] ?? row[key]!)
  const seconds = more("at") / 1_000
  const perSecond = (key: string) => seconds > 0 ? more(key) / seconds : null
  const mean = (total: string, of: string) => more(of) > 0 ? more(total) / more(of) : null
  return {
    at: row["at"]! / 1_000,
    idle: row["idle"]!,
    inUse: row["inUse"]!,
    opening: row["opening"]!,
    pending: row["pending"]!,
    max: row["maxConnections"]!,
    served: perSecond("acquired"),
    failed: perSecond("failed"),
    waitMean: mean("waitMillis", "waitCount"),
    waitP50: row["waitP50"]!,
    waitP95: row["waitP95"]!,
    waitP99: row["waitP99"]!,
    useMean: mean("useMillis", "useCount"),
    useP50: row["useP50"]!,
    useP95: row["useP95"]!,
    useP99: row["useP99"]!
  }
}

export class PoolModel {
  readonly id: number
  readonly name: string
  snapshot: PoolSnapshot | undefined
  isClosed = false
  isDraining = false
  points: Array<Point> = []
  /** Newest first. */
  notices: Array<PoolEvent> = []
  /** Newest first. */
  failures: Array<PoolEvent> = []
  /** The last open that failed, if none has succeeded since. */
  openFailure: Extract<PoolEvent, { readonly _tag: "OpenFailed" }> | undefined
  /** Since when somebody has been waiting, in milliseconds since 1970. */
  pendingSince: number | undefined
  private lastRow: Row | undefined
  private recent: Array<{ readonly at: number; readonly stats: PoolStats }> = []

  constructor({ id, name }: { readonly id: number; readonly name: string }) {
    this.id = id
    this.name = name
  }

  get stats(): PoolStats | undefined {
    return this.snapshot?.stats
  }

  /** Begins anew with what the server has noted. */
  restore(history: History, past: PoolHistory): void {
    this.points = []
    this.lastRow = undefined
    this.pendingSince = undefined
    for (const values of past.rows) {
      this.push(Object.fromEntries(history.columns.map((column, i) => [column, values[i]!])))
    }
    this.notices = []
    this.openFailure = undefined
    // The failures first: they reach further back.
    for (const event of past.failures) this.judge(event)
    for (const event of past.notices) this.hear(event)
    this.failures = [...past.failures].reverse()
  }

  take(at: number, snapshot: PoolSnapshot, keepMillis: number): void {
    this.snapshot = snapshot
    this.isClosed = false
    if (this.lastRow === undefined || at > this.lastRow["at"]!) this.push(rowOf(at, snapshot.stats))
    while (this.points.length > 2 && this.points[0]!.at * 1_000 < at - Math.max(keepMillis, 60_000)) this.points.shift()
    this.recent.push({ at, stats: snapshot.stats })
    while (this.recent.length > 2 && this.recent[1]!.at <= at - recentMillis) this.recent.shift()
  }

  hear(event: PoolEvent): void {
    this.notices.unshift(event)
    this.notices.length = Math.min(this.notices.length, mostNotices)
    this.judge(event)
    if (event._tag === "OpenFailed" || event._tag === "Exhausted") {
      this.failures.unshift(event)
      this.failures.length = Math.min(this.failures.length, mostFailures)
    }
  }

  /** How often something counted has happened a second lately; null while there is too little to say. */
  recentRate(of: (stats: PoolStats) => number): number | null {
    const more = this.recentCount(of)
    const first = this.recent[0]
    const last = this.recent.at(-1)
    return more === null || first === undefined || last === undefined ? null : more / (last.at - first.at) * 1_000
  }

  recentCount(of: (stats: PoolStats) => number): number | null {
    const first = this.recent[0]
    const last = this.recent.at(-1)
    return first === undefined || last === undefined || last.at <= first.at ? null : of(last.stats) - of(first.stats)
  }

  /** The mean of the times measured lately; null when there were none. */
  recentMean(of: (stats: PoolStats) => { readonly count: number; readonly totalMillis: number }): number | null {
    const times = this.recentCount((stats) => of(stats).count) ?? 0
    return times > 0 ? this.recentCount((stats) => of(stats).totalMillis)! / times : null
  }

  private judge(event: PoolEvent): void {
    if (event._tag === "OpenFailed") this.openFailure = event
    if (event._tag === "Opened") this.openFailure = undefined
    if (event._tag === "Draining") this.isDraining = true
    if (event._tag === "PoolClosed") this.isClosed = true
  }

  private push(row: Row): void {
    this.points.push(pointOf(row, this.lastRow))
    this.lastRow = row
    if (row["pending"]! > 0) this.pendingSince ??= row["at"]!
    else this.pendingSince = undefined
  }
}
