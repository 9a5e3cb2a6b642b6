// Real sockets on loopback, and a server in a process of its own that is killed. SOCKETPOOL_DEEP=1: 200 times, not 40.
import { describe, expect, it } from "@effect/vitest"
import { TcpPool } from "@socketpool/node"
import { Duration, Effect, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import { eventually } from "./fixtures/server.js"
import { ask } from "./fixtures/tagged.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const rounds = process.env["SOCKETPOOL_DEEP"] === "1" ? 200 : 40
const workers = 32
const floor = 4
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** Repeats every frame, and says when it listens. */
const program = `
  const server = require("node:net").createServer((socket) => {
    socket.setNoDelay(true)
    socket.on("error", () => {})
    socket.pipe(socket)
  })
  server.listen(Number(process.argv[1]), "127.0.0.1", () => process.stdout.write("listening\\n"))
`

/**
 * Below the ports that the system lends to clients: one that connects again and again while nobody listens there could
 * end up connected to itself, and keep the port.
 */
const freePort = Effect.promise(async () => {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = net.createServer()
    const isFree = await new Promise<boolean>((done) => {
      server.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true))
    })
    await new Promise<void>((done) => void server.close(() => done()))
    if (isFree) return port
  }
})

/** A server that can be started and killed again and again, and is gone with the scope. */
const mortal = Effect.gen(function*() {
  const port = yield* freePort
  let child: ChildProcess | undefined
  const kill = Effect.promise(async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  })
  yield* Effect.addFinalizer(() => kill)
  const start = Effect.promise(async () => {
    child = spawn(process.execPath, ["-e", program, String(port)], { stdio: ["ignore", "pipe", "inherit"] })
    await once(child.stdout!, "data")
  })
  return { kill, port, start }
})

describe("a server that is killed again and again under load", { timeout: rounds * 5_000 }, () => {
  it.scopedLive("costs errors only: nobody hangs or reads another's reply, and the floor is back each time", () =>
    Effect.gen(function*() {
      const { kill, port, start } = yield* mortal
      yield* start
      const count = { own: 0, foreign: 0, failed: 0, timedOut: 0, slowestMillis: 0 }
      const pool = yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* TcpPool.make({
          host: "127.0.0.1",
          port,
          maxConnections: 8,
          minConnections: floor,
          acquireTimeout: "2 seconds",
          timeout: "2 seconds",
          retry: Schedule.spaced("20 millis")
        })
        let tags = 0
        const call = Effect.suspend(() => {
          const tag = ++tags
          return Effect.timed(Effect.either(pool.use((connection) => ask(connection, tag)))).pipe(
            Effect.map(([took, answer]) => {
              count.slowestMillis = Math.max(count.slowestMillis, Math.round(Duration.toMillis(took)))
              if (answer._tag === "Left") {
                count.failed++
                if ("reason" in answer.left && answer.left.reason === "Timeout") count.timedOut++
              } else if (answer.right === tag) count.own++
              else count.foreign++
              return answer._tag
            }),
            // Whoever is refused does not come back at once.
            Effect.tap((tag) => tag === "Left" ? Effect.sleep("5 millis") : Effect.void)
          )
        })
        yield* Effect.forkScoped(
          Effect.forEach(Array.from({ length: workers }), () => Effect.forever(call), { concurrency: "unbounded" })
        )
        for (let round = 0; round < rounds; round++) {
          const before = count.own
          yield* eventually("it serves", () => count.own > before + 200)
          yield* kill
          const failed = count.failed
          yield* eventually("it is missed", () => count.failed > failed + workers)
          yield* start
          const back = count.own
          yield* eventually("it serves again", () => count.own > back + 200)
          const { inUse, opening, idle, closing, opened, closed } = yield* pool.stats
          expect(idle + inUse + closing).toBe(opened - Object.values(closed).reduce((sum, n) => sum + n, 0))
          expect(idle + inUse + opening + closing).toBeLessThanOrEqual(8)
        }
        return pool
      }))
      say(`${rounds} kills: ${JSON.stringify(count)}`)
      expect(count.foreign).toBe(0)
      // No deadline was needed to notice a server that is gone.
      expect(count.timedOut).toBe(0)
      yield* nothingIsLeft({ pool, port, server: () => 0 })
    }))

  it.scopedLive("leaves a pool without borrowers with its floor", () =>
    Effect.gen(function*() {
      const { kill, port, start } = yield* mortal
      yield* start
      const pool = yield* TcpPool.make({
        host: "127.0.0.1",
        port,
        minConnections: floor,
        retry: Schedule.spaced("20 millis")
      })
      for (let round = 0; round < 5; round++) {
        const untilIdle = (wanted: number) =>
          Effect.repeat(Effect.zipLeft(pool.stats, Effect.sleep("2 millis")), { until: ({ idle }) => idle === wanted })
        yield* untilIdle(floor)
        yield* kill
        yield* untilIdle(0)
        yield* start
      }
      yield* pool.awaitReady
      expect(yield* pool.stats).toMatchObject({ idle: floor, inUse: 0, closed: { Disconnected: 5 * floor } })
    }))
})
