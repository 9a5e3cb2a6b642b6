/** The live page. */
import { type History, type Notice, pointOf, type Snapshot } from "../src/Snapshot.js"
import * as Actions from "./actions.js"
import { byId, element, say } from "./dom.js"
import { Model, verdict } from "./model.js"
import { PoolView } from "./pool.js"
import { listen } from "./stream.js"

/** Where this page is, also when it is mounted below a path that was given without its slash. */
const base = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`

const model = new Model()
const view = new PoolView()
let chosen: number | undefined = undefined

const choose = (id: number): void => {
  chosen = id
  location.hash = `pool-${id}`
  show()
  byId("pool").focus({ preventScroll: true })
}

/** The one that was chosen, or the first that is still there. */
const current = () => {
  const pools = [...model.pools.values()]
  const wanted = chosen ?? Number(/^#pool-(\d+)$/.exec(location.hash)?.[1])
  return model.pools.get(wanted) ?? pools.find(({ gone }) => !gone) ?? pools[0]
}

const show = (): void => {
  const pool = current()
  const pools = [...model.pools.values()]
  byId("none").hidden = pools.length > 0
  byId("overview").hidden = pools.length < 2
  byId("pool").hidden = pool === undefined
  if (pool === undefined) return
  overview(pools, pool.id)
  view.show(pool)
}

const rows = new Map<number, { readonly row: HTMLElement; readonly cells: ReadonlyArray<HTMLElement> }>()

const rowOf = (id: number, name: string) => {
  const known = rows.get(id)
  if (known !== undefined) return known
  const button = element("button", { type: "button" }, name)
  button.addEventListener("click", () => choose(id))
  const cells = ["state", "inUse", "idle", "opening", "pending", "maxConnections"].map((key) =>
    element("td", { class: key === "state" ? "wrap" : "n", "data-cell": key })
  )
  const row = element(
    "tr",
    { "data-pool": String(id) },
    element("th", { scope: "row", class: "wrap" }, button),
    ...cells
  )
  byId("pools").append(row)
  const made = { row, cells }
  rows.set(id, made)
  return made
}

const overview = (pools: ReadonlyArray<ReturnType<typeof current> & object>, chosen: number): void => {
  for (const pool of pools) {
    const { cells, row } = rowOf(pool.id, pool.name)
    const { kind, text } = verdict(pool)
    row.setAttribute("aria-current", String(pool.id === chosen))
    row.classList.toggle("gone", pool.gone)
    cells[0]!.dataset["verdict"] = kind
    const stats = pool.now?.stats
    const figures = [stats?.inUse, stats?.idle, stats?.opening, stats?.pending, stats?.maxConnections]
    for (
      const [i, content] of [text, ...figures.map((n) => pool.gone || n === undefined ? "–" : String(n))].entries()
    ) {
      say(cells[i]!, content)
    }
  }
}

// --- Listening ------------------------------------------------------------------------------------------------------

const told = {
  live: "Live",
  lost: "Connection lost; what you see is old. Trying again …",
  refused: "The server wants a token"
}

const state = (now: keyof typeof told): void => {
  const link = byId("link")
  link.dataset["link"] = now
  say(link, told[now])
  if (now === "refused") byId("unlock").hidden = false
}

const message = (event: string, data: unknown): void => {
  if (event === "history") {
    model.start(data as History)
    Actions.offer(model.hasActions)
  } else if (event === "notice") {
    model.note(data as Notice)
  } else if (event === "pools") {
    const { at, pools } = data as Snapshot
    model.see(at, pools, ({ stats }) => pointOf(at, stats))
  }
  show()
}

Actions.start(base, () => current()?.id, show)
void listen(`${base}api/stream`, Actions.headers, { message, state })
