import { Pool } from "@socketpool/core"
import { fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Exit, Fiber, Scope } from "effect"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const echo = MemoryServer.make((peer) => Effect.forever(Effect.flatMap(peer.recv(), (data) => peer.send(data))))
const ask = (what: string) =>
  Pool.use((connection) => Effect.andThen(connection.send(what), Effect.map(connection.recv(), text)))

describe("a server in memory", () => {
  it.scoped("serves a program in place of a real one", () =>
    Effect.gen(function*() {
      const server = yield* echo
      expect(yield* Effect.provide(ask("hello"), server.layer())).toBe("hello")
      expect(yield* server.accepted).toBe(1)
    }))

  it.scoped("lets a test exhaust the pool", () =>
    Effect.gen(function*() {
      const server = yield* echo
      const program = Effect.gen(function*() {
        const holder = yield* fork(Pool.use(() => Effect.never))
        yield* yieldNow
        const waiting = yield* fork(Effect.flip(ask("hello")))
        yield* TestClock.adjust("3 seconds")
        return yield* Effect.tap(Fiber.join(waiting), Fiber.interrupt(holder))
      })
      const error = yield* Effect.provide(program, server.layer({ maxConnections: 1, acquireTimeout: "3 seconds" }))
      expect(error).toMatchObject({ _tag: "PoolExhaustedError", reason: "Timeout", waitedMillis: 3000 })
    }))

  it.scoped("refuses, ignores and accepts as `welcome` says", () =>
    Effect.gen(function*() {
      const server = yield* echo
      yield* server.welcome("Refuse")
      expect(yield* Effect.flip(server.connect())).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
      yield* server.welcome("Ignore")
      const ignored = yield* fork(Effect.flip(server.connect({ connectTimeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(ignored)).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
      yield* server.welcome("Accept")
      const connection = yield* server.connect()
      yield* connection.send("x")
      expect(text(yield* connection.recv())).toBe("x")
    }))

  it.scoped("breaks connections: the pool notices, and a holder gets an error", () =>
    Effect.gen(function*() {
      const server = yield* echo
      const pool = yield* server.pool({ initialConnections: 2 })
      yield* pool.awaitReady
      const holder = yield* fork(Effect.flip(pool.use((connection) => connection.recv())))
      yield* yieldNow
      expect(yield* server.reset).toBe(2)
      expect(yield* Fiber.join(holder)).toMatchObject({ reason: "Reset" })
      expect(yield* Effect.provideService(ask("fresh"), Pool, pool)).toBe("fresh")
      expect(yield* server.accepted).toBe(3)
    }))

  it.scoped("counts its connections until both sides have closed", () =>
    Effect.gen(function*() {
      const server = yield* echo
      const scope = yield* Scope.make()
      yield* Effect.provideService(server.connect(), Scope.Scope, scope)
      yield* yieldNow
      expect(yield* server.connections).toBe(1)
      yield* Scope.close(scope, Exit.void)
      for (let i = 0; i < 20; i++) yield* yieldNow
      expect(yield* server.connections).toBe(0)
    }))

  it.effect("ends its connections when it stops", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Effect.provideService(echo, Scope.Scope, scope)
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* server.connect()
        const reader = yield* fork(Effect.flip(connection.recv()))
        yield* yieldNow
        yield* Scope.close(scope, Exit.void)
        expect(yield* Fiber.join(reader)).toMatchObject({ _tag: "ConnectionError", reason: "EndOfStream" })
      }))
    }))

  it.scoped("ends only one connection when `serve` dies", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.flatMap(peer.recv(), (data) => text(data) === "die" ? Effect.die("dead") : peer.send(data))
      )
      const [doomed, other] = [yield* server.connect(), yield* server.connect()]
      yield* doomed.send("die")
      expect(yield* Effect.flip(doomed.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* other.send("x")
      expect(text(yield* other.recv())).toBe("x")
    }))
})
