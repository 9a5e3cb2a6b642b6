// What every transport's connections do, over one in memory and on the test's clock.
import { fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
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

  it.scoped("that fails fails the open, with its error as the cause", () =>
    Effect.gen(function*() {
      const server = yield* greeting
      const pool = yield* server.pool({ handshake: () => Effect.fail(new Refused({ message: "NOAUTH" })) })
      const error = yield* Effect.flip(pool.use(() => Effect.void))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", cause: { message: "NOAUTH" } })
      expect(error.message).toContain("NOAUTH")
      expect(yield* pool.stats).toMatchObject({ opening: 0, inUse: 0, openFailed: 1 })
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
