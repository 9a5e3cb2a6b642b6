/** The client of the dashboard's HTTP interface, which is below the page's own address. */
import type { Snapshot } from "../src/Snapshot.js"
import type { History, Notice } from "./model.js"

/** The prefix of the dashboard, with or without a slash at its end. */
const base = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`

const tokenKey = "socketpool-token"

/** The token, kept for this tab until it closes. */
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

/** The longest time of a timer, in milliseconds. A browser takes a longer one for 0. */
const maxTimerMillis = 2 ** 31 - 1

class Unauthorized extends Error {}

const get = async (path: string, signal: AbortSignal): Promise<Response> => {
  const response = await fetch(base + path, { headers: headers(), signal, cache: "no-store" })
  if (response.status === 401) throw new Unauthorized()
  if (!response.ok) throw new Error(`${path} answers ${response.status}`)
  return response
}

/** Passes each server-sent event to `listen` until the stream ends. `EventSource` cannot send the token. */
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

/** The pause before the next attempt, in milliseconds. It doubles, and is random so that pages do not retry in step. */
const delay = (attempt: number): number => Math.min(10_000, 500 * 2 ** attempt) * (0.75 + Math.random() / 2)

export class Source {
  private attempt = 0
  private current: AbortController | undefined
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly listener: Listener) {}

  /** Connects now, and ends the connection or pause under way. */
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
    // The stream comes first, so that no notice is missed in between; the page recognizes a notice that comes twice.
    const response = await get("api/stream", signal)
    const history: History = await (await get("api/history", signal)).json()
    this.listener.onHistory(history)
    // A dead connection may report no error; then the snapshots stop.
    const silenceMillis = Math.min(maxTimerMillis, Math.max(5_000, 4 * history.intervalMillis))
    let silenceTimer: ReturnType<typeof setTimeout> | undefined
    const restartTimer = () => {
      clearTimeout(silenceTimer)
      silenceTimer = setTimeout(() => controller.abort(), silenceMillis)
    }
    restartTimer()
    try {
      await eachEvent(response, (event, data) => {
        restartTimer()
        this.attempt = 0
        this.listener.onConnection({ state: "live" })
        if (event === "pools") this.listener.onSnapshot(JSON.parse(data))
        if (event === "notice") this.listener.onNotice(JSON.parse(data))
      })
    } finally {
      clearTimeout(silenceTimer)
    }
    throw new Error("the stream has ended")
  }
}

export interface Outcome {
  readonly ok: boolean
  readonly status: number
  readonly message: string
}

/** Asks the server to change a pool. */
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
