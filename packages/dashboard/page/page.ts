/** The page: what comes in goes into models, and once a frame what has changed is shown. */
import type { Snapshot } from "../src/Snapshot.js"
import { Access } from "./access.js"
import { Detail } from "./detail.js"
import { setHidden, setText } from "./dom.js"
import { time } from "./format.js"
import { type History, type Notice, PoolModel } from "./model.js"
import { Overview } from "./overview.js"
import { type Connection, Source, token } from "./source.js"

/** How many pools that have closed stay on the page. */
const mostClosed = 20

const byId = (id: string): HTMLElement => document.getElementById(id)!

const status = byId("status")
const main = byId("main")
const empty = byId("empty")

let pools = new Map<number, PoolModel>()
let history: History | undefined
let connection: Connection = { state: "connecting" }
/** When the last snapshot was taken, by the server's clock. */
let seenAt: number | undefined
let detail: Detail | undefined

const modelOf = (pool: { readonly id: number; readonly name: string }): PoolModel => {
  let model = pools.get(pool.id)
  if (model === undefined) pools.set(pool.id, model = new PoolModel(pool))
  return model
}

const onHistory = (next: History): void => {
  // Another dashboard numbers its pools anew: what was known is of other pools.
  if (history !== undefined && history.startedAt !== next.startedAt) pools = new Map()
  history = next
  for (const past of next.pools) modelOf(past).restore(next, past)
  schedule()
}

const onSnapshot = (snapshot: Snapshot): void => {
  seenAt = snapshot.at
  const running = new Set(snapshot.pools.map(({ id }) => id))
  for (const pool of snapshot.pools) modelOf(pool).take(snapshot.at, pool, history?.historyMillis ?? 0)
  for (const model of pools.values()) if (!running.has(model.id)) model.isClosed = true
  const closed = [...pools.values()].filter(({ id, isClosed }) => isClosed && id !== detail?.pool.id)
  for (const { id } of closed.slice(0, -mostClosed)) pools.delete(id)
  schedule()
}

const onNotice = (notice: Notice): void => {
  const model = pools.get(notice.id) ?? modelOf({ id: notice.id, name: notice.pool })
  // What came while the history was on its way is in both.
  const { id: _, ...event } = notice
  const told = JSON.stringify(event)
  if (!model.notices.slice(0, 20).some((known) => JSON.stringify(known) === told)) model.hear(event as typeof notice)
  schedule()
}

const statusText = (): string => {
  switch (connection.state) {
    case "connecting":
      return "Connecting …"
    case "live":
      return seenAt === undefined ? "Live" : `Live, as of ${time(seenAt)}`
    case "unauthorized":
      return "This dashboard asks for its token"
    case "lost": {
      const seconds = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1_000))
      return `Stream lost; figures are ${seenAt === undefined ? "missing" : `of ${time(seenAt)}`}; ` +
        `trying again in ${seconds} s`
    }
  }
}

const chosen = (): PoolModel | undefined => {
  const [, id] = /^#pool-(\d+)$/.exec(location.hash) ?? []
  const all = [...pools.values()]
  return pools.get(Number(id)) ?? all.find(({ isClosed }) => !isClosed) ?? all[0]
}

const show = (): void => {
  const now = seenAt ?? Date.now()
  setText(status, statusText())
  document.body.dataset["connection"] = connection.state
  const isRefused = connection.state === "unauthorized"
  access.show(isRefused || history?.actions === true, isRefused)
  const selected = chosen()
  // The running ones first, each kind in the order in which they were made.
  const all = [...pools.values()].sort((a, b) => Number(a.isClosed) - Number(b.isClosed) || a.id - b.id)
  overview.show(all, selected?.id, now)
  setHidden(empty, selected !== undefined || seenAt === undefined)
  if (detail?.pool !== selected) {
    detail?.destroy()
    detail = selected === undefined ? undefined : new Detail(selected)
    if (detail !== undefined) main.append(detail.element)
  }
  detail?.show({ actions: history?.actions === true, hasToken: token.get() !== null }, now)
  document.title = selected === undefined ? "socketpool" : `${selected.name} – socketpool`
}

let isScheduled = false
/** Shows once a frame, and not while nobody looks. */
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
    setText(byId("announced-status"), next.state === "lost" ? "Stream lost, trying again" : "")
    schedule()
  }
})
const access = new Access(() => {
  source.connect()
  schedule()
})
const overview = new Overview((id) => {
  window.history.replaceState(null, "", `#pool-${id}`)
  schedule()
})

byId("access").append(access.element)
byId("pools").append(overview.element)
addEventListener("hashchange", schedule)
document.addEventListener("visibilitychange", schedule)
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => detail?.redraw())
// The countdown, and nothing else, goes on when the stream does not.
setInterval(() => connection.state === "lost" && schedule(), 1_000)
source.connect()
