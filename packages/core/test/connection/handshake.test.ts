// The behaviour of every transport's connections, over one in memory and on the test's clock.
import { type ConnectError, type Connection, type ConnectionPool, Pool } from "@socketpool/core"
import { fork, tag, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { settled } from "../setup.js"
import { Refused, saying, silent, text } from "./setup.js"

describe("a handshake", () => {
  const greeting = MemoryServer.make((peer) =>
    Effect.andThen(
      peer.send("hello\n"),
      Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line)))
    )
  )

  it.scoped("makes a connection ready once, before anybody has it", () =>
    Effect.gen(function*() {
      let greeted = 0
      const server = yield* greeting
      const pool = yield* server.pool({
        handshake: (connection) =>
          Effect.map(connection.recvUntil("\n"), (line) => {
            expect(text(line)).toBe("hello\n")
            greeted++
          })
      })
      for (let i = 0; i < 3; i++) {
        const answer = yield* pool.use((connection) =>
          Effect.andThen(connection.send("mine\n"), connection.recvUntil("\n"))
        )
        expect(text(answer)).toBe("mine\n")
      }
      expect(greeted).toBe(1)
    }))

  it.scoped("that fails fails the open, with an error in the type of the pool", () =>
    Effect.gen(function*() {
      const server = yield* greeting
      const pool: ConnectionPool<Connection, ConnectError | Refused> = yield* server.pool({
        handshake: () => Effect.fail(new Refused({ message: "NOAUTH" }))
      })
      const caught = yield* Effect.catchTag(pool.use(() => Effect.void), "Refused", (error) => Effect.succeed(error))
      expect(caught).toMatchObject({ message: "NOAUTH" })
      expect(yield* pool.stats).toMatchObject({ opening: 0, inUse: 0, openFailed: 1 })
    }))

  it.scoped("that fails is the cause of a ConnectError for the users of the tag Pool", () =>
    Effect.gen(function*() {
      const server = yield* greeting
      const seen: Array<unknown> = []
      const layer = server.layer({
        handshake: () => Effect.fail(new Refused({ message: "NOAUTH" })),
        isFatal: (error) => {
          seen.push(error)
          return false
        }
      })
      const error = yield* Effect.flip(Effect.provide(Pool.use(() => Effect.void), layer))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", cause: { message: "NOAUTH" } })
      expect(error.message).toContain("NOAUTH")
      expect(seen).toMatchObject([{ _tag: "Refused" }])
    }))

  class Password extends tag<Password, string>()("test/Password") {}
  class Audit extends tag<Audit, Array<string>>()("test/Audit") {}

  it.scoped("and the other hooks use services of the caller of make", () =>
    Effect.gen(function*() {
      const server = yield* greeting
      const audit: Array<string> = []
      const made = server.pool({
        handshake: (connection) =>
          Effect.flatMap(Password, (password) =>
            Effect.andThen(connection.recvUntil("\n"), connection.send(`${password}\n`))),
        validate: () =>
          Effect.map(Audit, (audit) => audit.push("validate") > 0),
        validateAfterIdle: 0,
        onRelease: () => Effect.map(Audit, (audit) => (audit.push("onRelease"), "default" as const)),
        farewell: () => Effect.map(Audit, (audit) => audit.push("farewell"))
      })
      const pool = yield* made.pipe(Effect.provideService(Password, "sesame"), Effect.provideService(Audit, audit))
      const read = pool.use((connection) => connection.recvUntil("\n"))
      expect(text(yield* read)).toBe("sesame\n")
      yield* settled
      yield* pool.use(() => Effect.void)
      yield* settled
      yield* pool.close
      expect(audit).toEqual(["onRelease", "validate", "onRelease", "farewell"])
    }))

  it.scoped("of a pool may have resources, which live as long as its connection", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const log: Array<string> = []
      const pool = yield* server.pool({
        handshake: () =>
          Effect.acquireRelease(Effect.sync(() => log.push("acquired")), () => Effect.sync(() => log.push("released")))
      })
      yield* pool.use(() => Effect.sync(() => expect(log).toEqual(["acquired"])))
      yield* pool.clear
      yield* settled
      expect(log).toEqual(["acquired", "released"])
    }))

  it.scoped("that leaves something unread fails the open", () =>
    Effect.gen(function*() {
      const server = yield* greeting
      const pool = yield* server.pool({ handshake: (connection) => connection.recv(2) })
      const error = yield* Effect.flip(pool.use(() => Effect.void))
      expect(error).toMatchObject({ reason: "Other", cause: { reason: "Desync", bytesIntoFrame: 4 } })
    }))

  it.scoped("that takes too long fails the open with HandshakeTimeout", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const pool = yield* server.pool({ connectTimeout: "3 seconds", handshake: (connection) => connection.recv() })
      const borrower = yield* fork(Effect.flip(pool.use(() => Effect.void)))
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(borrower)).toMatchObject({ _tag: "ConnectError", reason: "HandshakeTimeout" })
      yield* yieldNow
      expect(yield* server.connections).toBe(0)
    }))

  it.scoped("that the server ends fails the open", () =>
    Effect.gen(function*() {
      const server = yield* saying("-ERR max number of clients reached\r\n")
      const pool = yield* server.pool({ handshake: (connection) => connection.recvExactly(100) })
      const error = yield* Effect.flip(pool.use(() => Effect.void))
      expect(error).toMatchObject({ reason: "Other", cause: { reason: "EndOfStream" } })
    }))
})
