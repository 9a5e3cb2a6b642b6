/** The state of one pool, as the page has received it. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import type { PoolStats } from "@socketpool/core/PoolStats"
import type { History, PoolHistory } from "../src/History.js"
import { Failures, isFailure } from "../src/internal/failures.js"
import { type Column, columns, named, type Row, valuesOf } from "../src/internal/row.js"
import type { PoolSnapshot } from "../src/Snapshot.js"

export type Notice = PoolEvent & { readonly id: number }
export type { History, PoolHistory, PoolSnapshot, PoolStats }

/** A row as the charts show it: with rates and means since the row before, which are null if nothing was counted. */
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

/** The time that the rates in tables cover, in milliseconds. */
export const recentMillis = 10_000
const maxNotices = 200

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
  /** The time of the snapshot by the server's clock, in milliseconds since 1970. */
  snapshotAt = 0
  isClosed = false
  isDraining = false
  points: Array<Point> = []
  /** Newest first. */
  notices: Array<PoolEvent> = []
  failures = new Failures()
  private lastRow: Row | undefined
  private recent: Array<{ readonly at: number; readonly stats: PoolStats }> = []

  constructor({ id, name }: { readonly id: number; readonly name: string }) {
    this.id = id
    this.name = name
  }

  get stats(): PoolStats | undefined {
    return this.snapshot?.stats
  }

  /** Replaces everything by the history of the server. */
  restore(history: History, past: PoolHistory): void {
    this.points = []
    this.lastRow = undefined
    for (const values of past.rows) {
      this.addRow(named(history.columns, values))
    }
    this.notices = []
    for (const event of past.notices) this.addNotice(event)
    this.failures = new Failures(past.failures)
  }

  addSnapshot(at: number, snapshot: PoolSnapshot, keepMillis: number): void {
    this.snapshot = snapshot
    this.snapshotAt = at
    this.isClosed = false
    if (this.lastRow === undefined || at > this.lastRow.at) {
      this.addRow(named(columns, valuesOf(at, snapshot.stats, snapshot.recent)))
    }
    while (this.points.length > 2 && this.points[0]!.at * 1_000 < at - Math.max(keepMillis, 60_000)) this.points.shift()
    this.recent.push({ at, stats: snapshot.stats })
    while (this.recent.length > 2 && this.recent[1]!.at <= at - recentMillis) this.recent.shift()
  }

  addNotice(event: PoolEvent): void {
    this.notices.unshift(event)
    this.notices.length = Math.min(this.notices.length, maxNotices)
    if (isFailure(event)) this.failures.add(event)
    if (event._tag === "Draining") this.isDraining = true
    if (event._tag === "PoolClosed") this.isClosed = true
  }

  /** The time that the recent counts cover, in milliseconds; at most about 10 seconds. */
  get recentSpan(): number {
    return (this.recent.at(-1)?.at ?? 0) - (this.recent[0]?.at ?? 0)
  }

  /** Returns the rate per second of a count over the last 10 seconds; null before the second snapshot. */
  recentRate(of: (stats: PoolStats) => number): number | null {
    const increase = this.recentCount(of)
    return increase === null ? null : increase / this.recentSpan * 1_000
  }

  /** Returns the increase of a count over the last 10 seconds; null before the second snapshot. */
  recentCount(of: (stats: PoolStats) => number): number | null {
    const first = this.recent[0]
    const last = this.recent.at(-1)
    return first === undefined || last === undefined || last.at <= first.at ? null : of(last.stats) - of(first.stats)
  }

  /** Returns the mean of the times measured in the last 10 seconds, in milliseconds; null if there are none. */
  recentMean(of: (stats: PoolStats) => { readonly count: number; readonly totalMillis: number }): number | null {
    const times = this.recentCount((stats) => of(stats).count) ?? 0
    return times > 0 ? this.recentCount((stats) => of(stats).totalMillis)! / times : null
  }

  private addRow(row: Row): void {
    this.points.push(pointOf(row, this.lastRow))
    this.lastRow = row
  }
}
