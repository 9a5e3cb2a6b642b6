/** What the page knows of one pool. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { History, PoolHistory } from "../src/History.js"
import { type Column, columns, named, type Row, valuesOf } from "../src/internal/row.js"
import type { PoolSnapshot } from "../src/Snapshot.js"

export type Notice = PoolEvent & { readonly id: number }
export type { History, PoolHistory, PoolSnapshot, PoolStats }

/** The figures of a row, its times in seconds, and those of the time since the row before, which are null if it has none. */
export interface Point extends Omit<Row, "failed"> {
  /** In seconds since 1970, as the charts want it. */
  readonly at: number
  /** Leases per second. */
  readonly served: number | null
  /** Requests per second that got no connection. */
  readonly failed: number | null
  /** In milliseconds. */
  readonly waitMean: number | null
  /** In milliseconds. */
  readonly useMean: number | null
}

/** Over how long rates in tables go, in milliseconds. */
export const recentMillis = 10_000
const mostNotices = 200
const mostFailures = 20

const pointOf = (row: Row, before: Row = row): Point => {
  const delta = (column: Column): number => row[column] - before[column]
  const seconds = delta("at") / 1_000
  const perSecond = (column: Column) => seconds > 0 ? delta(column) / seconds : null
  const mean = (millis: Column, count: Column) => delta(count) > 0 ? delta(millis) / delta(count) : null
  return {
    ...row,
    at: row.at / 1_000,
    served: perSecond("acquired"),
    failed: perSecond("failed"),
    waitMean: mean("waitMillis", "waitCount"),
    useMean: mean("useMillis", "useCount")
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
      this.push(named(history.columns, values))
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
    if (this.lastRow === undefined || at > this.lastRow.at) this.push(named(columns, valuesOf(at, snapshot.stats)))
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
    if (row.pending > 0) this.pendingSince ??= row.at
    else this.pendingSince = undefined
  }
}
