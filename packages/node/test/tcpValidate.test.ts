// Real sockets on loopback.
import { TcpPool } from "@socketpool/node"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Fiber } from "effect"
import { echo, eventually, lines, serve } from "./fixtures/server.js"

type Connection = Parameters<NonNullable<TcpPool.Options["validate"]>>[0]

const ask = (connection: Connection, line: string) =>
  Effect.andThen(connection.send(`${line}\n`), connection.recvUntil("\n")).pipe(
    Effect.map((bytes) => new TextDecoder().decode(bytes).trimEnd())
  )

const ping = (connection: Connection) => Effect.map(ask(connection, "ping"), (answer) => answer === "ping")

/** A server that can fall silent, and a pool that validates before every lease. */
const world = (options: Partial<TcpPool.Options>) =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    let isSilent = false
    const server = yield* serve(lines((line, reply) => {
      asked.push(line)
      if (!isSilent) reply(line)
    }))
    const pool = yield* TcpPool.make({
      host: "127.0.0.1",
      port: server.port,
      validate: ping,
      validateAfterIdle: 0,
      ...options
    })
    return { asked, pool, server, silence: (on: boolean) => isSilent = on }
  })

describe("validate", () => {
  it.scopedLive("runs over the connection itself, which is then lent clean", () =>
    Effect.gen(function*() {
      const { asked, pool, server } = yield* world({ maxConnections: 1 })
      expect(yield* pool.use((connection) => ask(connection, "one"))).toBe("one")
      expect(yield* pool.use((connection) => ask(connection, "two"))).toBe("two")
      expect(asked).toEqual(["one", "ping", "two"])
      expect(server.accepted()).toBe(1)
    }))

  // F28, F29
  it.scopedLive("costs one timeout when the server falls silent, however many connections are idle", () =>
    Effect.gen(function*() {
      const { pool, server, silence } = yield* world({ maxConnections: 5, validateTimeout: "100 millis" })
      yield* Effect.all(
        Array.from({ length: 5 }, () => pool.use((connection) => ask(connection, "hold"))),
        { concurrency: "unbounded" }
      )
      const opened = (yield* pool.stats).opened
      silence(true)
      const borrower = yield* fork(pool.use(() => Effect.void))
      yield* Fiber.await(borrower)
      const { closed, openTime, validating } = yield* pool.stats
      expect(validating).toBe(0)
      expect(openTime.count).toBe(opened + 1)
      yield* eventually("the silent connections are closed at the server", () => server.sockets.size === 1)
      expect(closed.Invalid).toBeLessThanOrEqual(opened)
      expect((yield* pool.stats).closed.Invalid).toBe(opened)
    }))

  it.scopedLive("closes a connection that answers with more than was asked", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const pool = yield* TcpPool.make({
        host: "127.0.0.1",
        port: server.port,
        maxConnections: 1,
        validateAfterIdle: 0,
        validate: (connection) => Effect.as(Effect.andThen(connection.send("ab"), connection.recvExactly(1)), true)
      })
      const echoed = (text: string) => (connection: Connection) =>
        Effect.andThen(connection.send(text), connection.recvExactly(text.length))
      yield* pool.use(echoed("one"))
      expect(new TextDecoder().decode(yield* pool.use(echoed("two")))).toBe("two")
      expect(server.accepted()).toBe(2)
      yield* eventually("the first is closed", () => server.sockets.size === 1)
      expect((yield* pool.stats).closed.Invalid).toBe(1)
    }))

  it.scopedLive("leaves its own connection Released when it ends", () =>
    Effect.gen(function*() {
      const kept: Array<Connection> = []
      const { pool } = yield* world({
        maxConnections: 1,
        validate: (connection) => Effect.sync(() => kept.push(connection) > 0)
      })
      yield* pool.use((connection) => ask(connection, "one"))
      yield* pool.use((connection) => ask(connection, "two"))
      const exit = yield* Effect.exit(kept[0]!.send("mine"))
      expect(String(Exit.isFailure(exit) && exit.cause)).toContain("Released")
    }))
})

describe("reconnect", () => {
  it.scopedLive("returns a new socket for the same lease, and makes the old one Released", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* world({ maxConnections: 1, validate: () => Effect.succeed(true) })
      yield* pool.use((first) =>
        Effect.gen(function*() {
          yield* ask(first, "one")
          const second = yield* pool.reconnect(first)
          expect(yield* ask(second, "two")).toBe("two")
          const exit = yield* Effect.exit(first.send("late"))
          expect(String(Exit.isFailure(exit) && exit.cause)).toContain("Released")
        })
      )
      expect(server.peak()).toBe(1)
      expect(yield* pool.stats).toMatchObject({ opened: 2, inUse: 0, idle: 1, acquired: 1 })
    }))
})
