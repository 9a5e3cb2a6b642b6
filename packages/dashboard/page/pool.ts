/** Everything about one pool. */
import type { PoolSnapshot } from "../src/Snapshot.js"
import * as Actions from "./actions.js"
import { Chart } from "./chart.js"
import { byId, count, element, figure, fill, say, span, timeOf } from "./dom.js"
import { lately, type Pool, verdict } from "./model.js"

const states = [
  { key: "inUse", head: "In use", color: "in-use" },
  { key: "idle", head: "Idle", color: "idle" },
  { key: "opening", head: "Opening", color: "opening" },
  { key: "pending", head: "Pending", color: "pending" }
] as const

/** What an event says, in a line. */
const describe = (event: Pool["notices"][number]): string => {
  switch (event._tag) {
    case "Opened":
      return `Connection ${event.connection} opened in ${span(event.tookMillis)}`
    case "OpenFailed":
      return `Connection ${event.connection} could not be opened: ${event.error}`
    case "Closed":
      return `Connection ${event.connection} closed: ${event.reason}`
    case "Exhausted":
      return `Exhausted: ${event.reason}, after ${span(event.waitedMillis)}`
    case "LeakSuspected":
    case "LeakReturned": {
      const { fiber, heldMillis, span: name } = event.holder
      const who = `fiber ${fiber}${name === undefined ? "" : ` in ${name}`}`
      const what = event._tag === "LeakSuspected" ? "Leak suspected" : "The suspected leak came back"
      return `${what}: connection ${event.connection}, held by ${who} for ${span(heldMillis)}`
    }
    case "Resized":
      return `Resized: at least ${event.minConnections}, at most ${event.maxConnections}`
    case "Cleared":
      return "Cleared: all connections are replaced"
    case "Draining":
      return "Draining: the pool begins to close"
    case "PoolClosed":
      return "The pool has closed"
    case "Borrowed":
    case "Released":
      return `Connection ${event.connection} ${event._tag.toLowerCase()}`
  }
}

const listed = (list: HTMLElement, events: Pool["notices"], none: string): void => {
  const key = `${events.length} ${events[0]?.at ?? 0} ${events[0] === undefined ? "" : describe(events[0])}`
  if (list.dataset["shown"] === key) return
  list.dataset["shown"] = key
  list.replaceChildren(
    ...(events.length === 0 ?
      [element("li", {}, none)] :
      events.map((event) => element("li", { "data-event": event._tag }, timeOf(event.at), describe(event))))
  )
}

export class PoolView {
  private readonly connections = new Chart(byId("connections-chart"), [
    ...states.map(({ color, head, key }) => ({
      label: head,
      color,
      ...(key === "opening" ? { dash: [6, 4] } : {})
    })),
    { label: "Most", color: "cap", dash: [2, 4], width: 1.5 }
  ])
  private readonly times = new Chart(byId("times-chart"), [
    { label: "Wait", color: "wait" },
    { label: "Use", color: "use" }
  ])
  private pool: Pool | undefined = undefined

  constructor() {
    byId("filter").addEventListener("change", () => this.pool && this.events(this.pool))
  }

  show(pool: Pool): void {
    this.pool = pool
    byId("pool").classList.toggle("gone", pool.gone)
    byId("pool").dataset["pool"] = String(pool.id)
    say(byId("name"), pool.name)
    const { kind, text } = verdict(pool)
    byId("verdict").dataset["verdict"] = kind
    say(byId("verdict"), text)
    this.charts(pool)
    this.events(pool)
    byId("actions").hidden = !Actions.isUnlocked() || pool.gone
    if (pool.now !== undefined) this.figures(pool, pool.now)
  }

  private charts({ points }: Pool): void {
    const at = points.map((point) => point.at / 1_000)
    this.connections.show([
      at,
      ...states.map(({ key }) => points.map((point) => point[key])),
      points.map((point) => point.maxConnections)
    ])
    const mean = (total: "waitedMillis" | "heldMillis", among: "acquired" | "holds") =>
      points.map((point, i) => {
        const before = points[i - 1]
        const n = before === undefined ? 0 : point[among] - before[among]
        return n > 0 ? (point[total] - before![total]) / n : null
      })
    this.times.show([at, mean("waitedMillis", "acquired"), mean("heldMillis", "holds")])
  }

