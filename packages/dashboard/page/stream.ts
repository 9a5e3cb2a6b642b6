/** Server-sent events by `fetch`, which can send a token, unlike `EventSource`. */

export interface Listener {
  readonly message: (event: string, data: unknown) => void
  readonly state: (state: "live" | "lost" | "refused") => void
}

const pause = (millis: number) => new Promise<void>((next) => setTimeout(next, millis))

/** One message of the stream, whatever its lines are. */
const parse = (block: string, message: Listener["message"]): void => {
  let event = "message"
  const data: Array<string> = []
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7)
    else if (line.startsWith("data: ")) data.push(line.slice(6))
  }
  if (data.length > 0) message(event, JSON.parse(data.join("\n")))
}

const read = async (url: string, headers: Record<string, string>, listener: Listener): Promise<"lost" | "refused"> => {
  const response = await fetch(url, { headers, cache: "no-store" })
  if (response.status === 401) return "refused"
  if (!response.ok || response.body === null) return "lost"
  listener.state("live")
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return "lost"
    const blocks = (rest + value).split("\n\n")
    rest = blocks.pop()!
    for (const block of blocks) parse(block, listener.message)
  }
}

/** Listens for ever: after a loss it comes back, at first soon, then every ten seconds. */
export const listen = async (
  url: string,
  headers: () => Record<string, string>,
  listener: Listener
): Promise<never> => {
  let delay = 500
  for (;;) {
    let end: "lost" | "refused" = "lost"
    try {
      end = await read(url, headers(), {
        ...listener,
        state: (state) => {
          delay = 500
          listener.state(state)
        }
      })
    } catch {
      // As good as an answer that never came.
    }
    listener.state(end)
    await pause(delay * (0.75 + Math.random() / 2))
    delay = Math.min(delay * 2, 10_000)
  }
}
