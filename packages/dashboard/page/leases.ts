/**
 * The leases of a pool, longest first, with a button to drop each connection. A connection that many share has one row,
 * with its longest lease; a button shows the others.
 */
import { button, el, KeyedList, setHidden, setText, table } from "./dom.js"
import { count, duration, plural } from "./format.js"
import type { PoolModel, PoolSnapshot } from "./model.js"

type Lease = PoolSnapshot["leases"][number]

/** The row of a lease. */
interface Row {
  readonly key: string
  readonly lease: Lease
  /** The leases of the connection that the page knows, but for the longest; none in a row of one of them. */
  readonly others: ReadonlyArray<Lease>
}

const rowsOf = (leases: ReadonlyArray<Lease>): ReadonlyArray<Row> => {
  const connections = new Map<number, Array<Lease>>()
  for (const lease of leases) {
    const known = connections.get(lease.connectionId)
    if (known === undefined) connections.set(lease.connectionId, [lease])
    else known.push(lease)
  }
  return Array.from(connections.values(), ([lease, ...others]) => {
    const { connectionId, connectionLeases, holder } = lease!
    // The holder of a shared row changes all the time, and must not take the focus of its buttons along.
    const key = connectionLeases > 1 ? "shared" : holder.fiber
    return { key: `${connectionId} ${key}`, lease: lease!, others }
  })
}

export class Leases {
  readonly element: HTMLElement
  private readonly rows: KeyedList<Row>
  private readonly more = el("p", { class: "note", hidden: true })
  private readonly empty = el("p", { class: "nothing" }, "No leases held.")
  private readonly box: HTMLElement
  /** The connections whose leases are all shown. */
  private readonly expanded = new Set<number>()
  private shown: ReadonlyArray<Row> = []

  constructor(private readonly drop: (connectionId: number) => void) {
    const { body, box } = table("Leases held now, longest first", [
      "Connection",
      "Held",
      "Holder",
      "Leak",
      "Action"
    ], { class: "leases" })
    this.box = box
    this.rows = new KeyedList<Row>(body, ({ key }) => key, (row) => this.make(row), (row, of) => this.update(row, of))
    this.element = el("section", { class: "card wide" }, el("h3", {}, "Leases"), box, this.empty, this.more)
  }

  private make({ key, lease: { connectionId, connectionLeases } }: Row): HTMLElement {
    const isFurther = key.endsWith("further")
    const toggle = button("", { class: "link", "data-toggle": connectionId }, () => {
      if (!this.expanded.delete(connectionId)) this.expanded.add(connectionId)
      this.showRows()
    })
    return el(
      "tr",
      isFurther ? { class: "further", "data-further": connectionId } : { "data-lease": connectionId },
      el("th", { scope: "row", class: "number" }, String(connectionId)),
      el("td", { class: "number" }),
      el(
        "td",
        { class: "long" },
        el("span", {}),
        " ",
        el("span", { class: "fiber" }),
        ...(isFurther || connectionLeases === 1 ? [] : [" ", toggle])
      ),
      el("td", { class: "leak" }, el("span", {}), " ", el("span", { class: "word" })),
      el(
        "td",
        { class: "action" },
        ...(isFurther ? [] : [
          button(
            "Drop",
            { "data-drop": connectionId, "aria-label": `Drop connection ${connectionId}` },
            () => this.drop(connectionId)
          )
        ])
      )
    )
  }

  private update(row: HTMLElement, { lease, others }: Row): void {
    const { connectionId, connectionLeases, exclusive, holder, suspected } = lease
    const [, held, long, leak] = row.children
    setText(held!, duration(holder.heldMillis))
    const [span, fiber, toggle] = long!.children
    setText(span!, holder.span ?? "")
    setText(fiber!, `fiber ${holder.fiber}${exclusive ? ", exclusive" : ""}`)
    if (toggle !== undefined) {
      const isExpanded = this.expanded.has(connectionId)
      const all = plural(connectionLeases - 1, "more lease")
      const isCut = isExpanded && others.length < connectionLeases - 1
      setText(toggle, `${isExpanded ? "▾" : "▸"} ${isCut ? `the ${count(others.length)} longest of ${all}` : all}`)
      toggle.setAttribute("aria-expanded", String(isExpanded))
    }
    const [mark, word] = leak!.children
    setText(mark!, suspected ? "▲" : "–")
    setText(word!, suspected ? "suspected" : "")
    row.classList.toggle("bad", suspected)
  }

  private showRows(): void {
    this.rows.show(this.shown.flatMap((row) => {
      const { lease: { connectionId }, others } = row
      if (!this.expanded.has(connectionId)) return [row]
      return [row, ...others.map((lease, i) => ({ key: `${connectionId} ${i} further`, lease, others: [] }))]
    }))
  }

  show({ isClosed, snapshot }: PoolModel, mayAct: boolean): void {
    const leases = isClosed ? [] : snapshot?.leases ?? []
    this.shown = rowsOf(leases)
    this.showRows()
    this.box.classList.toggle("no-actions", !mayAct)
    setHidden(this.box, leases.length === 0)
    setHidden(this.empty, leases.length > 0)
    const counted = this.shown.reduce((sum, { lease }) => sum + lease.connectionLeases, 0)
    const others = isClosed ? 0 : (snapshot?.stats.leased ?? 0) - counted
    setHidden(this.more, others <= 0)
    setText(this.more, `and ${count(others)} shorter ${others === 1 ? "lease" : "leases"}`)
  }
}
