/** The endpoints of a pool: a row each, with its state in words. */
import type { EndpointSnapshot } from "../src/Snapshot.js"
import { el, setHidden, setText } from "./dom.js"
import { numberCells, setNumbers, tableOf } from "./fold.js"
import { count, duration, plural, short } from "./format.js"
import type { PoolModel, PoolSnapshot } from "./model.js"
import { symbol, type Tone } from "./verdict.js"

type Listed = NonNullable<PoolSnapshot["endpoints"]>

/** An endpoint and the time of its figures. */
interface Row extends EndpointSnapshot {
  readonly at: number
  readonly key: string
}

const words = { Up: "up", SlowStart: "slow start", Ejected: "ejected", Draining: "draining" } as const

/** The state of an endpoint in words, which do not rest on the colour. */
const stateOf = ({ at, ejectedUntil = at, failures, state }: Row): readonly [text: string, tone: Tone] => {
  const word = words[state]
  switch (state) {
    case "Ejected":
      return [
        ejectedUntil > at ? `${word} for ${duration(ejectedUntil - at)} more` : `${word}, being tried again`,
        "bad"
      ]
    case "Draining":
      return [word, "off"]
    default:
      return failures > 0 ? [`${word}, failing`, "warn"] : [word, "good"]
  }
}

const addressOf = ({ host, port }: EndpointSnapshot): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

const summaryOf = ({ count: all, listed }: Listed): string => {
  if (all === 0) return "The discovery has given no endpoint yet."
  const sum = (state: string) => listed.filter((endpoint) => endpoint.state === state).length
  const states = Object.entries(words).flatMap(([state, word]) => sum(state) === 0 ? [] : [`${sum(state)} ${word}`])
  return `${plural(all, "endpoint")}${
    all > listed.length ? `, of which ${count(listed.length)} are shown` : `: ${states.join(", ")}`
  }. The load is leases, waiting requests and opens for the weight. The share is that of the leases of the last minute.`
}

const heads = [
  "Endpoint",
  "State",
  "In use",
  "Idle",
  "Opening",
  "Waiting",
  "Load",
  "Share",
  "Tier",
  "Weight",
  "Failed in a row",
  "Ejections"
]

const endpointTable = tableOf<PoolModel, Row>({
  caption: "The endpoints of",
  kind: "endpoints",
  heads,
  rowsOf: ({ snapshot, snapshotAt }) =>
    (snapshot?.endpoints?.listed ?? []).map((endpoint, i) => ({
      ...endpoint,
      at: snapshotAt,
      // Several that drain may be the same endpoint of different sets.
      key: JSON.stringify([endpoint.id, endpoint.host, endpoint.port, endpoint.state === "Draining" ? i : ""])
    })),
  keyOf: ({ key }) => key,
  make: (row) => {
    const address = addressOf(row)
    return el(
      "tr",
      { "data-endpoint": row.id },
      el(
        "th",
        { scope: "row", title: row.id },
        row.id,
        ...(address === row.id ? [] : [" ", el("span", { class: "more" }, address)])
      ),
      el(
        "td",
        { class: "long" },
        el("span", { class: "state" }, el("span", { "aria-hidden": "true" }), " ", el("span")),
        " ",
        el("span", { class: "why" })
      ),
      ...numberCells(heads, 2)
    )
  },
  update: (element, row) => {
    const [text, tone] = stateOf(row)
    element.dataset["tone"] = tone
    const [state, why] = element.children[1]!.children
    setText(state!.firstElementChild!, symbol[tone])
    setText(state!.lastElementChild!, text)
    setText(why!, row.lastError ?? "")
    // A long error is cut to a few lines.
    why!.setAttribute("title", why!.textContent ?? "")
    setNumbers(element, [
      row.inUse,
      row.idle,
      row.opening,
      row.waiting,
      [short(row.load), row.load],
      [`${count(row.share * 100)} %`, row.share],
      row.tier,
      [String(row.weight), row.weight],
      row.failures,
      row.ejections
    ], 2)
  }
})

export class Endpoints {
  readonly element: HTMLElement
  private readonly table: ReturnType<typeof endpointTable>
  private readonly note = el("p", { class: "note" })

  constructor(name: string) {
    this.table = endpointTable(name)
    this.element = el(
      "section",
      { class: "card below", "data-endpoints": "", hidden: true },
      el("h3", {}, "Endpoints"),
      this.table.box,
      this.note
    )
  }

  show(pool: PoolModel): void {
    const endpoints = pool.snapshot?.endpoints
    setHidden(this.element, endpoints === undefined)
    if (endpoints === undefined) return
    this.table.show(pool)
    setText(this.note, summaryOf(endpoints))
  }
}
