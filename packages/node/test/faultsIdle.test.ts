// Real sockets on loopback: faults while a connection is idle, and jumps of the clock. Linux only.
import type { TcpConnection } from "@socketpool/node"
import { fork, result, unlogged } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Effect, Fiber, Schedule } from "effect"
import {
  ask,
  childServer,
  echoLines,
  settled,
  stall,
  stallUntilArrived,
  type TestPool,
  withPool
} from "./fixtures/faults.js"
import { eventually, lines, serve, turn } from "./fixtures/server.js"

const host = "127.0.0.1"

/** Echoes each line; `heard` is everything that has reached the server. */
const listening = Effect.gen(function*() {
  const heard: Array<string> = []
  const server = yield* serve(lines((line, reply) => {
    heard.push(line)
    reply(line)
  }))
  return { heard, server, target: { port: server.port, left: () => server.sockets.size } }
})

const untilIdle = (pool: TestPool, wanted: number) =>
  Effect.repeat(pool.stats, { until: ({ idle }) => idle === wanted, schedule: Schedule.spaced("2 millis") })

describe("an idle connection", () => {
  const partings = { "an end": "end", "a reset": "reset" } as const
  for (const [what, how] of Object.entries(partings)) {
    it.scopedLive(`that receives bytes along with ${what} closes as Desync, and the bytes reach nobody`, () =>
      Effect.gen(function*() {
        const { heard, server, target } = yield* listening
        yield* withPool(target, {}, (pool) =>
          Effect.gen(function*() {
            expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
            for (const socket of server.sockets) {
              // More bytes than a held socket would read before the end.
              socket.write("last words\n".repeat(30_000), () => {
                if (how === "end") socket.end()
                else socket.resetAndDestroy()
              })
            }
            yield* untilIdle(pool, 0)
            expect(yield* settled(pool)).toMatchObject({ opened: 1, closed: { Desync: 1, Disconnected: 0 } })
            expect(yield* pool.use((connection) => ask(connection, "two"))).toBe("two")
            expect(heard).toEqual(["one", "two"])
          }))
      }))
  }

  it.scopedLive("that a middlebox has forgotten fails validate and is replaced", () =>
    Effect.gen(function*() {
      const { heard, server } = yield* listening
      const proxy = yield* FaultProxy.make({ target: { host, port: server.port } })
      let asked = 0
      const validate = (connection: TcpConnection.TcpConnection) =>
        Effect.suspend(() => {
          const ping = `ping ${++asked}`
          // The bytes held back arrive after the validation has timed out.
          return Effect.onInterrupt(Effect.map(ask(connection, ping), (answer) => answer === ping), () => proxy.heal)
        })
      const options = { validate, validateAfterIdle: 0, validateTimeout: "3 seconds" } as const
      yield* withPool({ port: proxy.port, left: () => server.sockets.size }, options, (pool) =>
        Effect.gen(function*() {
          expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
          yield* proxy.set("both", { stall: true })
          for (const line of ["two", "three"]) {
            expect(yield* pool.use((connection) => ask(connection, line))).toBe(line)
          }
          expect(heard).toContain("ping 1")
          expect(heard.filter((line) => !line.startsWith("ping"))).toEqual(["one", "two", "three"])
          expect(yield* settled(pool)).toMatchObject({ opened: 2, idle: 1, validating: 0, closed: { Invalid: 1 } })
        }))
    }))

  it.scopedLive("with unread bytes in the kernel fails validate and is replaced", () =>
    Effect.gen(function*() {
      const { heard, server, target } = yield* listening
      const validate = (connection: TcpConnection.TcpConnection) =>
        Effect.map(ask(connection, "ping"), (answer) => answer === "ping")
      yield* withPool(target, { validate, validateAfterIdle: 0 }, (pool) =>
        Effect.gen(function*() {
          expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
          // The bytes are in the kernel, and this process has not seen them yet.
          for (const socket of server.sockets) socket.write("surprise\n")
          expect(yield* pool.use((connection) => ask(connection, "two"))).toBe("two")
          expect(heard.filter((line) => line !== "ping")).toEqual(["one", "two"])
          expect(yield* settled(pool)).toMatchObject({ opened: 2, idle: 1, closed: { Invalid: 1 } })
        }))
    }))

  for (const [what, how] of Object.entries(partings)) {
    it.scopedLive(`whose peer has gone unnoticed by ${what} causes a typed error, and nothing is sent again`, () =>
      Effect.gen(function*() {
        const { heard, server, target } = yield* listening
        yield* withPool(target, { maxConnections: 2 }, (pool) =>
          Effect.gen(function*() {
            expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
            for (const socket of server.sockets) {
              if (how === "end") socket.end()
              else socket.resetAndDestroy()
            }
            // This process has read nothing from the kernel since.
            const error = yield* Effect.flip(pool.use((connection) => ask(connection, "two")))
            expect(error._tag).toBe("ConnectionError")
            expect(["EndOfStream", "Reset"]).toContain("reason" in error && error.reason)
            expect(yield* pool.use((connection) => ask(connection, "three"))).toBe("three")
            expect(heard.filter((line) => line === "two").length).toBeLessThanOrEqual(1)
            expect(heard.filter((line) => line !== "two")).toEqual(["one", "three"])
            expect(yield* settled(pool)).toMatchObject({ opened: 2, idle: 1, closed: { Disconnected: 1 } })
            expect((yield* pool.stats).acquired).toBe(3)
          }))
      }))
  }

  it.scopedLive("closes here before a server with a longer limit closes it, so that nobody sees an error", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        socket.setTimeout(60_000, () => socket.end())
        lines((line, reply) => reply(line))(socket)
      })
      const target = { port: server.port, left: () => server.sockets.size }
      yield* withPool(target, { maxConnections: 3, idleTimeout: "50 millis" }, (pool) =>
        Effect.gen(function*() {
          for (let round = 1; round <= 3; round++) {
            const calls = ["a", "b", "c"].map((line) => pool.use((connection) => ask(connection, line)))
            expect(yield* Effect.all(calls, { concurrency: "unbounded" })).toEqual(["a", "b", "c"])
            yield* untilIdle(pool, 0)
            yield* eventually("the server has none left", () => server.sockets.size === 0)
          }
          const { closed, opened } = yield* settled(pool)
          expect(closed).toMatchObject({ Stale: opened, Disconnected: 0, Discarded: 0 })
        }))
    }))

  it.scopedLive("of a restarted server is never lent, and the pool refills to minConnections", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      const options = { maxConnections: 4, minConnections: 3, retry: Schedule.spaced("10 millis") }
      yield* withPool({ port: server.port }, options, (pool) =>
        Effect.gen(function*() {
          yield* untilIdle(pool, 3)
          yield* server.kill
          yield* untilIdle(pool, 0)
          yield* server.restart
          yield* untilIdle(pool, 3)
          const calls = ["a", "b", "c"].map((line) => pool.use((connection) => ask(connection, line)))
          expect(yield* Effect.all(calls, { concurrency: "unbounded" })).toEqual(["a", "b", "c"])
          expect(yield* settled(pool)).toMatchObject({ opened: 6, closed: { Disconnected: 3 } })
        })).pipe(unlogged)
    }))
})

