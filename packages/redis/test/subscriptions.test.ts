import type { RedisClient } from "@socketpool/redis"
import { collect, fork, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { closedBy, serve, until } from "../../node/test/fixtures/server.js"
import { clientOf, isSkipped, serverWith } from "./server.js"

/** Publishes until so many subscribers of this server get the message. */
const publish = (redis: RedisClient, channel: string, message: string, receivers = 1) =>
  until(redis.publish(channel, message), (count) => count === receivers)

describe.skipIf(isSkipped).each([["3", []], ["2", ["--rename-command", "HELLO", ""]]])(
  "a subscription in version %s",
  (_, words) => {
    it.scopedLive("emits the messages of its channels, on a connection that is never lent", () =>
      Effect.gen(function*() {
        const redis = yield* clientOf(yield* serverWith(...words))
        const take = (stream: Stream.Stream<unknown, unknown>, count: number) =>
          fork(collect(Stream.take(stream, count)))
        const channels = yield* take(redis.subscribe("a", "b"), 2)
        const patterns = yield* take(redis.psubscribe("n*"), 1)
        yield* publish(redis, "a", "first")
        yield* publish(redis, "b", "zweitens ä")
        yield* publish(redis, "news", "third")
        expect(yield* Fiber.join(channels)).toEqual([
          { channel: "a", message: "first" },
          { channel: "b", message: "zweitens ä" }
        ])
        expect(yield* Fiber.join(patterns)).toEqual([
          { channel: "news", message: "third", pattern: "n*" }
        ])
        // The subscriptions have ended with their streams.
        expect(yield* until(redis.publish("a", "late"), (count) => count === 0)).toBe(0)
        expect((yield* redis.pool.stats).opened).toBe(1)
        expect(yield* closedBy(redis)).toBe(0)
      }))

    it.scopedLive("that the server has confirmed misses nothing that is published after it", () =>
      Effect.gen(function*() {
        const redis = yield* clientOf(yield* serverWith(...words))
        const [channels, patterns] = yield* Effect.all([redis.subscribed("a", "b"), redis.psubscribed("n*")])
        expect(yield* Effect.forEach(["a", "b", "news"], (channel) => redis.publish(channel, "first"))).toEqual([
          1,
          1,
          1
        ])
        expect(yield* collect(Stream.take(channels, 2))).toMatchObject([{ channel: "a" }, { channel: "b" }])
        expect(yield* collect(Stream.take(patterns, 1))).toMatchObject([{ channel: "news", pattern: "n*" }])
      }))

    it.scopedLive("fails when its connection goes, and subscribes again with retry", () =>
      Effect.gen(function*() {
        const redis = yield* clientOf(yield* serverWith(...words))
        const kill = redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        const plain = yield* fork(Effect.flip(Stream.runDrain(redis.subscribe("a"))))
        yield* publish(redis, "a", "1")
        yield* kill
        expect(yield* Fiber.join(plain)).toMatchObject({ _tag: "ConnectionError", reason: "EndOfStream" })

        const retried = Stream.retry(redis.subscribe("a"), Schedule.spaced("1 millis"))
        const found = yield* fork(collect(Stream.take(retried, 2)))
        yield* publish(redis, "a", "2")
        yield* kill
        yield* publish(redis, "a", "3")
        expect((yield* Fiber.join(found)).map(({ message }) => message)).toEqual(["2", "3"])
      }))

    it.scopedLive("loses no message of a burst that it reads slowly", () =>
      Effect.gen(function*() {
        const redis = yield* clientOf(yield* serverWith(...words))
        const count = 5_000
        const slow = redis.subscribe("a").pipe(Stream.tap(() => yieldNow), Stream.take(count + 1))
        const found = yield* fork(collect(slow))
        yield* publish(redis, "a", "begin")
        const numbers = Array.from({ length: count }, (_, i) => String(i))
        yield* Effect.forEach(numbers, (number) => redis.publish("a", number), { concurrency: 64 })
        const messages = (yield* Fiber.join(found)).map(({ message }) => message)
        expect(new Set(messages)).toEqual(new Set(["begin", ...numbers]))
      }))

    it.scopedLive("is refused with a typed error by a server that does not allow the channel", () =>
      Effect.gen(function*() {
        const port = yield* serverWith(...words)
        const admin = yield* clientOf(port)
        yield* admin.command("ACL", "SETUSER", "default", "resetchannels", "&open*")
        const refused = { _tag: "RedisError", code: "NOPERM", command: "SUBSCRIBE" }
        expect(yield* Effect.flip(Stream.runDrain(admin.subscribe("closed")))).toMatchObject(refused)
        expect(yield* Effect.flip(admin.subscribed("open", "closed"))).toMatchObject(refused)
      }))
  }
)

describe("a subscription that is slow to be confirmed", () => {
  /** A server that answers a request for channels with these words, each an array of texts, and nothing else. */
  const answering = (...words: ReadonlyArray<ReadonlyArray<string>>) =>
    serve((socket) =>
      void socket.on("data", (chunk) => {
        const text = chunk.toString()
        if (text.includes("HELLO")) return socket.write("-ERR unknown command 'HELLO'\r\n")
        if (!text.includes("SUBSCRIBE")) return undefined
        const array = (texts: ReadonlyArray<string>) =>
          `*${texts.length}\r\n${texts.map((one) => `$${one.length}\r\n${one}\r\n`).join("")}`
        return socket.write(words.map(array).join(""))
      })
    )

  it.scopedLive("has the messages of the channels that were confirmed first", () =>
    Effect.gen(function*() {
      const { port } = yield* answering(
        ["subscribe", "a", "1"],
        ["message", "a", "early"],
        ["subscribe", "b", "2"],
        ["message", "b", "late"]
      )
      const messages = yield* Effect.flatMap(clientOf(port), (redis) => redis.subscribed("a", "b"))
      expect(yield* collect(Stream.take(messages, 2))).toEqual([
        { channel: "a", message: "early" },
        { channel: "b", message: "late" }
      ])
    }))

  it.scopedLive("fails when connectTimeout is over", () =>
    Effect.gen(function*() {
      const { port, sockets } = yield* answering(["subscribe", "a", "1"])
      const redis = yield* clientOf(port, { connectTimeout: "100 millis" })
      const error = { _tag: "ConnectError", reason: "HandshakeTimeout" }
      expect(yield* Effect.flip(Stream.runDrain(redis.subscribe("a", "b")))).toMatchObject(error)
      // The scope stays open, and the connection does not.
      expect(yield* Effect.flip(redis.subscribed("a", "b"))).toMatchObject(error)
      yield* until(Effect.sync(() => sockets.size), (open) => open === 0)
    }))
})
