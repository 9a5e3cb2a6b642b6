/** Measures a pool of endpoints: what the choice costs, and what borrowers of four real servers wait for. */
import { type ConnectionPool, type Endpoint, Endpoints } from "@socketpool/core"
import { type TcpConnection, TcpPool } from "@socketpool/node"
import { Effect, Logger, LogLevel, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import { type Figure, figure } from "../rounds.js"
import { endpointPools } from "../subjects/endpoints.js"
import { yardstick } from "../subjects/index.js"
import type { Table, Workload } from "../workload.js"
import { type Crowd, crowdTitle, rates } from "./lending.js"

const crowds: ReadonlyArray<Crowd> = [{ borrowers: 1, size: 4 }, { borrowers: 64, size: 8 }]

export const endpoints: Workload = {
  name: "endpoints",
  about: "a pool of four endpoints, compared with a pool of one server",
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const crowd of crowds) {
      tables.push({
        title: crowdTitle(crowd),
        unit: "leases/s",
        better: "more",
        yardstick,
        rows: await rates(endpointPools.map((subject) => [subject, crowd] as const), effort)
      })
    }
    return tables
  }
}

// --- Servers --------------------------------------------------------------------------------------------------------

const host = "127.0.0.1"
const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port

/** Echoes after this number of milliseconds. */
const echoing = (millis: number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<net.Socket>()
        const server = net.createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => sockets.delete(socket))
          socket.on("data", (data) => setTimeout(() => socket.writable && socket.write(data), millis))
        })
        await once(server.listen(0, host), "listening")
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ server }) => portOf(server)
  )

/** Nobody listens there. */
const refusing = Effect.scoped(echoing(0))

const listener = `require("node:net").createServer().listen({ port: 0, host: "${host}", backlog: 1 }, function() {
  console.log(this.address().port)
})`

/** A stopped process whose queue of connections is full: connects get no answer at all. */
const hanging: Effect.Effect<number, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child: ChildProcess = spawn(process.execPath, ["-e", listener], { stdio: ["ignore", "pipe", "inherit"] })
      const [port] = await once(child.stdout!, "data")
      child.kill("SIGSTOP")
      const fillers = [1, 2].map(() => net.connect(Number(port), host).on("error", () => {}))
      await Promise.all(fillers.map((filler) => once(filler, "connect")))
      return { child, fillers, port: Number(port) }
    }),
    ({ child, fillers }) =>
      Effect.sync(() => {
        for (const filler of fillers) filler.destroy()
        child.kill("SIGKILL")
      })
  ),
  ({ port }) => port
)

// --- Choices --------------------------------------------------------------------------------------------------------

type Use = <A, E>(f: (connection: TcpConnection.TcpConnection) => Effect.Effect<A, E>) => Effect.Effect<A, unknown>

const most = 40
const limits = { connectTimeout: "300 millis", timeout: "10 seconds" } as const

const ofEndpoints = (all: ReadonlyArray<Endpoint>): Effect.Effect<Use, never, Scope.Scope> =>
  Effect.map(
    TcpPool.endpoints({ ...limits, endpoints: Endpoints.of(...all), maxConnections: most }),
    (pool): Use => (f) => pool.use(f)
  )

/** A pool for each server, and a choice by hand. */
const byHand =
  (choose: (pools: ReadonlyArray<ConnectionPool<TcpConnection.TcpConnection, unknown>>) => number) =>
  (all: ReadonlyArray<Endpoint>): Effect.Effect<Use, never, Scope.Scope> =>
    Effect.map(
      Effect.forEach(all, (one) => TcpPool.make({ ...limits, ...one, maxConnections: most / all.length })),
      (pools): Use => (f) => Effect.suspend(() => pools[choose(pools)]!.use(f))
    )

let turn = 0
const loadOf = (pool: ConnectionPool<TcpConnection.TcpConnection, unknown>): number => {
  const { inUse, opening, pending } = Effect.runSync(pool.stats)
  return inUse + opening + pending
}

const ours = "socketpool TcpPool.endpoints"
const choices = {
  [ours]: ofEndpoints,
  "a pool for each, round robin": byHand((pools) => turn++ % pools.length),
  "a pool for each, the better of two at random": byHand((pools) => {
    const one = Math.floor(Math.random() * pools.length)
    const other = (one + 1 + Math.floor(Math.random() * (pools.length - 1))) % pools.length
    return loadOf(pools[one]!) <= loadOf(pools[other]!) ? one : other
  })
}

// --- Waits ----------------------------------------------------------------------------------------------------------

const calls = 800
const borrowers = 16

interface Waits {
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

/** The waits of this number of calls, those that fail included, in milliseconds. */
const waitsOf = (use: Use): Effect.Effect<Waits> =>
  Effect.gen(function*() {
    const waits: Array<number> = []
    let failed = 0
    const call = Effect.suspend(() => {
      const start = performance.now()
      let wait: number | undefined
      return Effect.match(
        use((connection) => {
          wait = performance.now() - start
          return Effect.andThen(connection.send("x\n"), connection.recvUntil("\n"))
        }),
        {
          onSuccess: () => void waits.push(wait!),
          onFailure: () => {
            failed++
            waits.push(wait ?? performance.now() - start)
          }
        }
      )
    })
    yield* Effect.forEach(Array.from({ length: calls }), () => call, { concurrency: borrowers, discard: true })
    waits.sort((one, other) => one - other)
    return { p50: waits[calls / 2]!, p99: waits[Math.floor(calls * 0.99)]!, failed: failed / calls * 100 }
  })

const troubles: Record<string, Effect.Effect<number, never, Scope.Scope>> = {
  "all equal": echoing(2),
  "one ten times as slow": echoing(20),
  "one refuses": refusing,
  "one a black hole": hanging
}

const measured = (bad: Effect.Effect<number, never, Scope.Scope>, make: typeof ofEndpoints): Promise<Waits> =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const ports = [...yield* Effect.replicateEffect(echoing(2), 3), yield* bad]
      return yield* waitsOf(yield* make(ports.map((port) => ({ host, port }))))
    })).pipe(Logger.withMinimumLogLevel(LogLevel.None))
  )

export const choice: Workload = {
  name: "choice",
  about: `${calls} calls of ${borrowers} borrowers to four servers of 2 ms, one of which may be in trouble`,
  run: async ({ rounds }) => {
    const tables: Array<Table> = []
    for (const [trouble, bad] of Object.entries(troubles)) {
      const found = new Map<string, Array<Waits>>()
      for (let round = 0; round < rounds; round++) {
        for (const [name, make] of Object.entries(choices)) {
          found.set(name, [...found.get(name) ?? [], await measured(bad, make)])
        }
      }
      const rows = (of: (waits: Waits) => number): ReadonlyArray<Figure> =>
        [...found].map(([name, all]) => figure(name, all.map(of)))
      const common = { better: "less", yardstick: ours } as const
      tables.push(
        { ...common, title: `${trouble}: half of the waits`, unit: "ms", rows: rows(({ p50 }) => p50) },
        { ...common, title: `${trouble}: 99 % of the waits`, unit: "ms", rows: rows(({ p99 }) => p99) }
      )
      const failures = rows(({ failed }) => failed)
      if (failures.some(({ max }) => max > 0)) {
        tables.push({ ...common, title: `${trouble}: calls that fail`, unit: "%", rows: failures })
      }
    }
    return tables
  }
}
