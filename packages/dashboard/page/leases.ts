/** The leases of a pool, longest first, with a button to drop each connection. */
import { button, el, KeyedList, setHidden, setText, table } from "./dom.js"
import { count, duration } from "./format.js"
import type { PoolModel, PoolSnapshot } from "./model.js"

type Lease = PoolSnapshot["leases"][number]

export class Leases {
  readonly element: HTMLElement
  private readonly rows: KeyedList<Lease>
  private readonly more = el("p", { class: "note", hidden: true })
  private readonly empty = el("p", { class: "nothing" }, "No leases held.")
  private readonly box: HTMLElement

  constructor(drop: (connectionId: number) => void) {
    const { body, box } = table("Leases held now, longest first", [
      "Connection",
      "Held",
      "Fiber",
      "Span",
      "Leak",
      "Action"
    ], { class: "leases" })
    this.box = box
    this.rows = new KeyedList<Lease>(
      body,
      ({ connectionId, holder }) => `${connectionId} ${holder.fiber}`,
      ({ connectionId, holder }) =>
        el(
          "tr",
          { "data-lease": connectionId },
          el("th", { scope: "row", class: "number" }, String(connectionId)),
          el("td", { class: "number" }),
          el("td", {}, holder.fiber),
          el("td", { class: "long" }, holder.span ?? "–"),
          el("td", {}),
          el(
            "td",
            { class: "action" },
            button("Drop", { "data-drop": connectionId, "aria-label": `Drop connection ${connectionId}` }, () =>
              drop(connectionId))
          )
        ),
      (row, { holder, suspected }) => {
        setText(row.children[1]!, duration(holder.heldMillis))
        setText(row.children[4]!, suspected ? "▲ suspected" : "–")
        row.classList.toggle("bad", suspected)
      }
    )
    this.element = el("section", { class: "card wide" }, el("h3", {}, "Leases"), box, this.empty, this.more)
  }

  show({ isClosed, snapshot }: PoolModel, mayAct: boolean): void {
    const leases = isClosed ? [] : snapshot?.leases ?? []
    this.rows.show(leases)
    this.box.classList.toggle("no-actions", !mayAct)
    setHidden(this.box, leases.length === 0)
    setHidden(this.empty, leases.length > 0)
    const others = isClosed ? 0 : (snapshot?.stats.leased ?? 0) - leases.length
    setHidden(this.more, others <= 0)
    setText(this.more, `and ${count(others)} shorter ${others === 1 ? "lease" : "leases"}`)
  }
}
