// Effect's own service of Redis on a client, over real servers: as its users call it, and below Effect's own modules.
import { Redis } from "@socketpool/redis"
import * as EffectRedis from "@socketpool/redis/EffectRedis"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Fiber, Layer, Queue, Schema, Scope } from "effect"
import { PersistedQueue, RateLimiter, Redis as Service } from "effect/persistence"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { clientOf, isSkipped, serverWith } from "./server.js"

const started = (words: ReadonlyArray<string> = []) =>
  Effect.gen(function*() {
    const port = yield* serverWith(...words)
    const client = yield* clientOf(port, { respVersion: 2, maxConnections: 3 })
    return { client, port, service: EffectRedis.of(client) }
  })

const sum = Service.script((list: string, least: number) => [list, least], {
  lua: "local sum = 0; for _, v in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do " +
    "if tonumber(v) >= tonumber(ARGV[1]) then sum = sum + v end end; return sum",
  numberOfKeys: 1
}).withReturnType<number>()

describe.skipIf(isSkipped)("Effect's service", () => {
  it.scopedLive("sends commands and runs scripts, with replies of version 2", () =>
    Effect.gen(function*() {
      const { client, service } = yield* started()
      expect(yield* service.send("HSET", "hash", "a", "1", "b", "2")).toBe(2)
      expect(yield* service.send("HGETALL", "hash")).toEqual(["a", "1", "b", "2"])
      expect(yield* service.send("INCRBYFLOAT", "float", "1.5")).toBe("1.5")
      yield* service.send("RPUSH", "list", "1", "2", "3")
      expect(yield* service.eval(sum)("list", 2)).toBe(5)
      // The server forgets the script.
      yield* service.send("SCRIPT", "FLUSH")
      expect(yield* service.eval(sum)("list", 0)).toBe(6)
      const error = yield* Effect.flip(service.send("LPUSH", "hash", "1"))
      expect(error).toBeInstanceOf(Service.RedisError)
      expect(error.cause).toMatchObject({ _tag: "RedisError", code: "WRONGTYPE" })
      expect(yield* closedBy(client)).toBe(0)
    }))

  it.scopedLive("refuses what would change the connections of others, and a number of keys that cannot be", () =>
    Effect.gen(function*() {
      const { service } = yield* started()
      const wrong = Service.script((key: string) => [key], { lua: "return 1", numberOfKeys: 2 })
      const defects = yield* Effect.forEach(
        [service.send("SELECT", "1"), service.eval(wrong)("a")],
        (effect) => Effect.catchDefect(Effect.asVoid(effect), (defect) => Effect.succeed((defect as Error).message))
      )
      expect(defects).toEqual([
        expect.stringContaining("SELECT"),
        "redis.eval: numberOfKeys must be a whole number from 0 to 1, but is 2"
      ])
    }))

  it.scopedLive("reserves connections that nobody shares, and keeps those that are in order", () =>
    Effect.gen(function*() {
      const { client, service } = yield* started()
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const own = yield* service.reserve
        yield* own.send("SELECT", "5")
        yield* own.send("SET", "a", "1")
        return yield* own.send<number>("CLIENT", "ID")
      }))
      expect(yield* service.send("GET", "a")).toBe(null)
      // The server's errors leave it in order, and so does a script.
      const again = yield* Effect.scoped(Effect.gen(function*() {
        const own = yield* service.reserve
        yield* Effect.flip(own.send("LPUSH"))
        yield* own.send("RPUSH", "list", "4")
        expect(yield* own.eval(sum)("list", 0)).toBe(4)
        return yield* own.send<number>("CLIENT", "ID")
      }))
      expect([again, yield* closedBy(client)]).toEqual([id, 0])
      // A command whose reply is still to come does not: the server waits for the list.
      const scope = yield* Scope.make()
      const own = yield* Scope.provide(service.reserve, scope)
      const blocked = yield* Effect.forkChild(own.send("BLPOP", "empty", "0"))
      yield* until(service.send<string>("CLIENT", "LIST"), (list) => list.includes("cmd=blpop"))
      yield* Fiber.interrupt(blocked)
      yield* Scope.close(scope, Exit.void)
      yield* until(service.send<string>("CLIENT", "LIST"), (list) => !list.includes("cmd=blpop"))
      expect(yield* closedBy(client)).toBe(1)
    }))

  it.scopedLive("keeps commands apart from those that are reserved", () =>
    Effect.gen(function*() {
      const port = yield* serverWith()
      const program = Effect.gen(function*() {
        const service = yield* Service.Redis
        yield* service.reserve
        yield* service.reserve
        expect(yield* service.send("PING")).toBe("PONG")
        const third = yield* Effect.flip(Effect.scoped(service.reserve))
        expect(third.cause).toMatchObject({ _tag: "PoolExhaustedError" })
      })
      const options = {
        host: "127.0.0.1",
        port,
        maxConnections: 1,
        maxReserved: 2,
        acquireTimeout: "1 second"
      } as const
      yield* Effect.provide(program, EffectRedis.layer(options))
      const wrong = Effect.provide(Effect.void, EffectRedis.layer({ maxReserved: 0 }))
      expect(yield* Effect.catchDefect(wrong, (defect) => Effect.succeed((defect as Error).message))).toBe(
        "EffectRedis.layer: maxReserved must be a whole number of at least 1, but is 0"
      )
    }))

  it.scopedLive("fails its layer with failFast if the server refuses the login", () =>
    Effect.gen(function*() {
      const port = yield* serverWith("--requirepass", "quince-marmalade")
      const built = Effect.provide(Effect.void, EffectRedis.layer({ host: "127.0.0.1", port, failFast: true }))
      expect(yield* Effect.flip(built)).toMatchObject({ _tag: "RedisError", code: "NOAUTH" })
    }))

  it.scopedLive("blocks nobody with a blocking command that shares connections", () =>
    Effect.gen(function*() {
      const { service } = yield* started()
      const blocked = yield* Effect.forkChild(service.send("BLPOP", "list", "0"))
      yield* until(service.send<string>("CLIENT", "LIST"), (list) => list.includes("cmd=blpop"))
      yield* service.send("RPUSH", "list", "a")
      expect(yield* Fiber.join(blocked)).toEqual(["list", "a"])
    }))
})

