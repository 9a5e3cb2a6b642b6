/** Measures commands per second on a Redis server, by clients that share connections. */
import { spawn } from "node:child_process"
import * as net from "node:net"
import { withEchoRemotes } from "../remote.js"
import { type Effort, figure } from "../rounds.js"
import { redisClients, redisYardstick } from "../subjects/redis.js"
import type { Table, Workload } from "../workload.js"

export const redis: Workload = {
  name: "redis",
  about: "redis-server in another process: nine GET and one SET, 1, 64 and 1,000 borrowers, 1 and 4 connections",
  run: async (effort) => {
    const tables: Array<Table> = []
    const ran = await withRedis(async (port) => {
      for (const connections of [1, 4]) {
        for (const bytes of [64, 16_384]) tables.push(...await measured(port, connections, bytes, effort))
      }
    })
    if (!ran) console.log("skipped: redis-server is not installed")
    return tables
  }
}

/** The commands of one borrower in a round: enough that the start of the borrowers does not count. */
const commands = (borrowers: number, bytes: number): number => {
  const [all, least] = bytes > 1_024 ? [3_000, 10] as const : [12_000, 50] as const
  return Math.max(least, Math.round(all / borrowers / (borrowers === 1 ? 6 : 1)))
}

const measured = (
  port: number,
  connections: number,
  bytes: number,
  { rounds }: Effort
): Promise<ReadonlyArray<Table>> =>
  withEchoRemotes(redisClients, async (remotes) => {
    for (const { open } of remotes) await open(port, connections)
    const tables: Array<Table> = []
    for (const borrowers of [1, 64, 1_000]) {
      const rates = remotes.map((): Array<number> => [])
      const count = commands(borrowers, bytes)
      for (let round = -warmUps; round < rounds; round++) {
        for (const [index, { ask }] of remotes.entries()) {
          // V8 discards code while the others run.
          if (round >= 0) await ask(borrowers, count, bytes)
          const rate = await ask(borrowers, count, bytes)
          if (round >= 0) rates[index]!.push(rate)
        }
      }
      tables.push({
        title: `Redis, ${bytes === 64 ? "64 bytes" : "16 KiB"}, ${borrowers.toLocaleString("en")} ${
          borrowers === 1 ? "borrower" : "borrowers"
        }, ${connections} ${connections === 1 ? "connection" : "connections"}`,
        unit: "commands/s",
        better: "more",
        yardstick: redisYardstick,
        rows: remotes.map(({ name }, index) => figure(name, rates[index]!))
      })
    }
    return tables
  })

/** The rounds that do not count, until machine code has been compiled. */
const warmUps = 2

/** Runs the body with a server on a free port. Returns whether there is one. */
const withRedis = async (body: (port: number) => Promise<void>): Promise<boolean> => {
  const port = await freePort()
  const server = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], {
    stdio: "ignore"
  })
  const isMissing = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(true))
    server.once("spawn", () => resolve(false))
  })
  if (isMissing) return false
  try {
    await listening(port)
    await body(port)
  } finally {
    server.kill("SIGKILL")
  }
  return true
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

const listening = async (port: number): Promise<void> => {
  for (;;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false))
      socket.on("connect", () => socket.destroy())
    })
    if (isUp) return
    await new Promise((next) => setTimeout(next, 20))
  }
}
