import type { RedisClient } from "@socketpool/redis"
import { fork, wasInterrupted, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Rng } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { client, clientOf, isSkipped } from "./server.js"

/** The port in the name of a client's pool. */
const portOf = (redis: RedisClient): number => Number(/:(\d+)\/0$/.exec(redis.pool.name)![1])

const times = (count: number) => Array.from({ length: count }, (_, i) => i)

describe.skipIf(isSkipped)("connections that many fibers share", () => {
  it.scopedLive("lose no connection and mix up no reply by 10,000 interrupted commands", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      yield* redis.mset(times(1_000).map((i) => [`key:${i}`, `value of ${i}`] as const))
      const rng = Rng.make(1)
      let foreign = 0
      let interrupted = 0

      const get = (i: number) =>
        Effect.map(redis.get(`key:${i % 1_000}`), (value) => {
          if (value !== `value of ${i % 1_000}`) foreign++
        })
      // Each is interrupted within a few turns: before it is sent, on its way, or when its reply has come.
      const cutShort = (i: number) =>
        Effect.gen(function*() {
          const fiber = yield* fork(get(i))
          for (let turns = rng.between(0, 12); turns > 0; turns--) yield* yieldNow
          yield* Fiber.interrupt(fiber)
          if (wasInterrupted(yield* Fiber.await(fiber))) interrupted++
        })
      for (let rounds = 0; rounds < 100; rounds++) {
        if (interrupted >= 10_000) break
        yield* Effect.forEach(times(500), (i) => Effect.all([cutShort(i), get(i + 1)], { concurrency: 2 }), {
          concurrency: 100,
          discard: true
        })
      }
      expect(interrupted).toBeGreaterThanOrEqual(10_000)
      expect(foreign).toBe(0)
      expect(yield* closedBy(redis)).toBe(0)
      expect((yield* redis.stats).abandoned).toBeGreaterThan(100)
    }))

  it.scopedLive("lose no connection by 10,000 errors", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      yield* redis.set("text", "a")
      const failing = Effect.flip(redis.lpush("text", "b"))
      const errors = yield* Effect.forEach(times(10_000), () => failing, { concurrency: 200 })
      expect(errors.every((error) => error._tag === "RedisError" && error.code === "WRONGTYPE")).toBe(true)
      expect(yield* closedBy(redis)).toBe(0)
    }))

  it.scopedLive("lose no connection by commands that time out", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 1 })
      yield* redis.command("CLIENT", "PAUSE", 60_000, "WRITE")
      const error = yield* Effect.flip(redis.commandWith({ timeout: "10 millis" }, "SET", "a", 1))
      expect(error).toMatchObject({ _tag: "ConnectionError", reason: "Timeout", sent: "Maybe" })
      const next = yield* fork(redis.get("a"))
      // The server answers in order, and holds this connection back: another one ends the pause.
      const other = yield* clientOf(portOf(redis))
      yield* other.command("CLIENT", "UNPAUSE")
      expect(yield* Fiber.join(next)).toBe("1")
      expect(yield* closedBy(redis)).toBe(0)
    }))

  it.scopedLive("are not held up by blocking commands, which have connections of their own", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 4 })
      const waiting = yield* Effect.forEach(times(3), (i) => fork(redis.blpop([`list:${i}`], "1 minute")))
      const blocked = Effect.map(redis.info("clients"), (text) => Number(/blocked_clients:(\d+)/.exec(text)![1]))
      yield* until(blocked, (count) => count === 3)
      // They all come while the three still wait.
      yield* Effect.forEach(times(1_000), () => redis.ping, { concurrency: "unbounded" })
      expect(yield* blocked).toBe(3)
      expect((yield* redis.pool.stats).opened).toBe(4)
      for (const i of times(3)) yield* redis.rpush(`list:${i}`, i)
      const values = yield* Effect.forEach(waiting, Fiber.join)
      expect(values).toEqual(times(3).map((i) => ({ key: `list:${i}`, value: String(i) })))
      expect(yield* closedBy(redis)).toBe(0)
    }))

  it.scopedLive("lose only its own connection by a blocking command that is interrupted", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      yield* redis.ping
      const waiting = yield* fork(redis.blpop(["list"], "1 minute"))
      const blocked = Effect.map(redis.info("clients"), (text) => Number(/blocked_clients:(\d+)/.exec(text)![1]))
      yield* until(blocked, (count) => count === 1)
      yield* Fiber.interrupt(waiting)
      yield* until(blocked, (count) => count === 0)
      yield* redis.rpush("list", "kept")
      expect(yield* redis.lpop("list")).toBe("kept")
      expect(yield* closedBy(redis)).toBe(1)
    }))

  it.scopedLive("let a blocking command wait for longer than stallTimeout, and no longer than it says", () =>
    Effect.gen(function*() {
      const redis = yield* client({ stallTimeout: "3 seconds" })
      const answers = yield* Effect.all([
        redis.blpop(["list"], "3500 millis"),
        redis.xread({ stream: "$" }, { block: "3500 millis" }),
        redis.command("BLMPOP", 3.5, 1, "list", "LEFT")
      ], { concurrency: "unbounded" })
      expect(answers).toEqual([null, {}, null])
      expect(yield* closedBy(redis)).toBe(0)
    }))
})
