// The behaviour of every transport's connections, over one in memory and on the test's clock.
import { exitOf, fork, forkDaemon, repeatN, TestClock, withScheduler, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { SteppingScheduler } from "@socketpool/testing"
import { Duration, Effect, Exit, Fiber } from "effect"
import { settled } from "../setup.js"
import { echo, saying, silent, text } from "./setup.js"

describe("reading", () => {
  it.scoped("gives what has come, at most maxBytes, 1024 unless told", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* saying("x".repeat(3000))).connect()
      expect((yield* connection.recv()).length).toBe(1024)
      expect((yield* connection.recv(10)).length).toBe(10)
    }))

  it.scoped("gives what came before the peer's end, then fails with EndOfStream", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* saying("last")).connect()
      expect(text(yield* connection.recvExactly(4))).toBe("last")
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream", operation: "read" })
    }))

  it.scoped("fails with Reset, waiting or not, when the connection breaks", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      const reader = yield* fork(Effect.flip(connection.recv()))
      yield* yieldNow
      yield* server.reset
      expect(yield* Fiber.join(reader)).toMatchObject({ reason: "Reset", code: "ECONNRESET" })
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "Reset" })
      expect(yield* Effect.flip(connection.send("x"))).toMatchObject({ reason: "Reset", operation: "write" })
      expect(connection.isConnected).toBe(false)
      yield* connection.closed
    }))

  it.scoped("serves readers one after another, each whole", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* echo).connect()
      const readers = yield* Effect.forEach([3, 5, 2], (size) => fork(connection.recvExactly(size)))
      yield* yieldNow
      for (const part of ["aa", "abbb", "bbc", "c"]) yield* connection.send(part)
      expect((yield* Fiber.joinAll(readers)).map(text)).toEqual(["aaa", "bbbbb", "cc"])
    }))
})

describe("a fiber that steps aside on its way into the line", () => {
  it.scoped("reads nothing of the next holder's", () =>
    Effect.gen(function*() {
      const server = yield* echo
      for (let at = 0;; at++) {
        const pool = yield* server.pool({ maxConnections: 1, drainTimeout: 0 })
        let goOn = () => {}
        const scheduler = SteppingScheduler.make()
        const watch = scheduler.watch("all", {
          at,
          aside: (proceed) => {
            goOn = proceed
          }
        })
        const stale = yield* pool.use((connection) =>
          Effect.tap(forkDaemon(withScheduler(Effect.exit(connection.recv()), scheduler)), settled)
        )
        const answer = yield* fork(pool.use((connection) =>
          Effect.gen(function*() {
            goOn()
            yield* settled
            yield* connection.send("mine")
            return text(yield* connection.recvExactly(4))
          })
        ))
        yield* repeatN(settled, 3)
        expect([at, exitOf(answer)]).toEqual([at, Exit.succeed("mine")])
        const exit = yield* Fiber.join(stale)
        expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Released")
        if (!watch.reached) break
      }
    }))
})

describe("a reader that comes later", () => {
  it.scoped("does not take what one before it waits for", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      const first = yield* fork(connection.recvExactly(5))
      yield* yieldNow
      yield* server.push("ab")
      const second = yield* fork(connection.recv(1))
      yield* yieldNow
      expect(exitOf(second)).toBeUndefined()
      yield* server.push("cde!")
      expect(text(yield* Fiber.join(first))).toBe("abcde")
      expect(text(yield* Fiber.join(second))).toBe("!")
    }))
})

describe("a deadline of one operation", () => {
  it.scoped("fails it with Timeout, and only it", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect({ timeout: "1 minute" })
      const hasty = yield* fork(Effect.flip(connection.recv(10, { timeout: "1 second" })))
      const patient = yield* fork(connection.recvExactly(1, { timeout: Duration.infinity }))
      const usual = yield* fork(Effect.flip(connection.recvUntil("\n")))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(hasty)).toMatchObject({ reason: "Timeout" })
      expect(exitOf(usual)).toBeUndefined()
      yield* TestClock.adjust("59 seconds")
      expect(yield* Fiber.join(usual)).toMatchObject({ reason: "Timeout" })
      yield* TestClock.adjust("1 hour")
      expect(exitOf(patient)).toBeUndefined()
      yield* server.push("!")
      expect(text(yield* Fiber.join(patient))).toBe("!")
    }))

  it.scoped("holds for a send that has to wait", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      const first = yield* fork(connection.send(new Uint8Array(100_000)))
      const second = yield* fork(Effect.flip(connection.send("x", { timeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(second)).toMatchObject({ reason: "Timeout", operation: "write" })
      expect(exitOf(first)).toBeUndefined()
    }))

  it.scoped("is a defect that names it if it is no duration of more than 0", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      const exit = yield* Effect.exit(connection.recv(1, { timeout: 0 }))
      expect(String(Exit.isFailure(exit) && exit.cause)).toContain(
        "timeout must be a duration of more than 0, but is 0"
      )
    }))
})
