/** The table of all pools, worst first, in which one is selected for the section below. */
import { button, el, KeyedList, setHidden, setText, setValue, table } from "./dom.js"
import { count, duration, millis, none, rate } from "./format.js"
import type { PoolModel } from "./model.js"
import { bySeverity, symbol, type Tone, type Verdict, verdictOf } from "./verdict.js"

interface Judged {
  readonly pool: PoolModel
  readonly verdict: Verdict
}

interface Tally {
  readonly word: string
  readonly tone: Tone
  readonly pools: number
}

const tallied = (judged: ReadonlyArray<Judged>): ReadonlyArray<Tally> => {
  const tallies = new Map<string, Tally>()
  for (const { verdict: { tone, word } } of judged) {
    const key = `${tone} ${word}`
    tallies.set(key, { word, tone, pools: (tallies.get(key)?.pools ?? 0) + 1 })
  }
  return [...tallies.values()]
}

/** The pools with their states, worst first; those of one tone are in the order of their numbers. */
export const worstFirst = (pools: Iterable<PoolModel>): ReadonlyArray<Judged> =>
  Array.from(pools, (pool) => ({ pool, verdict: verdictOf(pool) }))
    .sort((a, b) => bySeverity(a.verdict, b.verdict) || a.pool.id - b.pool.id)

export class Overview {
  readonly element: HTMLElement
  private readonly rows: KeyedList<Judged>
  private readonly tallies: KeyedList<Tally>
  private readonly filter = el("input", {
    id: "pool-filter",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "name"
  })
  private readonly none = el("p", { class: "nothing" }, "No pool matches the filter.")
  private readonly box: HTMLElement
  /** The state that is shown alone. */
  private word: string | undefined
  private judged: ReadonlyArray<Judged> = []
  private selected: number | undefined

  constructor(select: (id: number) => void) {
    const heads = ["Pool", "State", "In use", "Idle", "Pending", "Oldest wait", "Maximum", "Leases", "Mean wait"]
    const { body, box } = table("All pools, worst first; select one for details", heads, { class: "overview" })
    this.box = box
    this.rows = new KeyedList(
      body,
      ({ pool }) => String(pool.id),
      ({ pool: { id, name } }) =>
        el(
          "tr",
          { "data-row": id },
          el(
            "th",
            { scope: "row" },
            button(name, { class: "link", title: name, "data-choose": id }, () => select(id))
          ),
          el("td", { class: "state" }, el("span", { "aria-hidden": "true" }), " ", el("span", { class: "word" })),
          ...heads.slice(2).map((head) => el("td", { class: "number", "data-head": head }, none))
        ),
      (row, judged) => this.update(row, judged)
    )
    const summary = el("p", { class: "row tallies", "data-summary": "" })
    this.tallies = new KeyedList<Tally>(
      summary,
      ({ tone, word }) => `${tone} ${word}`,
      ({ tone, word }) => button("", { class: "tally", "data-tone": tone, "data-word": word }, () => this.toggle(word)),
      (element, { pools, tone, word }) => {
        setText(element, `${symbol[tone]} ${count(pools)} ${word}`)
        element.setAttribute("aria-pressed", String(this.word === word))
      }
    )
    this.filter.addEventListener("input", () => this.refresh())
    this.element = el(
      "nav",
      { "aria-label": "Pools", class: "card" },
      el("div", { class: "heading" }, summary, el("label", {}, "Filter ", this.filter)),
      box,
      this.none
    )
  }

  show(judged: ReadonlyArray<Judged>, selected: number | undefined): void {
    this.judged = judged
    this.selected = selected
    this.refresh()
  }

  private toggle(word: string): void {
    this.word = this.word === word ? undefined : word
    this.refresh()
  }

  private refresh(): void {
    const tallies = tallied(this.judged)
    // The last pool of that state may have left it.
    if (!tallies.some(({ word }) => word === this.word)) this.word = undefined
    const text = this.filter.value.trim().toLowerCase()
    const shown = this.judged.filter(({ pool, verdict }) =>
      pool.name.toLowerCase().includes(text) && (this.word === undefined || verdict.word === this.word)
    )
    setHidden(this.element, this.judged.length < 2)
    this.tallies.show(tallies)
    this.rows.show(shown)
    setHidden(this.box, shown.length === 0)
    setHidden(this.none, shown.length > 0)
  }

  private update(row: HTMLElement, { pool, verdict }: Judged): void {
    const isSelected = pool.id === this.selected
    row.dataset["tone"] = verdict.tone
    row.classList.toggle("selected", isSelected)
    row.querySelector("button")!.setAttribute("aria-current", String(isSelected))
    const [, state, inUse, idle, pending, oldest, maximum, leases, wait] = row.children as HTMLCollectionOf<HTMLElement>
    setText(state!.firstElementChild!, symbol[verdict.tone])
    setText(state!.lastElementChild!, verdict.word)
    const { stats } = pool
    if (stats === undefined) return
    setValue(inUse!, count(stats.inUse), stats.inUse)
    setValue(idle!, count(stats.idle), stats.idle)
    setValue(pending!, count(stats.pending), stats.pending)
    setText(oldest!, stats.pending + stats.reconnecting === 0 ? none : duration(stats.oldestWaitMillis))
    setValue(maximum!, count(stats.maxConnections), stats.maxConnections)
    setText(leases!, rate(pool.recentRate(({ acquired }) => acquired)))
    setText(wait!, millis(pool.recentMean(({ waitTime }) => waitTime)))
  }
}
