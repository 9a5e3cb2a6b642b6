// The behaviour of every transport's connections, over one in memory and on the test's clock.
import type { Connection, Framing } from "@socketpool/core"
import { fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { settled } from "../setup.js"
import { text } from "./setup.js"

describe("a pool", () => {
  const lines = MemoryServer.make((peer) =>
    Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line)))
  )

  it.scoped("lends a connection again that has read what it asked for", () =>
    Effect.gen(function*() {
      const pool = yield* (yield* lines).pool()
      for (let i = 0; i < 5; i++) {
        yield* pool.use((connection) => Effect.andThen(connection.send("asked\n"), connection.recvUntil("\n")))
      }
      expect(yield* pool.stats).toMatchObject({ opened: 1, idle: 1 })
    }))

  const unclean: ReadonlyArray<readonly [string, (connection: Connection) => Effect.Effect<unknown, unknown>]> = [
    ["an answer that nobody has read", (connection) => connection.send("unread\n")],
    ["half an answer", (connection) => Effect.andThen(connection.send("unread\n"), connection.recvExactly(3))],
    [
      "a read that was given up",
      (connection) => Effect.andThen(connection.send("?"), Effect.timeout(connection.recv(), 1))
    ]
  ]
  it.scoped.each(unclean)("closes one with %s, and its answer is nobody else's", ([, ask]) =>
    Effect.gen(function*() {
      const pool = yield* (yield* lines).pool({ maxConnections: 1 })
      const first = yield* fork(Effect.exit(pool.use(ask)))
      yield* TestClock.adjust(1)
      yield* Fiber.join(first)
      const answer = yield* pool.use((connection) =>
        Effect.andThen(connection.send("mine\n"), connection.recvUntil("\n"))
      )
      expect(text(answer)).toBe("mine\n")
      expect(yield* pool.stats).toMatchObject({ opened: 2, idle: 1, closed: { Discarded: 1 } })
    }))

  const throwing: Framing.Decoder<never> = {
    decode: (bytes) => {
      if (bytes.length > 0) throw new Error("thrown")
      return undefined
    }
  }
  const spoiled: ReadonlyArray<readonly [string, (connection: Connection) => Effect.Effect<unknown, unknown>]> = [
    [
      "a read was given up",
      (connection) => Effect.andThen(connection.recvUntil("\n"), Effect.timeoutOption(connection.recv(), 1))
    ],
    [
      "a frame was too large, though all of it was read then",
      (connection) =>
        Effect.andThen(Effect.ignore(connection.recvUntil("!", { maxBytes: 3 })), connection.recvUntil("\n"))
    ],
    [
      "a decoder threw, though everything was read then",
      (connection) => Effect.andThen(Effect.exit(connection.recvFrame(() => throwing)), connection.recvUntil("\n"))
    ],
    ["half an answer was read", (connection) => connection.recvExactly(3)],
    ["it was shut down", (connection) => connection.shutdown]
  ]
  it.scoped.each(spoiled)(
    "closes one on which %s, whatever onRelease would say",
    ([, spoil]) =>
      Effect.gen(function*() {
        const pool = yield* (yield* lines).pool({ maxConnections: 1, onRelease: () => Effect.succeed("keep") })
        const first = yield* fork(
          pool.use((connection) => Effect.andThen(connection.send("asked\n"), spoil(connection)))
        )
        yield* TestClock.adjust(1)
        yield* Fiber.join(first)
        yield* settled
        expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Discarded: 1 } })
      })
  )

  it.scoped("closes one whose answer comes only after its lease has ended, and it is nobody else's", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(
          Effect.flatMap(peer.recvUntil("\n"), (line) => Effect.delay(peer.send(line), "1 second"))
        )
      )
      const pool = yield* server.pool({ maxConnections: 1 })
      yield* pool.use((connection) => connection.send("old\n"))
      const next = yield* fork(
        pool.use((connection) => Effect.andThen(connection.send("new\n"), connection.recvUntil("\n")))
      )
      yield* TestClock.adjust("5 seconds")
      expect(text(yield* Fiber.join(next))).toBe("new\n")
    }))

  it.scoped("closes one whose lease failed, though nothing is left on it: the holder may have lost count", () =>
    Effect.gen(function*() {
      const pool = yield* (yield* lines).pool({ maxConnections: 1 })
      const failing = pool.use((connection) =>
        connection.send("asked\n").pipe(Effect.andThen(connection.recvUntil("\n")), Effect.andThen(Effect.fail("no")))
      )
      expect(yield* Effect.flip(failing)).toBe("no")
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Discarded: 1 } })
    }))

  it.scoped("sends nothing more on one whose lease was given up in the middle of a send", () =>
    Effect.gen(function*() {
      let got = 0
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(
          Effect.delay(Effect.tap(peer.recv(16_384), ({ length }) => Effect.sync(() => (got += length))), "1 second")
        )
      )
      const pool = yield* server.pool()
      const sending = yield* fork(pool.use((connection) => connection.send(new Uint8Array(1_000_000))))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(sending)
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Discarded: 1 } })
      yield* TestClock.adjust("100 seconds")
      expect(got).toBeGreaterThan(0)
      expect(got).toBeLessThan(200_000)
    }))

  it.scoped("keeps one that only sends, if it is told that it may", () =>
    Effect.gen(function*() {
      const got: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Stream.runForEach(peer.stream, (chunk) => Effect.sync(() => got.push(text(chunk))))
      )
      const pool = yield* server.pool({ onRelease: () => Effect.succeed("keep") })
      for (const log of ["one", "two"]) yield* pool.use((connection) => connection.send(log))
      yield* yieldNow
      expect(got).toEqual(["one", "two"])
      expect(yield* pool.stats).toMatchObject({ opened: 1, idle: 1 })
    }))

  it.scoped("closes an idle one at once on which something comes, or that ends", () =>
    Effect.gen(function*() {
      const server = yield* lines
      const pool = yield* server.pool({ minConnections: 1, retry: Schedule.spaced("1 second") })
      yield* pool.awaitReady
      yield* server.push("nobody asked")
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Desync: 1 } })
      yield* TestClock.adjust("1 second")
      expect(yield* pool.stats).toMatchObject({ idle: 1 })
      yield* server.end
      yield* settled
      expect(yield* pool.stats).toMatchObject({ idle: 0, closed: { Desync: 1, Disconnected: 1 } })
    }))
})
