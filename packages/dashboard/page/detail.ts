/** The section with everything about one pool. */
import { total } from "../src/internal/row.js"
import { Chart, charts } from "./charts.js"
import { el, setHidden, setText } from "./dom.js"
import { Endpoints } from "./endpoints.js"
import { Feed } from "./feed.js"
import { count, duration, millis, none, percent, plural, rate } from "./format.js"
import { Leases } from "./leases.js"
import type { PoolModel } from "./model.js"
import { Operate } from "./operate.js"
import { Sessions } from "./sessions.js"
import { FailureTable, lifecycleCounts, outcomeCounts } from "./tables.js"
import { type Figure, Tiles } from "./tiles.js"
import { announcement, symbol, verdictOf } from "./verdict.js"

const figures: ReadonlyArray<Figure> = [
  { key: "inUse", label: "in use", color: "--in-use", of: (_, { inUse }) => inUse, format: count },
  { key: "idle", label: "idle", color: "--idle", of: (_, { idle }) => idle, format: count },
  { key: "opening", label: "opening", color: "--opening", of: (_, { opening }) => opening, format: count },
  { key: "pending", label: "pending", color: "--pending", of: (_, { pending }) => pending, format: count },
  { key: "closing", label: "closing", color: "--cap", of: (_, { closing }) => closing, format: count },
  { key: "maxConnections", label: "maximum", of: (_, stats) => stats.maxConnections, format: count },
  { key: "acquired", label: "leases", of: (pool) => pool.recentRate(({ acquired }) => acquired), format: rate },
  {
    key: "failed",
    label: "failed",
    of: (pool) => pool.recentRate(({ failed }) => total(failed)),
    format: rate
  },
  {
    key: "oldestWait",
    label: "oldest wait",
    of: (_, { oldestWaitMillis, pending, reconnecting }) => pending + reconnecting === 0 ? null : oldestWaitMillis,
    format: (value) => value === null ? none : duration(value)
  },
  { key: "waitMean", label: "mean wait", of: (pool) => pool.recentMean(({ waitTime }) => waitTime), format: millis }
]

const parts = [["inUse", "--in-use"], ["idle", "--idle"], ["opening", "--opening"], ["closing", "--cap"]] as const

export class Detail {
  readonly element: HTMLElement
  private readonly badge = el("span", { class: "badge" })
  private readonly explanation = el("span", { class: "more" })
  private readonly announced = el("p", { class: "unseen", "aria-live": "polite", "data-announced": "" })
  private readonly bar = el("div", { class: "bar", "aria-hidden": "true" })
  private readonly summary = el("p", { class: "note" })
  private readonly tiles = new Tiles(figures)
  private readonly sessions = new Sessions()
  private readonly endpoints: Endpoints
  private readonly charts = charts.map((options) => new Chart(options))
  private readonly outcomes = outcomeCounts()
  private readonly lifecycle = lifecycleCounts()
  private readonly failures = new FailureTable()
  private readonly feed = new Feed()
  private readonly advice = el("ul", { class: "advice" })
  private readonly suggested = el("p", { class: "note" }, "No advice without figures.")
  private readonly operate: Operate
  private readonly leases: Leases

  constructor(readonly pool: PoolModel) {
    this.operate = new Operate(pool)
    this.endpoints = new Endpoints(pool.name)
    this.leases = new Leases((connection) => this.operate.drop(connection))
    for (const [key, color] of parts) {
      const part = el("span", { "data-part": key })
      part.style.setProperty("--color", `var(${color})`)
      this.bar.append(part)
    }
    this.element = el(
      "article",
      { class: "pool", "data-pool": pool.id },
      el("h2", { "data-name": "" }, pool.name),
      el("p", { class: "verdict", "data-verdict": "" }, this.badge, " ", this.explanation),
      this.announced,
      this.tiles.element,
      this.bar,
      this.summary,
      this.sessions.element,
      this.endpoints.element,
      el("div", { class: "grid" }, ...this.charts.map(({ element }) => element)),
      el(
        "div",
        { class: "grid" },
        this.leases.element,
        el("section", { class: "card" }, el("h3", {}, "Requests by outcome"), this.outcomes.box),
        el("section", { class: "card" }, el("h3", {}, "Opened and closed"), this.lifecycle.box),
        el("section", { class: "card" }, el("h3", {}, "Errors"), this.failures.box),
        this.feed.element,
        el("section", { class: "card wide" }, el("h3", {}, "Advice"), this.advice, this.suggested),
        this.operate.element
      )
    )
  }

  show(mayAct: boolean): void {
    const { pool } = this
    const verdict = verdictOf(pool)
    this.element.dataset["tone"] = verdict.tone
    this.element.dataset["state"] = pool.isClosed ? "closed" : "running"
    setText(this.badge, `${symbol[verdict.tone]} ${verdict.word}`)
    setText(this.explanation, verdict.explanation)
    setText(this.announced, `${pool.name}: ${announcement(verdict)}`)
    for (const chart of this.charts) chart.show(pool.points)
    this.outcomes.show(pool)
    this.lifecycle.show(pool)
    this.failures.show(pool)
    this.feed.show(pool)
    this.leases.show(pool, mayAct)
    this.endpoints.show(pool)
    this.operate.show(mayAct)
    if (pool.snapshot !== undefined) this.showSnapshot(pool.snapshot)
  }

  redraw(): void {
    for (const chart of this.charts) chart.redraw()
  }

  destroy(): void {
    for (const chart of this.charts) chart.destroy()
    this.element.remove()
  }

  private showSnapshot({ advice, stats }: NonNullable<PoolModel["snapshot"]>): void {
    this.tiles.show(this.pool, stats)
    this.sessions.show(this.pool, stats)
    for (const [i, [key]] of parts.entries()) {
      const share = Math.min(1, stats[key] / Math.max(1, stats.maxConnections))
      const part = this.bar.children[i] as HTMLElement
      part.style.setProperty("width", `${share * 100}%`)
      setHidden(part, share === 0)
    }
    setText(
      this.summary,
      `${plural(stats.leased, "lease")} held, at least ${plural(stats.minConnections, "connection")} kept open, ` +
        `${plural(stats.leaksSuspected, "leak")} suspected so far, pool age ${duration(stats.ageMillis)}. ` +
        "Leases, failed and mean wait cover the last 10 seconds."
    )
    const reasons = advice.reasons.join("\n")
    if (this.advice.dataset["reasons"] !== reasons) {
      this.advice.dataset["reasons"] = reasons
      this.advice.replaceChildren(...advice.reasons.map((reason) => el("li", {}, reason)))
    }
    setText(
      this.suggested,
      advice.isFounded ?
        `Suggested: maxConnections ${count(advice.maxConnections)}, minConnections ${count(advice.minConnections)} ` +
        `(now ${count(stats.maxConnections)} and ${count(stats.minConnections)}). The measured load is ` +
        `${percent(advice.utilization)} of the pool's present capacity.` :
        ""
    )
  }
}
