/** The tables of counts: requests by outcome, connections opened and closed, and errors by kind. */
import type { PoolEvent } from "@socketpool/core/PoolEvent"
import { total } from "../src/internal/row.js"
import { el, setHidden, setText, setValue, table } from "./dom.js"
import { count, millis, none, percent, rate, time } from "./format.js"
import type { PoolModel, PoolStats } from "./model.js"

interface Counted {
  readonly key: string
  readonly label: string
  readonly of: (stats: PoolStats) => number
  /** True if the row is hidden while the count is 0. */
  readonly isRare?: boolean
}

export const requests = (stats: PoolStats): number => stats.acquired + total(stats.failed) + stats.cancelled

const failures = {
  Timeout: "failed: timed out waiting",
  QueueFull: "failed: queue full (maxPending)",
  NoWait: "failed: none idle, timeout 0",
  SelfDeadlock: "failed: would wait for itself",
  Shed: "failed: shed (overload)",
  OpenFailed: "failed: open failed",
  PoolClosed: "failed: pool closed"
} as const

export const outcomes: ReadonlyArray<Counted> = [
  { key: "immediate", label: "served at once", of: (stats) => stats.acquired - stats.waited },
  { key: "waited", label: "served after waiting", of: (stats) => stats.waited },
  ...Object.entries(failures).map(([reason, label]): Counted => ({
    key: reason,
    label,
    of: (stats) => stats.failed[reason as keyof typeof failures],
    isRare: true
  })),
  { key: "cancelled", label: "cancelled while waiting", of: (stats) => stats.cancelled }
]

const reasons = {
  Expired: "closed: expired",
  Stale: "closed: idle too long",
  MaxUses: "closed: maxUses reached",
  Invalid: "closed: invalid",
  Disconnected: "closed: disconnected by the peer",
  Discarded: "closed: discarded after its lease",
  Desync: "closed: unexpected bytes",
  Dropped: "closed: dropped",
  Cleared: "closed: pool cleared",
  Surplus: "closed: surplus (resize, reconnect)",
  Reclaimed: "closed: place reclaimed by the budget",
  PoolClosed: "closed: pool closed"
} as const

const lifecycle: ReadonlyArray<Counted> = [
  { key: "opened", label: "opened", of: (stats) => stats.opened },
  { key: "openFailed", label: "failed opens", of: (stats) => stats.openFailed },
  ...Object.entries(reasons).map(([reason, label]): Counted => ({
    key: reason,
    label,
    of: (stats) => stats.closed[reason as keyof typeof reasons],
    isRare: true
  }))
]

/** A table of counts, each with its rate over the last 10 seconds and, if asked for, its share of all requests. */
class Counts {
  readonly box: HTMLElement
  private readonly rows = new Map<Counted, ReadonlyArray<HTMLElement>>()

  constructor(
    caption: string,
    kind: string,
    private readonly counted: ReadonlyArray<Counted>,
    private readonly hasShare: boolean
  ) {
    const heads = [kind, "Count", ...(hasShare ? ["Share"] : []), "Last 10 s"]
    const { body, box } = table(caption, heads, { class: "counts" })
    this.box = box
    for (const entry of counted) {
      const cells = heads.slice(1).map((_, i) =>
        el("td", { class: "number", "data-count": i === 0 ? entry.key : undefined }, none)
      )
      const row = el("tr", { hidden: entry.isRare }, el("th", { scope: "row" }, entry.label), ...cells)
      this.rows.set(entry, [row, ...cells])
      body.append(row)
    }
  }

  show(pool: PoolModel): void {
    const { stats } = pool
    if (stats === undefined) return
    const all = requests(stats)
    for (const entry of this.counted) {
      const [row, counted, ...rest] = this.rows.get(entry)!
      const value = entry.of(stats)
      setHidden(row!, entry.isRare === true && value === 0)
      setValue(counted!, count(value), value)
      if (this.hasShare) setText(rest[0]!, percent(all === 0 ? null : value / all))
      setText(rest.at(-1)!, rate(pool.recentRate(entry.of)))
    }
  }
}

export const outcomeCounts = () => new Counts("Requests by outcome", "Outcome", outcomes, true)

export const lifecycleCounts = () => new Counts("Connections opened and closed", "Event", lifecycle, false)

const textOf = (event: PoolEvent): string => {
  if (event._tag === "OpenFailed") return event.error
  return event._tag === "Exhausted" ? `${event.reason}, after ${millis(event.waitedMillis)}` : ""
}

/** The table of failed opens and requests, one row for each kind, the latest first. */
export class FailureTable {
  readonly box: HTMLElement
  private readonly body: HTMLElement
  private shown: string | undefined

  constructor() {
    const { body, box } = table("Errors by kind, latest first", ["Last", "Count", "Error", "Details"], {
      class: "failures"
    })
    this.box = box
    this.body = body
  }

  show({ failures }: PoolModel): void {
    const groups = [...failures.toArray()].reverse()
    const state = groups.map((group) => `${group.count} ${group.at}`).join()
    if (state === this.shown) return
    this.shown = state
    const rows = groups.map((group) =>
      el(
        "tr",
        { "data-failure": group._tag },
        el("td", { class: "time" }, time(group.at)),
        el(
          "td",
          { class: "number", "data-times": group.count, title: `since ${time(group.firstAt)}` },
          `${count(group.count)} ×`
        ),
        el("td", {}, group._tag === "OpenFailed" ? "open failed" : "exhausted"),
        el("td", { class: "long" }, textOf(group))
      )
    )
    this.body.replaceChildren(
      ...(rows.length > 0 ? rows : [el("tr", {}, el("td", { colspan: 4, class: "nothing" }, "None so far."))])
    )
  }
}
