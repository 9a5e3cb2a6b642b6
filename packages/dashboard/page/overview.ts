/** The table of all pools, in which one is selected for the section below. */
import { button, el, KeyedList, setHidden, setText, setValue, table } from "./dom.js"
import { count, millis, rate } from "./format.js"
import type { PoolModel } from "./model.js"
import { symbol, verdictOf } from "./verdict.js"

export class Overview {
  readonly element: HTMLElement
  private readonly rows: KeyedList<PoolModel>
  private selected: number | undefined
  private now = 0

  constructor(select: (id: number) => void) {
    const heads = ["Pool", "State", "In use", "Idle", "Pending", "Maximum", "Leases", "Mean wait"]
    const { body, box } = table("All pools; select one for details", heads, { class: "overview" })
    this.rows = new KeyedList(
      body,
      ({ id }) => String(id),
      ({ id, name }) =>
        el(
          "tr",
          { "data-row": id },
          el("th", { scope: "row" }, button(name, { class: "link", "data-choose": id }, () => select(id))),
          el("td", { class: "state" }),
          ...heads.slice(2).map(() => el("td", { class: "number" }))
        ),
      (row, pool) => this.update(row, pool)
    )
    this.element = el("nav", { "aria-label": "Pools", class: "card" }, box)
  }

  show(pools: ReadonlyArray<PoolModel>, selected: number | undefined, now: number): void {
    this.selected = selected
    this.now = now
    setHidden(this.element, pools.length < 2)
    this.rows.show(pools)
  }

  private update(row: HTMLElement, pool: PoolModel): void {
    const verdict = verdictOf(pool, this.now)
    const isSelected = pool.id === this.selected
    row.dataset["tone"] = verdict.tone
    row.classList.toggle("selected", isSelected)
    row.querySelector("button")!.setAttribute("aria-current", String(isSelected))
    const [, state, inUse, idle, pending, maximum, leases, wait] = row.children as HTMLCollectionOf<HTMLElement>
    setText(state!, `${symbol[verdict.tone]} ${verdict.word}`)
    const { stats } = pool
    if (stats === undefined) return
    setValue(inUse!, count(stats.inUse), stats.inUse)
    setValue(idle!, count(stats.idle), stats.idle)
    setValue(pending!, count(stats.pending), stats.pending)
    setValue(maximum!, count(stats.maxConnections), stats.maxConnections)
    setText(leases!, rate(pool.recentRate(({ acquired }) => acquired)))
    setText(wait!, millis(pool.recentMean(({ waitTime }) => waitTime)))
  }
}