describe.skipIf(isSkipped)("a subscription of Effect's service", () => {
  it.scopedLive("misses nothing after it has begun, and begins again when its connection is lost", () =>
    Effect.gen(function*() {
      const { service } = yield* started()
      // The publisher is connected already, and is not the slower one.
      yield* service.send("PING")
      const scope = yield* Scope.make()
      const queue = yield* Scope.provide(service.subscribe("news"), scope)
      expect(yield* service.send("PUBLISH", "news", "first")).toBe(1)
      expect(yield* Queue.take(queue)).toEqual({ channel: "news", message: "first" })
      yield* service.send("CLIENT", "KILL", "TYPE", "pubsub")
      yield* until(service.send<number>("PUBLISH", "news", "second"), (receivers) => receivers === 1)
      expect(yield* Queue.take(queue)).toEqual({ channel: "news", message: "second" })
      yield* Scope.close(scope, Exit.void)
      expect(yield* until(service.send<number>("PUBLISH", "news", "third"), (receivers) => receivers === 0)).toBe(0)
    }))

  it.scopedLive("tells of a refusal in its queue", () =>
    Effect.gen(function*() {
      const { service } = yield* started()
      const allow = (channels: string) => service.send("ACL", "SETUSER", "default", "resetchannels", channels)
      const isRefused = (queue: Queue.Dequeue<unknown, Service.RedisError>) =>
        Effect.map(Effect.flip(Queue.take(queue)), (error) => {
          expect(error).toBeInstanceOf(Service.RedisError)
          expect(error.cause).toMatchObject({ code: "NOPERM" })
        })
      yield* allow("&open")
      yield* isRefused(yield* service.subscribe("closed"))
      // The server cuts a subscription that it does not allow any more.
      const open = yield* service.subscribe("open")
      yield* allow("&other")
      yield* isRefused(open)
    }))

  it.scopedLive("tells in its queue that there is no server", () =>
    Effect.gen(function*() {
      const queue = yield* EffectRedis.of(yield* clientOf(1)).subscribe("news")
      expect(((yield* Effect.flip(Queue.take(queue))) as Service.RedisError).cause).toMatchObject({
        _tag: "ConnectError",
        reason: "Refused"
      })
    }))

  it.scopedLive("holds the server back while its reader is behind, and loses nothing", () =>
    Effect.gen(function*() {
      const { service } = yield* started()
      const queue = yield* service.subscribe("news")
      const count = 5_000
      yield* Effect.forEach(Array.from({ length: count }, (_, i) => String(i)), (i) =>
        service.send("PUBLISH", "news", i), {
        concurrency: 64
      })
      expect(yield* Queue.size(queue)).toBeLessThanOrEqual(1_024)
      const seen = new Set<string>()
      while (seen.size < count) {
        for (const { message } of yield* Queue.takeAll(queue)) {
          seen.add(message)
        }
      }
      expect(seen.size).toBe(count)
    }))
})

describe.skipIf(isSkipped)("a module of Effect", () => {
  class Cache extends Redis.Service<Cache>()("test/Cache") {}

  const doors = [
    ["a client of its own", (port: number) => EffectRedis.layer({ host: "127.0.0.1", port })],
    [
      "a client of version 3 that others use, too",
      (port: number) => Layer.provide(EffectRedis.layerOf(Cache), Cache.layer({ host: "127.0.0.1", port }))
    ]
  ] as const

  it.scopedLive.each(doors)("works on %s: persisted queues", ([, door]) =>
    Effect.gen(function*() {
      const port = yield* serverWith()
      const program = Effect.gen(function*() {
        const queue = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Struct({ n: Schema.Number }) })
        const numbers = Array.from({ length: 50 }, (_, n) => n)
        yield* Effect.forEach(numbers, (n) => queue.offer({ n }), { concurrency: 10 })
        const taken = yield* Effect.forEach(numbers, () => queue.take(({ n }) => Effect.succeed(n)), {
          concurrency: 10
        })
        expect([...taken].sort((a, b) => a - b)).toEqual(numbers)
      })
      yield* Effect.provide(
        program,
        PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreRedis()), Layer.provide(door(port)))
      )
    }))

  it.scopedLive.each(doors)("works on %s: a rate limiter", ([, door]) =>
    Effect.gen(function*() {
      const port = yield* serverWith()
      const program = Effect.gen(function*() {
        const limiter = yield* RateLimiter.RateLimiter
        const consume = limiter.consume({
          algorithm: "fixed-window",
          onExceeded: "fail",
          window: "1 minute",
          limit: 10,
          key: "a",
          tokens: 1
        })
        const exits = yield* Effect.forEach(Array.from({ length: 30 }), () => Effect.exit(consume), { concurrency: 30 })
        expect(exits.filter(Exit.isSuccess)).toHaveLength(10)
      })
      yield* Effect.provide(
        program,
        RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreRedis()), Layer.provide(door(port)))
      )
    }))
})