describe("the wall clock", () => {
  for (const [how, hours] of [["forward", 1], ["back", -1]] as const) {
    it.scopedLive(`closes no connection and ends no wait when it jumps ${how}`, () =>
      Effect.gen(function*() {
        const { server, target } = yield* listening
        let stalling = true
        const late = yield* serve(lines((line, reply) => {
          const answer = () => stalling ? void setTimeout(answer, 2) : reply(line)
          answer()
        }))
        const options = {
          maxConnections: 2,
          connectionTTL: "10 minutes",
          idleTimeout: "5 minutes",
          leakThreshold: "5 minutes",
          acquireTimeout: "1 minute",
          timeout: "1 minute",
          validate: () => Effect.succeed(true),
          reapSchedule: Schedule.spaced("5 millis")
        } as const
        const real = Date.now
        yield* Effect.addFinalizer(() => Effect.sync(() => (Date.now = real)))
        yield* withPool(target, options, (pool) =>
          withPool(
            {
              port: late.port,
              left: () => late.sockets.size
            },
            options,
            (busy) =>
              Effect.gen(function*() {
                const both = ["a", "b"].map((line) => pool.use((connection) => ask(connection, line)))
                yield* Effect.all(both, { concurrency: "unbounded" })
                const holders = yield* Effect.forEach(
                  ["c", "d", "e"],
                  (line) => fork(busy.use((connection) => ask(connection, line)))
                )
                yield* Effect.repeat(Effect.andThen(turn, busy.stats), {
                  until: ({ leased, pending }) => leased === 2 && pending === 1
                })
                const { opened } = yield* pool.stats
                Date.now = () => real() + hours * 3_600_000
                // Time for several runs of the reaper.
                yield* Effect.sleep("100 millis")
                expect(yield* pool.use((connection) => ask(connection, "f"))).toBe("f")
                expect(yield* pool.stats).toMatchObject({ opened, closed: { Expired: 0, Stale: 0, Invalid: 0 } })
                stalling = false
                expect(yield* Fiber.joinAll(holders)).toEqual(["c", "d", "e"])
                expect(yield* busy.stats).toMatchObject({ opened: 2, idle: 2, timedOut: 0, leaksSuspected: 0 })
                const { useTime } = yield* busy.stats
                expect(useTime.maxMillis).toBeGreaterThanOrEqual(0)
                expect(useTime.maxMillis).toBeLessThan(60_000)
                Date.now = real
                expect(server.accepted()).toBe(opened)
              })
          ))
      }))
  }
})

