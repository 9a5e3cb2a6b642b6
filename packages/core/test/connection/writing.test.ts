// The behaviour of every transport's connections, over one in memory and on the test's clock.
import { collect, exitOf, fork, forkDaemon, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { settled } from "../setup.js"
import { echo, join, saying, silent, stalled, text } from "./setup.js"

describe("writing", () => {
  it.scoped("waits while the peer does not read, and goes on when it does", () =>
    Effect.gen(function*() {
      const { got, letRead, server } = yield* stalled
      const connection = yield* server.connect()
      const writers = yield* Effect.forEach([1, 2, 3], () => fork(connection.send(new Uint8Array(70_000))))
      yield* yieldNow
      expect(writers.map((fiber) => exitOf(fiber))).toEqual([undefined, undefined, undefined])
      yield* letRead
      yield* Fiber.joinAll(writers)
      yield* yieldNow
      expect(got()).toBe(210_000)
    }))

  it.scoped("waits for its own data, too, when it has waited in line", () =>
    Effect.gen(function*() {
      const gate = yield* Queue.unbounded<void>()
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.andThen(Queue.take(gate), peer.recvExactly(70_000)))
      )
      const connection = yield* server.connect()
      const writers = yield* Effect.forEach([1, 2], () => fork(connection.send(new Uint8Array(70_000))))
      yield* settled
      yield* Queue.offer(gate, undefined)
      yield* Fiber.join(writers[0]!)
      yield* settled
      expect(exitOf(writers[1]!)).toBeUndefined()
      yield* Queue.offer(gate, undefined)
      yield* Fiber.join(writers[1]!)
    }))
})

describe("stream", () => {
  it.scoped("gives everything until the peer's end", () =>
    Effect.gen(function*() {
      const connection = yield* (yield* saying("one ", "two ", "three")).connect()
      expect(join(yield* collect(connection.stream))).toBe("one two three")
    }))

  it.scoped("fails when the connection breaks", () =>
    Effect.gen(function*() {
      const server = yield* silent
      const connection = yield* server.connect()
      const reader = yield* fork(Effect.flip(Stream.runDrain(connection.stream)))
      yield* yieldNow
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
      expect(join(yield* collect(answer))).toBe("GOOD MORNING.")
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
        Effect.flatMap(collect(peer.stream), (all) => peer.send(all.map(text).join("")))
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
      yield* yieldNow
      expect((yield* pool.stats).idle).toBe(0)
    }))

  it.scoped("waits for those who are sending", () =>
    Effect.gen(function*() {
      const mayRead = yield* Deferred.make<void>()
      const got = yield* Deferred.make<number>()
      const server = yield* MemoryServer.make((peer) =>
        Deferred.await(mayRead).pipe(
          Effect.andThen(
            Effect.map(collect(peer.stream), (chunks) => chunks.reduce((sum, chunk) => sum + chunk.length, 0))
          ),
          Effect.flatMap((sum) => Deferred.succeed(got, sum))
        )
      )
      const connection = yield* server.connect()
      yield* fork(connection.send(new Uint8Array(70_000)))
      yield* fork(connection.send(new Uint8Array(5)))
      const ending = yield* fork(connection.shutdown)
      yield* yieldNow
      expect(exitOf(ending)).toBeUndefined()
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
          const reader = yield* forkDaemon(Effect.flip(connection.recv()))
          yield* yieldNow
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