  private figures(pool: Pool, { advice, leases, stats }: PoolSnapshot): void {
    for (const target of document.querySelectorAll<HTMLElement>("[data-stat]")) {
      say(target, count(stats[target.dataset["stat"] as "idle"]))
    }
    const rates = lately(pool)
    for (const target of document.querySelectorAll<HTMLElement>("[data-rate]")) {
      say(target, figure(rates[target.dataset["rate"] as "acquired" | "failed"]))
    }
    say(
      byId("advice-line"),
      `At most ${stats.maxConnections}, at least ${stats.minConnections} connections; up for ${span(stats.ageMillis)}.`
    )
    fill(byId("connections-now"), ["Now", "Connections"], [
      ...states.map(({ color, head, key }) => ({ key, cells: [{ head, color }, { n: count(stats[key]) }] })),
      { key: "maxConnections", cells: [{ head: "Most", color: "cap" }, { n: count(stats.maxConnections) }] },
      { key: "closing", cells: [{ head: "Closing" }, { n: count(stats.closing) }] },
      { key: "validating", cells: [{ head: "Validating, of those in use" }, { n: count(stats.validating) }] }
    ])
    const time = (key: "waitTime" | "useTime" | "openTime", head: string, color: string, now: string) => {
      const { count: n, maxMillis, p50Millis, p95Millis, p99Millis } = stats[key]
      const figures = [p50Millis, p95Millis, p99Millis, maxMillis].map((millis) => ({ n: figure(millis) }))
      return { key, cells: [{ head, color }, { n: now }, ...figures, { n: count(n) }] }
    }
    fill(byId("times"), ["", "Now", "50 %", "95 %", "99 %", "Longest", "Measured"], [
      time("waitTime", "Wait", "wait", figure(rates.wait)),
      time("useTime", "Use", "use", figure(rates.use)),
      time("openTime", "Open", "line", "–")
    ])
    const failed = Object.entries(stats.failed)
    fill(byId("outcomes"), ["Outcome", "Borrows"], [
      { key: "Immediate", cells: [{ head: "Served at once" }, { n: count(stats.acquired - stats.waited) }] },
      { key: "Waited", cells: [{ head: "Served after a wait" }, { n: count(stats.waited) }] },
      ...failed.map(([key, n]) => ({ key, cells: [{ head: `Failed: ${key}` }, { n: count(n) }] })),
      { key: "Cancelled", cells: [{ head: "Interrupted" }, { n: count(stats.cancelled) }] }
    ])
    fill(byId("closes"), ["", "Connections"], [
      { key: "opened", cells: [{ head: "Opened" }, { n: count(stats.opened) }] },
      { key: "openFailed", cells: [{ head: "Not opened" }, { n: count(stats.openFailed) }] },
      ...Object.entries(stats.closed).map(([key, n]) => ({ key, cells: [{ head: `Closed: ${key}` }, { n: count(n) }] }))
    ])
    this.leases(leases, stats.leased)
    byId("advice").replaceChildren(...advice.reasons.map((reason) => element("li", {}, reason)))
  }

  /** Rows are kept for as long as their lease lasts, so that a button under the finger stays the same one. */
  private leases(leases: PoolSnapshot["leases"], all: number): void {
    say(
      byId("leases-caption"),
      all === 0
        ? "Nobody holds a connection."
        : leases.length < all
        ? `The longest ${count(leases.length)} of ${count(all)} leases`
        : `${count(all)} ${all === 1 ? "lease" : "leases"}, the longest first`
    )
    const body = byId("leases")
    const old = new Map([...body.children].map((row) => [(row as HTMLElement).dataset["lease"], row as HTMLElement]))
    const rows = leases.map(({ connection, holder, suspected }) => {
      const key = `${connection} ${holder.fiber} ${holder.span ?? ""}`
      const row = old.get(key) ?? this.row(key, connection, holder.span ?? "–", holder.fiber)
      old.delete(key)
      say(row.children[0]!, span(holder.heldMillis))
      const [mark, button] = row.children[4]!.children as unknown as [HTMLElement, HTMLElement]
      say(mark, suspected ? "leak?" : "")
      button.hidden = !Actions.isUnlocked()
      return row
    })
    for (const row of old.values()) row.remove()
    for (const [i, row] of rows.entries()) {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null)
    }
  }

  private row(key: string, connection: number, name: string, fiber: string): HTMLElement {
    const button = element("button", { type: "button", "aria-label": `Drop connection ${connection}` }, "Drop")
    button.addEventListener("click", () => void Actions.drop(connection))
    return element(
      "tr",
      { "data-lease": key, "data-connection": String(connection) },
      element("td", { class: "n" }),
      element("td", { class: "n" }, String(connection)),
      element("td", { class: "wrap" }, name),
      element("td", {}, fiber),
      element("td", { class: "n" }, element("span", { class: "mark" }), button)
    )
  }

  private events(pool: Pool): void {
    const filter = byId<HTMLSelectElement>("filter")
    const tags = [...new Set(pool.notices.map(({ _tag }) => _tag))].sort()
    for (const tag of tags) {
      if (![...filter.options].some(({ value }) => value === tag)) filter.append(element("option", { value: tag }, tag))
    }
    const wanted = filter.value
    listed(
      byId("events"),
      pool.notices.filter(({ _tag }) => wanted === "" || _tag === wanted),
      "Nothing since the page has been listening."
    )
    listed(
      byId("errors"),
      pool.notices.filter(({ _tag }) => _tag === "OpenFailed" || _tag === "Exhausted").slice(0, 20),
      "None."
    )
  }
}
