/**
 * A server in a process of its own that knows how many connections each client has. A connection counts from the moment
 * it is accepted until its client hears that it is closed here. The first line of a client is its name; others are sent back.
 */
import * as net from "node:net"
import type { CounterConfig, CounterReport, CounterRequest } from "./messages.js"

const { limit } = JSON.parse(process.argv[2]!) as CounterConfig

const nameless = "nameless"
const byId = new Map<string, number>()
const noticedAfter = new Map<string, number>()
let open = 0
let peak = 0
let opened = 0
let over: Array<string> = []

const count = (id: string, change: number) => {
  const now = (byId.get(id) ?? 0) + change
  if (now === 0) byId.delete(id)
  else byId.set(id, now)
}

const report = (): CounterReport => ({ open, peak, opened, byId: Object.fromEntries(byId), over })

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  let id = nameless
  let rest = ""
  let isCounted = true
  open++
  opened++
  peak = Math.max(peak, open)
  count(id, 1)
  if (open > limit && over.length < 10) over.push(JSON.stringify(report().byId))
  socket.setEncoding("latin1").on("data", (chunk) => {
    const parts = (rest + String(chunk)).split("\n")
    rest = parts.pop()!
    if (id === nameless && parts.length > 0) {
      count(id, -1)
      id = parts.shift()!
      count(id, 1)
    }
    for (const line of parts) socket.write(`${line}\n`)
  })
  const later = (then: () => void) => {
    const millis = noticedAfter.get(id)
    if (millis === undefined) then()
    else setTimeout(then, millis)
  }
  const gone = () => {
    if (!isCounted) return
    isCounted = false
    open--
    count(id, -1)
  }
  socket.on("end", () =>
    later(() => {
      gone()
      socket.end()
    }))
  socket.on("error", () => {})
  // A reset has not waited yet.
  socket.on("close", () => isCounted && later(gone))
})

process.on("message", ({ request, serial }: { readonly serial: number; readonly request: CounterRequest }) => {
  if (request._tag === "NoticeLate") noticedAfter.set(request.id, request.millis)
  if (request._tag === "Reset") {
    peak = open
    over = []
  }
  process.send!({ serial, reply: report() })
})
process.on("disconnect", () => process.exit())

server.listen(0, "127.0.0.1", () => {
  process.send!({ serial: 0, reply: { port: (server.address() as net.AddressInfo).port } })
})
