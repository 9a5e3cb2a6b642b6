// Servers that accept connections and drop them, on the test's clock: to a pool they are down. (K2, S5)
import type { ConnectError, ConnectionError, ConnectionPool } from "@socketpool/core"
import { TcpConnection, TcpPool, TlsPool } from "@socketpool/node"
import { currentClock, exitOf, fork, TestClock, wallMillis } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Schedule, type Scope } from "effect"
import { mostInASecond } from "./fixtures/faults.js"
import { isMissing } from "./fixtures/realServer.js"
import { installed, redisServer } from "./fixtures/redisServer.js"
import { type Behave, eventually, lines, serve, totalOf } from "./fixtures/server.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"

interface Line {
  readonly send: (data: string) => Effect.Effect<void, ConnectionError>
  readonly recvUntil: (delimiter: string) => Effect.Effect<Uint8Array, ConnectionError>
}

/** Sends a request and reads its reply; an error reply is a typed failure. */
const ask = (connection: Line) =>
  connection.send("PING\r\n").pipe(
    Effect.andThen(connection.recvUntil("\r\n")),
    Effect.map((bytes) => new TextDecoder().decode(bytes)),
    Effect.filterOrFail((reply) => !reply.startsWith("-"), (reply) => reply)
  )

type Target = {
  readonly host: string
  readonly port: number
  readonly lookup: () => Effect.Effect<ReadonlyArray<string>>
}
type Shared = Omit<TcpPool.Options, keyof Target>
type Make = (target: Target, options: Shared) => Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>

/** Fifty borrowers who insist, and a floor: they cost the server 20 attempts a second, and are served on its return. */
const isPaced = (port: number, repair: Effect.Effect<unknown, unknown, Scope.Scope>, make: Make) =>
  Effect.gen(function*() {
    const clock = yield* currentClock
    const now = () => wallMillis(clock)
    const begun: Array<number> = []
    const lookup = () => Effect.sync(() => (begun.push(now()), ["127.0.0.1"]))
    const pool = yield* make({ host: "dead.internal", port, lookup }, {
      maxConnections: 10,
      minConnections: 2,
      acquireTimeout: "1 minute"
    })
    const borrow = Effect.retry(pool.use(ask), Schedule.spaced("10 millis"))
    const borrowers = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(borrow))
    // The sockets are real: what has begun ends before the clock goes on.
    const rests = eventually("nothing is under way", () => {
      const { inUse, opening } = Effect.runSync(pool.stats)
      return opening + inUse === 0
    })
    const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), rests)
    for (let i = 0; i < 60; i++) yield* pass(50)
    expect(mostInASecond(begun)).toBeLessThanOrEqual(20)
    expect(begun.length).toBeGreaterThan(20)
    expect(borrowers.filter((fiber) => exitOf(fiber) !== undefined)).toEqual([])
    const { closed, idle, opened } = yield* pool.stats
    expect(opened - totalOf(closed)).toBe(idle)
    yield* repair
    for (let i = 0; i < 20; i++) yield* pass(50)
    yield* eventually("all are served", () => borrowers.every((fiber) => exitOf(fiber) !== undefined))
    yield* Fiber.joinAll(borrowers)
  })

const overTcp: Make = (target, options) => TcpPool.make({ ...target, ...options })

const echo = lines((line, reply) => reply(line))

const behaviours: ReadonlyArray<readonly [string, Behave]> = [
  ["closes at once", (socket) => void socket.destroy()],
  ["resets at once", (socket) => void socket.resetAndDestroy()],
  ["ends after the first request", (socket) => void socket.once("data", () => socket.end())],
  ["answers with an error and ends, as Redis over maxclients", (socket) => void socket.end("-ERR max clients\r\n")]
]

// K2, S5
describe("a server that accepts and", () => {
  it.scoped.each(behaviours)("%s is asked as seldom as one that refuses", ([, drop]) =>
    Effect.gen(function*() {
      let isUp = false
      const server = yield* serve((socket) => (isUp ? echo(socket) : drop(socket)))
      yield* isPaced(server.port, Effect.sync(() => isUp = true), overTcp)
    }))

  it.scoped("refuses the client's certificate after the handshake, as TLS 1.3 does, is asked as seldom", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, { minVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: true })
      const repair = Effect.andThen(
        Effect.promise(() => server.stop()),
        Effect.suspend(() => serveTls(echo, {}, server.port))
      )
      yield* isPaced(
        server.port,
        repair,
        (target, options) => TlsPool.make({ ...target, ...options, ca, servername: "localhost" })
      )
    }))

  it.scoped.skipIf(isMissing("redis-server", installed))(
    "has no room for another client, as Redis, is asked as seldom",
    () =>
      Effect.gen(function*() {
        const { port } = yield* redisServer("--maxclients", "1")
        const operator = yield* TcpConnection.open({ host: "127.0.0.1", port })
        expect(yield* ask(operator)).toBe("+PONG\r\n")
        const repair = Effect.andThen(operator.send("CONFIG SET maxclients 100\r\n"), operator.recvUntil("\r\n"))
        yield* isPaced(port, repair, overTcp)
      })
  )
})
