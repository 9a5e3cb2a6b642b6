/** The tables of what a pool has counted: who asked and what came of it, and what was opened and closed. */
import { total } from "../src/internal/row.js"
import { el, setHidden, setText, setValue, table } from "./dom.js"
import { count, millis, percent, rate, time } from "./format.js"
import type { PoolModel, PoolStats } from "./model.js"

interface Counted {
  readonly key: string
  readonly label: string
  readonly of: (stats: PoolStats) => number
  /** Whether it is only shown once it has happened. */
  readonly isRare?: boolean
}

const asked = (stats: PoolStats): number => stats.acquired + total(stats.failed) + stats.cancelled

const failures = {
  Timeout: "failed: no connection in time",
  QueueFull: "failed: too many waited already",
  NoWait: "failed: none idle, would not wait",
  SelfDeadlock: "failed: would have waited for itself",
  OpenFailed: "failed: opening one failed",
  PoolClosed: "failed: the pool was closed"
} as const

const outcomes: ReadonlyArray<Counted> = [
  { key: "immediate", label: "served at once", of: (stats) => stats.acquired - stats.waited },
  { key: "waited", label: "served after a wait", of: (stats) => stats.waited },
  ...Object.entries(failures).map(([reason, label]): Counted => ({
    key: reason,
    label,
    of: (stats) => stats.failed[reason as keyof typeof failures],
    isRare: true
  })),
  { key: "cancelled", label: "cancelled while it waited", of: (stats) => stats.cancelled }
]

const reasons = {
  Expired: "closed: too old",
  Stale: "closed: idle for too long",
  MaxUses: "closed: used often enough",
  Invalid: "closed: found invalid",
  Disconnected: "closed: disconnected by the peer",
  Discarded: "closed: discarded after a lease",
  Desync: "closed: bytes nobody asked for",
  Dropped: "closed: dropped",
  Cleared: "closed: the pool was cleared",
  Surplus: "closed: no room after a resize",
  PoolClosed: "closed: with the pool"
} as const

const lives: ReadonlyArray<Counted> = [
  { key: "opened", label: "opened", of: (stats) => stats.opened },
  { key: "openFailed", label: "opens that failed", of: (stats) => stats.openFailed },
  ...Object.entries(reasons).map(([reason, label]): Counted => ({
    key: reason,
    label,
    of: (stats) => stats.closed[reason as keyof typeof reasons],
    isRare: true
  }))
]

/** A table of counts, each with its rate of late and, when there is a whole, its share of that. */
class Counts {
  readonly box: HTMLElement
  private readonly rows = new Map<Counted, ReadonlyArray<HTMLElement>>()

  constructor(caption: string, private readonly counted: ReadonlyArray<Counted>, private readonly hasShare: boolean) {
    const heads = ["What", "Count", ...(hasShare ? ["Share"] : []), "Last 10 s"]
    const { body, box } = table(caption, heads, { class: "counts" })
    this.box = box
    for (const entry of counted) {
      const cells = heads.slice(1).map((_, i) =>
        el("td", { class: "number", "data-count": i === 0 ? entry.key : undefined })
      )
      const row = el("tr", {}, el("th", { scope: "row" }, entry.label), ...cells)
      this.rows.set(entry, [row, ...cells])
      body.append(row)
    }
  }

  show(pool: PoolModel): void {
    const { stats } = pool
    if (stats === undefined) return
    const whole = asked(stats)
    for (const entry of this.counted) {
      const [row, counted, ...rest] = this.rows.get(entry)!
      const value = entry.of(stats)
      setHidden(row!, entry.isRare === true && value === 0)
      setValue(counted!, count(value), value)
      if (this.hasShare) setText(rest[0]!, percent(whole === 0 ? null : value / whole))
      setText(rest.at(-1)!, rate(pool.recentRate(entry.of)))
    }
  }
}

export const outcomeCounts = () => new Counts("What came of requests", outcomes, true)

export const lifeCounts = () => new Counts("Connections opened and closed", lives, false)

/** The last times that somebody got nothing. */
export class Failures {
  readonly box: HTMLElement
  private readonly body: HTMLElement
  private shown: unknown = undefined

  constructor() {
    const { body, box } = table("Last errors", ["Time", "What", "More"], { class: "failures" })
    this.box = box
    this.body = body
  }

  show({ failures }: PoolModel): void {
    const newest = `${failures.length} ${failures[0]?.at} ${failures[0]?._tag}`
    if (newest === this.shown) return
    this.shown = newest
    const rows = failures.map((event) =>
      el(
        "tr",
        { "data-failure": event._tag },
        el("td", { class: "time" }, time(event.at)),
        el("td", {}, event._tag === "OpenFailed" ? "open failed" : "exhausted"),
        el(
          "td",
          { class: "long" },
          event._tag === "OpenFailed" ?
            `connection ${event.connectionId}: ${event.error}` :
            event._tag === "Exhausted" ?
            `${event.reason}, after ${millis(event.waitedMillis)}` :
            ""
        )
      )
    )
    this.body.replaceChildren(
      ...(rows.length > 0 ? rows : [el("tr", {}, el("td", { colspan: 3, class: "nothing" }, "None so far."))])
    )
  }
}
