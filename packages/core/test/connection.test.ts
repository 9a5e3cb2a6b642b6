// What every transport's connections do, over one in memory and on the test's clock.
import { describe, expect, it } from "@effect/vitest"
import type { Connection, Framing } from "@socketpool/core"
import { MemoryServer, SteppingScheduler } from "@socketpool/testing"
import { Chunk, Data, Deferred, Duration, Effect, Exit, Fiber, Queue, Schedule, Stream, TestClock } from "effect"
import { settled } from "./setup.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const join = (chunks: Iterable<Uint8Array>) => [...chunks].map(text).join("")

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

const echo = MemoryServer.make((peer) => Effect.forever(Effect.flatMap(peer.recv(), (data) => peer.send(data))))
const silent = MemoryServer.make(() => Effect.never)
const saying = (...words: ReadonlyArray<string>) =>
  MemoryServer.make((peer) => Effect.forEach(words, (word) => peer.send(word)))

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
      const reader = yield* Effect.fork(Effect.flip(connection.recv()))
      yield* Effect.yieldNow()
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
      const readers = yield* Effect.forEach([3, 5, 2], (size) => Effect.fork(connection.recvExactly(size)))
      yield* Effect.yieldNow()
      for (const part of ["aa", "abbb", "bbc", "c"]) yield* connection.send(part)
      expect((yield* Fiber.join(Fiber.all(readers))).map(text)).toEqual(["aaa", "bbbbb", "cc"])
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
          Effect.zipLeft(Effect.forkDaemon(Effect.withScheduler(Effect.exit(connection.recv()), scheduler)), settled)
        )
        const answer = yield* Effect.fork(pool.use((connection) =>
          Effect.gen(function*() {
            goOn()
            yield* settled
            yield* connection.send("mine")
            return text(yield* connection.recvExactly(4))
          })
        ))
        yield* Effect.repeatN(settled, 3)
        expect([at, answer.unsafePoll()]).toEqual([at, Exit.succeed("mine")])
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
      const first = yield* Effect.fork(connection.recvExactly(5))
      yield* Effect.yieldNow()
      yield* server.push("ab")
      const second = yield* Effect.fork(connection.recv(1))
      yield* Effect.yieldNow()
      expect(second.unsafePoll()).toBe(null)
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
      const hasty = yield* Effect.fork(Effect.flip(connection.recv(10, { timeout: "1 second" })))
      const patient = yield* Effect.fork(connection.recvExactly(1, { timeout: Duration.infinity }))
      const usual = yield* Effect.fork(Effect.flip(connection.recvUntil("\n")))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(hasty)).toMatchObject({ reason: "Timeout" })
      expect(usual.unsafePoll()).toBe(null)
      yield* TestClock.adjust("59 seconds")
      expect(yield* Fiber.join(usual)).toMatchObject({ reason: "Timeout" })
      yield* TestClock.adjust("1 hour")
      expect(patient.unsafePoll()).toBe(null)
      yield* server.push("!")
      expect(text(yield* Fiber.join(patient))).toBe("!")
    }))

  it.scoped("holds for a send that has to wait", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      const first = yield* Effect.fork(connection.send(new Uint8Array(100_000)))
      const second = yield* Effect.fork(Effect.flip(connection.send("x", { timeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(second)).toMatchObject({ reason: "Timeout", operation: "write" })
      expect(first.unsafePoll()).toBe(null)
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

describe("writing", () => {
  it.scoped("waits while the peer does not read, and goes on when it does", () =>
    Effect.gen(function*() {
      const mayRead = yield* Deferred.make<void>()
      let got = 0
      const server = yield* MemoryServer.make((peer) =>
        Effect.andThen(
          Deferred.await(mayRead),
          Stream.runForEach(peer.stream, (chunk) => Effect.sync(() => (got += chunk.length)))
        )
      )
      const connection = yield* server.connect()
      const writers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(connection.send(new Uint8Array(70_000))))
      yield* Effect.yieldNow()
      expect(writers.map((fiber) => fiber.unsafePoll())).toEqual([null, null, null])
      yield* Deferred.succeed(mayRead, undefined)
      yield* Fiber.join(Fiber.all(writers))
      yield* Effect.yieldNow()
      expect(got).toBe(210_000)
    }))

  it.scoped("waits for its own data, too, when it has waited in line", () =>
    Effect.gen(function*() {
      const gate = yield* Queue.unbounded<void>()
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.andThen(Queue.take(gate), peer.recvExactly(70_000)))
      )
      const connection = yield* server.connect()
      const writers = yield* Effect.forEach([1, 2], () => Effect.fork(connection.send(new Uint8Array(70_000))))
      yield* settled
      yield* Queue.offer(gate, undefined)
      yield* Fiber.join(writers[0]!)
      yield* settled
      expect(writers[1]!.unsafePoll()).toBe(null)
      yield* Queue.offer(gate, undefined)
      yield* Fiber.join(writers[1]!)
    }))
})

describe("stream", () => {
  it.scoped("gives everything until the peer's end", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* saying("one ", "two ", "three")).connect()
      expect(join(yield* Stream.runCollect(connection.stream))).toBe("one two three")
    }))

  it.scoped("fails when the connection breaks", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      const reader = yield* Effect.fork(Effect.flip(Stream.runDrain(connection.stream)))
      yield* Effect.yieldNow()
      yield* server.reset
      expect(yield* Fiber.join(reader)).toMatchObject({ reason: "Reset" })
    }))
})

