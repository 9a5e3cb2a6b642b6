/** Measures requests per second over real sockets, and their latency. */
import { withServer } from "../echo.js"
import { withEchoRemotes } from "../remote.js"
import { type Effort, figure } from "../rounds.js"
import { echoes, echoYardstick } from "../subjects/echoes.js"
import type { Table, Workload } from "../workload.js"

const borrowers = 50
const connections = 10

/** The requests of one borrower in a round. */
const requests = (bytes: number): number => bytes > 1024 ? 150 : 400

/** A connection for a single request occupies a port for a minute, and a system has only some 28,000 of them. */
const connectingRequests = 20

export const echo: Workload = {
  name: "echo",
  about: `a TCP server in another process: ${borrowers} borrowers, ${connections} connections, 64 bytes and 16 KiB`,
  run: (effort) =>
    withServer(async (port) => {
      const tables: Array<Table> = []
      for (const bytes of [64, 16_384]) tables.push(...await measured(port, bytes, effort))
      return tables
    })
}

const measured = (port: number, bytes: number, { rounds }: Effort): Promise<ReadonlyArray<Table>> =>
  withEchoRemotes(echoes, async (remotes) => {
    for (const { open } of remotes) await open(port, connections)
    const figures = remotes.map(() => ({
      rate: new Array<number>(),
      p50: new Array<number>(),
      p99: new Array<number>()
    }))
    for (let round = -warmUps; round < rounds; round++) {
      for (const [index, { ask, connects, quantile }] of remotes.entries()) {
        if (connects && round < -1) continue
        // V8 discards code while the others run.
        if (round >= 0 && !connects) await ask(borrowers, requests(bytes), bytes)
        const rate = await ask(borrowers, connects ? connectingRequests : requests(bytes), bytes)
        if (round < 0) continue
        figures[index]!.rate.push(rate)
        figures[index]!.p50.push(await quantile(0.5))
        figures[index]!.p99.push(await quantile(0.99))
      }
    }
    const size = bytes === 64 ? "64 bytes" : "16 KiB"
    const table = (
      of: keyof (typeof figures)[number],
      title: string,
      unit: string,
      better: Table["better"]
    ): Table => ({
      title: `TCP echo, ${size}${title}`,
      unit,
      better,
      yardstick: echoYardstick,
      rows: remotes.map(({ name }, index) => figure(name, figures[index]![of]))
    })
    return [
      table("rate", "", "requests/s", "more"),
      table("p50", ": half of the requests", "ms at most", "less"),
      table("p99", ": 99 % of the requests", "ms at most", "less")
    ]
  })

/** The rounds that do not count, until machine code has been compiled. */
const warmUps = 6