describe("a stall of the event loop", () => {
  it.scopedLive("times out no borrow, read or validation that was answered during the stall", () =>
    Effect.gen(function*() {
      const server = yield* childServer(echoLines)
      const options = {
        acquireTimeout: "100 millis",
        timeout: "100 millis",
        validateTimeout: "100 millis",
        validateAfterIdle: 0,
        validate: (connection: TcpConnection.TcpConnection) =>
          Effect.map(stalled(connection, "ping"), (answer) => answer === "ping")
      } as const
      /** Stalls while the answer arrives and every deadline passes. */
      const stalled = (connection: TcpConnection.TcpConnection, line: string) =>
        Effect.gen(function*() {
          yield* connection.send(`${line}\n`)
          process.nextTick(() => stallUntilArrived(server.port))
          return new TextDecoder().decode(yield* connection.recvUntil("\n")).trimEnd()
        })
      yield* withPool({ port: server.port }, options, (pool) =>
        Effect.gen(function*() {
          for (let i = 0; i < 5; i++) {
            const line = `line ${i}`
            expect(yield* result(pool.use((connection) => stalled(connection, line)))).toMatchObject({
              success: line
            })
          }
          const { closed, opened, timedOut } = yield* settled(pool)
          expect({ invalid: closed.Invalid, opened, timedOut }).toEqual({ invalid: 0, opened: 1, timedOut: 0 })
        }))
    }))

  it.scopedLive("of a second closes no live connection", () =>
    Effect.gen(function*() {
      const { server, target } = yield* listening
      yield* withPool(
        target,
        { maxConnections: 2, minConnections: 2, idleTimeout: "10 minutes" },
        (pool) =>
          Effect.gen(function*() {
            yield* untilIdle(pool, 2)
            stall(1_000)
            expect(yield* pool.use((connection) => ask(connection, "awake"))).toBe("awake")
            expect(yield* settled(pool)).toMatchObject({ opened: 2, idle: 2 })
            expect(server.accepted()).toBe(2)
          })
      )
    }))
})