describe("sink", () => {
  it.scoped("sends everything and leaves the connection open", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* echo).connect()
      yield* Stream.run(Stream.make("one ", new TextEncoder().encode("two")), connection.sink)
      expect(text(yield* connection.recvExactly(7))).toBe("one two")
      yield* connection.send("!")
      expect(text(yield* connection.recv())).toBe("!")
    }))

  it.scoped("fails when the connection breaks", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      yield* server.reset
      expect(yield* Effect.flip(Stream.run(Stream.make("x"), connection.sink))).toMatchObject({ reason: "Reset" })
    }))
})

describe("channel", () => {
  it.scoped("sends its input and gives what comes", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.flatMap(peer.recvUntil("."), (all) => peer.send(text(all).toUpperCase()))
      )
      const connection = yield* server.connect()
      const answer = Stream.make("good ", "morning.").pipe(Stream.pipeThroughChannelOrFail(connection.channel()))
      expect(join(yield* Stream.runCollect(answer))).toBe("GOOD MORNING.")
    }))

  it.scoped("fails with its input's error", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* silent).connect()
      const input = Stream.concat(Stream.make("x"), Stream.fail("the input's"))
      const error = yield* Effect.flip(
        Stream.runDrain(Stream.pipeThroughChannelOrFail(input, connection.channel<string>()))
      )
      expect(error).toBe("the input's")
    }))

  it.scoped("fails when what it sends cannot be sent", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      yield* connection.shutdown
      const error = yield* Effect.flip(
        Stream.runDrain(Stream.pipeThroughChannelOrFail(Stream.make("x"), connection.channel()))
      )
      expect(error).toMatchObject({ reason: "Closed", operation: "write" })
    }))
})

describe("shutdown", () => {
  it.scoped("ends the sending half; reading goes on, and the connection does not go back", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.flatMap(Stream.runCollect(peer.stream), (all) => peer.send(Chunk.map(all, text).pipe(Chunk.join(""))))
      )
      const pool = yield* server.pool()
      const answer = yield* pool.use((connection) =>
        Effect.gen(function*() {
          yield* connection.send("all of it")
          yield* connection.shutdown
          expect(yield* Effect.flip(connection.send("more"))).toMatchObject({ reason: "Closed" })
          expect(connection.isConnected).toBe(true)
          return yield* connection.recvExactly(9)
        })
      )
      expect(text(answer)).toBe("all of it")
      yield* Effect.yieldNow()
      expect((yield* pool.stats).idle).toBe(0)
    }))

  it.scoped("waits for those who are sending", () =>
    Effect.gen(function*() {
      const mayRead = yield* Deferred.make<void>()
      const got = yield* Deferred.make<number>()
      const server = yield* MemoryServer.make((peer) =>
        Deferred.await(mayRead).pipe(
          Effect.andThen(Stream.runFold(peer.stream, 0, (sum, chunk) => sum + chunk.length)),
          Effect.flatMap((sum) => Deferred.succeed(got, sum))
        )
      )
      const connection = yield* server.connect()
      yield* Effect.fork(connection.send(new Uint8Array(70_000)))
      yield* Effect.fork(connection.send(new Uint8Array(5)))
      const ending = yield* Effect.fork(connection.shutdown)
      yield* Effect.yieldNow()
      expect(ending.unsafePoll()).toBe(null)
      yield* Deferred.succeed(mayRead, undefined)
      yield* Fiber.join(ending)
      expect(yield* Deferred.await(got)).toBe(70_005)
    }))
})

describe("the peer's end", () => {
  it.scoped("is the connection's, unless it may be half open", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.flatMap(peer.recvExactly(2), (data) => peer.send(data)))
      const usual = yield* server.connect()
      const half = yield* server.connect({ allowHalfOpen: true })
      yield* server.end
      expect(yield* Effect.flip(usual.send("hi"))).toMatchObject({ reason: "EndOfStream", operation: "write" })
      expect(yield* Effect.flip(half.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* half.send("hi")
      expect([usual.isConnected, half.isConnected]).toEqual([false, true])
    }))
})

describe("after the lease", () => {
  it.scoped("every operation fails with Released, and those that wait are told", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const pool = yield* server.pool()
      const [connection, reader] = yield* pool.use((connection) =>
        Effect.gen(function*() {
          const reader = yield* Effect.forkDaemon(Effect.flip(connection.recv()))
          yield* Effect.yieldNow()
          return [connection, reader] as const
        })
      )
      const released = { _tag: "ConnectionError", reason: "Released" }
      expect(yield* Fiber.join(reader)).toMatchObject(released)
      for (
        const operation of [
          connection.recv(),
          connection.recvExactly(1),
          connection.recvUntil("\n"),
          connection.send("x"),
          connection.shutdown,
          Stream.runDrain(connection.stream),
          Stream.run(Stream.make("x"), connection.sink)
        ]
      ) {
        expect(yield* Effect.flip(operation)).toMatchObject(released)
      }
      expect(connection.isConnected).toBe(false)
    }))
})

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
      const first = yield* Effect.fork(Effect.exit(pool.use(ask)))
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
        const first = yield* Effect.fork(
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
      const next = yield* Effect.fork(
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
      const sending = yield* Effect.fork(pool.use((connection) => connection.send(new Uint8Array(1_000_000))))
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
      yield* Effect.yieldNow()
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
      const borrower = yield* Effect.fork(Effect.flip(pool.use(() => Effect.void)))
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(borrower)).toMatchObject({ _tag: "ConnectError", reason: "HandshakeTimeout" })
      yield* Effect.yieldNow()
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
