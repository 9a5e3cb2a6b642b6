/** Where the figures come from: the dashboard's own HTTP interface, below the page's own address. */
import type { Snapshot } from "../src/Snapshot.js"
import type { History, Notice } from "./model.js"

/** Works under any prefix, with or without a slash at its end. */
const base = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`

const tokenKey = "socketpool-token"

/** Only this tab has it, and only until it closes. */
export const token = {
  get: (): string | null => sessionStorage.getItem(tokenKey),
  set: (value: string): void => sessionStorage.setItem(tokenKey, value),
  forget: (): void => sessionStorage.removeItem(tokenKey)
}

const headers = (): Record<string, string> => {
  const value = token.get()
  return value === null ? {} : { authorization: `Bearer ${value}` }
}

export type Connection =
  | { readonly state: "connecting" | "live" | "unauthorized" }
  | { readonly state: "lost"; readonly retryAt: number }

export interface Listener {
  readonly onHistory: (history: History) => void
  readonly onSnapshot: (snapshot: Snapshot) => void
  readonly onNotice: (notice: Notice) => void
  readonly onConnection: (connection: Connection) => void
}

class Unauthorized extends Error {}

const get = async (path: string, signal: AbortSignal): Promise<Response> => {
  const response = await fetch(base + path, { headers: headers(), signal, cache: "no-store" })
  if (response.status === 401) throw new Unauthorized()
  if (!response.ok) throw new Error(`${path} answers ${response.status}`)
  return response
}

/** Calls with each event of a stream of server-sent events, until it ends. `EventSource` could not send the token. */
const eachEvent = async (response: Response, listen: (event: string, data: string) => void): Promise<void> => {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (rest + value).split("\n\n")
    rest = blocks.pop()!
    for (const block of blocks) {
      const [, event = ""] = /^event: (.*)$/m.exec(block) ?? []
      const [, data = "null"] = /^data: (.*)$/m.exec(block) ?? []
      listen(event, data)
    }
  }
}

/** How long the page waits before it tries again, in milliseconds: doubling, and not in step with other pages. */
const delay = (attempt: number): number => Math.min(10_000, 500 * 2 ** attempt) * (0.75 + Math.random() / 2)

export class Source {
  private attempt = 0
  private current: AbortController | undefined
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly listener: Listener) {}

  /** Begins, or begins anew at once: with another token, or because somebody does not want to wait. */
  connect(): void {
    clearTimeout(this.timer)
    this.current?.abort()
    const controller = new AbortController()
    this.current = controller
    this.follow(controller).catch((error: unknown) => {
      if (this.current !== controller) return
      controller.abort()
      if (error instanceof Unauthorized) return this.listener.onConnection({ state: "unauthorized" })
      const wait = delay(this.attempt++)
      this.listener.onConnection({ state: "lost", retryAt: Date.now() + wait })
      this.timer = setTimeout(() => this.connect(), wait)
    })
  }

  private async follow(controller: AbortController): Promise<void> {
    const { signal } = controller
    if (this.attempt === 0) this.listener.onConnection({ state: "connecting" })
    // The stream first: what happens between the two must not be missed. Notices told twice are known by their text.
    const response = await get("api/stream", signal)
    const history: History = await (await get("api/history", signal)).json()
    this.listener.onHistory(history)
    // A connection can be dead without a word; then the snapshots stay away.
    const patience = Math.max(5_000, 4 * history.intervalMillis)
    let silent: ReturnType<typeof setTimeout> | undefined
    const watch = () => {
      clearTimeout(silent)
      silent = setTimeout(() => controller.abort(), patience)
    }
    watch()
    try {
      await eachEvent(response, (event, data) => {
        watch()
        this.attempt = 0
        this.listener.onConnection({ state: "live" })
        if (event === "pools") this.listener.onSnapshot(JSON.parse(data))
        if (event === "notice") this.listener.onNotice(JSON.parse(data))
      })
    } finally {
      clearTimeout(silent)
    }
    throw new Error("the stream has ended")
  }
}

export interface Outcome {
  readonly ok: boolean
  readonly status: number
  readonly message: string
}

/** Asks the server to do something to a pool. */
export const act = async (id: number, action: "drop" | "clear" | "resize", body: object): Promise<Outcome> => {
  try {
    const response = await fetch(`${base}api/pools/${id}/${action}`, {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    if (response.ok) return { ok: true, status: response.status, message: "" }
    const { _tag = "", message = "" } = await response.json().catch(() => ({}))
    return { ok: false, status: response.status, message: `${_tag}: ${message}` }
  } catch (error) {
    return { ok: false, status: 0, message: error instanceof Error ? error.message : String(error) }
  }
}
