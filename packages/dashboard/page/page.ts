/** The page: stores incoming data in models, and shows the changes once a frame. */
import type { Snapshot } from "../src/Snapshot.js"
import { Access } from "./access.js"
import { budgetList, type Target } from "./budgets.js"
import { Detail } from "./detail.js"
import { setHidden, setText } from "./dom.js"
import { time, visible } from "./format.js"
import { keyedList } from "./keyed.js"
import { type History, type Notice, PoolModel } from "./model.js"
import { Overview, worstFirst } from "./overview.js"
import { type Connection, Source, token } from "./source.js"

/** The most closed pools that stay on the page. */
const maxClosed = 20

const byId = (id: string): HTMLElement => document.getElementById(id)!

const status = byId("status")
const main = byId("main")
const empty = byId("empty")

let pools = new Map<number, PoolModel>()
let history: History | undefined
let connection: Connection = { state: "connecting" }
/** The time of the last snapshot by the server's clock, in milliseconds since 1970. */
let seenAt: number | undefined
let detail: Detail | undefined
let last: Snapshot | undefined
/** Whether the pool that is selected next comes into view. */
let isGoing = false

const modelOf = (pool: { readonly id: number; readonly name: string }): PoolModel => {
  let model = pools.get(pool.id)
  if (model === undefined) pools.set(pool.id, model = new PoolModel(pool))
  return model
}

const onHistory = (next: History): void => {
  // A restarted dashboard numbers its pools from 1 again, so the models belong to other pools.
  if (history !== undefined && history.startedAt !== next.startedAt) pools = new Map()
  history = next
  for (const past of next.pools) modelOf(past).restore(next, past)
  schedule()
}

const onSnapshot = (snapshot: Snapshot): void => {
  seenAt = snapshot.at
  last = snapshot
  const running = new Set(snapshot.pools.map(({ id }) => id))
  for (const pool of snapshot.pools) modelOf(pool).addSnapshot(snapshot.at, pool, history?.historyMillis ?? 0)
  for (const model of pools.values()) if (!running.has(model.id)) model.isClosed = true
  const closed = [...pools.values()].filter(({ id, isClosed }) => isClosed && id !== detail?.pool.id)
  for (const { id } of closed.slice(0, -maxClosed)) pools.delete(id)
  schedule()
}

const onNotice = (notice: Notice): void => {
  const model = pools.get(notice.id) ?? modelOf({ id: notice.id, name: notice.pool })
  // A notice that arrived while the history was loading is in both.
  const { id: _, ...event } = notice
  const text = JSON.stringify(event)
  if (!model.notices.slice(0, 20).some((known) => JSON.stringify(known) === text)) {
    model.addNotice(event as typeof notice)
  }
  schedule()
}

const statusText = (): string => {
  switch (connection.state) {
    case "connecting":
      return "Connecting …"
    case "live":
      return seenAt === undefined ? "Live" : `Live, last update ${time(seenAt)}`
    case "unauthorized":
      return token.get() === null ? "This dashboard requires its token" : "The dashboard rejected this token"
    case "lost": {
      const seconds = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1_000))
      return `Stream lost; ${seenAt === undefined ? "no figures yet" : `figures from ${time(seenAt)}`}; ` +
        `retrying in ${seconds} s`
    }
  }
}

/** The pool that the address names, or else the one that was the worst when the first was shown. */
const selectedPool = (worst: PoolModel | undefined): PoolModel | undefined => {
  const [, id] = /^#pool-(\d+)$/.exec(location.hash) ?? []
  const shown = detail?.pool
  return pools.get(Number(id)) ?? (shown === undefined || shown.isClosed ? worst : pools.get(shown.id) ?? worst)
}

const show = (): void => {
  setText(status, statusText())
  document.body.dataset["connection"] = connection.state
  const isRejected = connection.state === "unauthorized"
  access.show(isRejected)
  const judged = worstFirst(pools.values())
  // Without figures no pool is worse than another.
  const selected = seenAt === undefined ? undefined : selectedPool(judged[0]?.pool)
  overview.show(judged, selected?.id)
  const keyed = last?.keyedPools ?? []
  budgets.show(last?.budgets ?? [])
  keyedPools.show(keyed)
  setHidden(empty, selected !== undefined || seenAt === undefined || keyed.length > 0)
  if (detail?.pool !== selected) {
    detail?.destroy()
    detail = selected === undefined ? undefined : new Detail(selected)
    if (detail !== undefined) main.append(detail.element)
  }
  detail?.show(history?.actions === true)
  if (isGoing) {
    isGoing = false
    main.focus({ preventScroll: true })
    main.scrollIntoView()
  }
  document.title = selected === undefined ? "socketpool" : `${visible(selected.name)} – socketpool`
}

let isScheduled = false
/** Shows the changes in the next frame, unless the page is hidden. */
function schedule(): void {
  if (isScheduled || document.hidden) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    show()
  })
}

const source = new Source({
  onHistory,
  onSnapshot,
  onNotice,
  onConnection: (next) => {
    connection = next
    const announced = next.state === "lost"
      ? "Stream lost, retrying"
      : next.state === "unauthorized"
      ? statusText()
      : ""
    setText(byId("announced-status"), announced)
    schedule()
  }
})
const access = new Access(() => {
  source.connect()
  schedule()
})
const select = (id: number): void => {
  window.history.replaceState(null, "", `#pool-${id}`)
  schedule()
}
/** Brings a pool or a keyed pool into view, and the focus there. */
const goTo = ({ id, kind }: Target): void => {
  if (kind === "pool") {
    isGoing = true
    return select(id)
  }
  const fold = keyedPools.element.querySelector<HTMLDetailsElement>(`[data-keyed="${id}"]`)
  if (fold === null) return
  fold.open = true
  fold.querySelector("summary")!.focus()
  fold.scrollIntoView({ block: "nearest" })
}
const overview = new Overview(select)
const budgets = budgetList(goTo)
const keyedPools = keyedList()

byId("access").append(access.element)
byId("pools").append(overview.element, budgets.element, keyedPools.element)
addEventListener("hashchange", schedule)
document.addEventListener("visibilitychange", schedule)
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => detail?.redraw())
// Updates the countdown while the stream is lost.
setInterval(() => connection.state === "lost" && schedule(), 1_000)
source.connect()
