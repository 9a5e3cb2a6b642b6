/** What can be done from the page, with a token. It is kept for this tab alone. */
import { byId, say } from "./dom.js"

const kept = "socketpool.token"
let root = "/"
let isOffered = false

export const headers = (): Record<string, string> => {
  const token = sessionStorage.getItem(kept)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}

export const isUnlocked = (): boolean => isOffered && sessionStorage.getItem(kept) !== null

/** Whether the server has actions at all. */
export const offer = (hasActions: boolean): void => {
  isOffered = hasActions
  byId("unlock").hidden = !hasActions
  byId("actions").hidden = !isUnlocked()
  if (hasActions && isUnlocked()) say(byId("unlocked"), "Actions are unlocked")
}

const answer = (text: string): void => {
  const target = byId("answer")
  target.textContent = ""
  // Said again even if it is the same as before.
  setTimeout(() => say(target, text), 30)
}

const post = async (path: string, body: unknown, done: string): Promise<void> => {
  try {
    const response = await fetch(`${root}api/pools/${path}`, {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    if (response.ok) return answer(done)
    const { _tag, message } = await response.json() as { readonly _tag: string; readonly message: string }
    answer(`${_tag}: ${message}`)
    if (response.status === 401) {
      sessionStorage.removeItem(kept)
      say(byId("unlocked"), "The token is wrong")
      byId("actions").hidden = true
      byId("token").focus()
    }
  } catch {
    answer("The server did not answer.")
  }
}

let target: () => number | undefined = () => undefined

export const drop = (connection: number): Promise<void> =>
  post(`${target()}/drop`, { connection }, `Connection ${connection} was dropped.`)

const input = (id: string): string => byId<HTMLInputElement>(id).value.trim()

export const start = (base: string, pool: () => number | undefined, changed: () => void): void => {
  root = base
  target = pool
  const on = (id: string, act: () => void) =>
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault()
      act()
    })
  on("unlock", () => {
    sessionStorage.setItem(kept, input("token"))
    byId<HTMLInputElement>("token").value = ""
    offer(isOffered)
    changed()
  })
  on("drop", () => void drop(Number(input("drop-number"))))
  on("resize", () => {
    const [min, max] = [input("resize-min"), input("resize-max")]
    const size = { ...(min === "" ? {} : { min: Number(min) }), ...(max === "" ? {} : { max: Number(max) }) }
    void post(`${target()}/resize`, size, "The pool has its new limits.")
  })
  byId("clear").addEventListener("click", () => {
    void post(`${target()}/clear`, {}, "All connections are being replaced.")
  })
}
