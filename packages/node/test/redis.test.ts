// A real server: redis-server, on a random loopback port.
import type { ConnectionError } from "@socketpool/core"
import { TcpPool } from "@socketpool/node"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import { socketsTo } from "./fixtures/census.js"
import { isMissing } from "./fixtures/realServer.js"
import { installed, redisServer } from "./fixtures/redisServer.js"
import { totalOf } from "./fixtures/server.js"

/** Commands and replies of the Redis protocol, as raw bytes. */
type Sender = {
  readonly send: (data: string) => Effect.Effect<void, ConnectionError>
  readonly recvUntil: (delimiter: string) => Effect.Effect<Uint8Array, ConnectionError>
  readonly recvExactly: (bytes: number) => Effect.Effect<Uint8Array, ConnectionError>
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const command = (connection: Sender, ...words: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const encoded = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")
    yield* connection.send(`*${words.length}\r\n${encoded}`)
    const head = text(yield* connection.recvUntil("\r\n")).trimEnd()
    if (!head.startsWith("$") || head === "$-1") return head
    const body = yield* connection.recvExactly(Number(head.slice(1)) + 2)
    return text(body).slice(0, -2)
  })

describe("redis-server", () => {
  it.scopedLive.skipIf(isMissing("redis-server", installed))(
    "returns their own replies to 200 fibers over 8 connections, before and after kill -9",
    () =>
      Effect.gen(function*() {
        const server = yield* redisServer()
        let wrong = 0
        let mostClients = 0
        const address = { host: "127.0.0.1", port: server.port }

        // Watches with a connection of its own, which the list shows, too.
        const watch = Effect.gen(function*() {
          const pool = yield* TcpPool.make({ ...address, maxConnections: 1 })
          const count = pool.use((connection) =>
            Effect.gen(function*() {
              const mine = /^:(\d+)/.exec(yield* command(connection, "CLIENT", "ID"))![1]
              const clients = (yield* command(connection, "CLIENT", "LIST")).trim().split("\n")
              mostClients = Math.max(mostClients, clients.filter((client) => !client.startsWith(`id=${mine} `)).length)
            })
          )
          return yield* Effect.forever(Effect.andThen(count, Effect.sleep("1 millis")))
        })

        yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* TcpPool.make({ ...address, maxConnections: 8, acquireTimeout: "30 seconds" })

          const expectReply = (connection: Sender, reply: string, ...words: ReadonlyArray<string>) =>
            Effect.map(command(connection, ...words), (got) => {
              if (got !== reply) wrong++
            })

          const work = (fiber: number, round: number) =>
            pool.use((connection) =>
              Effect.gen(function*() {
                const value = `value of ${fiber} in ${round}\r\n${"x".repeat(fiber)}`
                yield* expectReply(connection, "+PONG", "PING")
                yield* expectReply(connection, "+OK", "SET", `key-${fiber}`, value)
                yield* expectReply(connection, value, "GET", `key-${fiber}`)
              })
            )

          const all = (rounds: number) =>
            Effect.forEach(
              Array.from({ length: 200 }, (_, i) => i),
              (fiber) => Effect.forEach(Array.from({ length: rounds }, (_, i) => i), (round) => work(fiber, round)),
              { concurrency: "unbounded", discard: true }
            )

          yield* Effect.raceFirst(all(10), Effect.scoped(watch))
          expect(wrong).toBe(0)
          expect(mostClients).toBeGreaterThan(0)
          expect(mostClients).toBeLessThanOrEqual(8)
          expect(yield* pool.stats).toMatchObject({ acquired: 2000, opened: 8, idle: 8, inUse: 0, pending: 0 })

          // Under load, so that some connections die in use and some while idle.
          let failed = 0
          const load = yield* fork(
            Effect.forEach(
              Array.from({ length: 200 }, (_, i) => i),
              (fiber) =>
                Effect.forever(
                  Effect.matchEffect(work(fiber, 0), {
                    onSuccess: Effect.succeed,
                    onFailure: () => Effect.delay(Effect.sync(() => failed++), "20 millis")
                  })
                ),
              { concurrency: "unbounded", discard: true }
            )
          )
          yield* Effect.sleep("100 millis")
          yield* server.kill
          yield* Effect.repeat(Effect.delay(pool.stats, "5 millis"), {
            until: ({ idle, inUse }) => failed > 0 && inUse + idle === 0
          })
          yield* server.start

          // The same pool recovers by itself.
          const before = (yield* pool.stats).acquired
          const served = Effect.map(pool.stats, (stats) => stats.acquired > before + 1000)
          yield* Effect.repeat(Effect.delay(served, "5 millis"), { until: (enough) => enough })
          yield* Fiber.interrupt(load)
          yield* all(2)
          expect(wrong).toBe(0)
          const stats = yield* pool.stats
          expect(stats.inUse + stats.pending).toBe(0)
          const closed = totalOf(stats.closed)
          expect(stats.opened - closed).toBe(stats.idle + stats.closing)
        }))
        expect(socketsTo(server.port)).toEqual({})
      })
  )
})
