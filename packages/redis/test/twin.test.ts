import { type BytesReply, Redis, RedisError } from "@socketpool/redis"
import * as RedisTest from "@socketpool/redis/RedisTest"
import { collect, fork, tag, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber, Stream } from "effect"
import { closedBy } from "../../node/test/fixtures/server.js"

class Store extends tag<Store, Map<string, string>>()("test/Store") {}

/** A server that keeps texts. */
const keeping: RedisTest.Handler<Store> = ({ args, name }) =>
  Effect.flatMap(Store, (store): Effect.Effect<BytesReply, RedisError> => {
    switch (name) {
      case "GET":
        return Effect.succeed(store.get(args[0]!) ?? null)
      case "SET":
        store.set(args[0]!, args[1]!)
        return Effect.succeed("OK")
      case "BLPOP":
        return Effect.delay(Effect.succeed([args[0]!, "late"]), "5 seconds")
      default:
        return Effect.fail(new RedisError({ code: "ERR", command: name, detail: `unknown command '${name}'` }))
    }
  })

describe("a server in memory", () => {
  it.scoped("serves the real client, with services of the handler", () =>
    Effect.gen(function*() {
      const redis = yield* Redis
      yield* redis.ping
      expect(yield* redis.set("a", "b")).toBe(true)
      expect(yield* redis.get("a")).toBe("b")
      expect(yield* redis.get("c")).toBe(null)
      expect(yield* redis.transaction([["SET", "a", 2], ["GET", "a"], ["FLY"]])).toMatchObject([
        "OK",
        "2",
        { _tag: "RedisError", command: "FLY" }
      ])
      expect(yield* redis.watch(["a"], (own) => Effect.map(own.get("a"), (a) => [["SET", "a", `${a}!`]] as const)))
        .toEqual(["OK"])
      expect(yield* redis.get("a")).toBe("2!")
      expect(yield* Effect.flip(redis.lpush("a"))).toMatchObject({ code: "ERR", command: "LPUSH" })
    }).pipe(
      Effect.provide(RedisTest.layer(keeping, { database: 3, clientName: "tests" })),
      Effect.provideService(Store, new Map())
    ))

  it.scoped("lets commands wait on the test's clock", () =>
    Effect.gen(function*() {
      const redis = yield* RedisTest.make(keeping)
      const waiting = yield* fork(redis.blpop(["list"], "1 minute"))
      yield* yieldNow
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(waiting)).toEqual({ key: "list", value: "late" })
    }).pipe(Effect.provideService(Store, new Map())))

  it.scoped("loses the connection of a blocking command that has timed out, and answers on another", () =>
    Effect.gen(function*() {
      const redis = yield* RedisTest.make(keeping)
      const waiting = yield* fork(Effect.flip(redis.commandWith({ timeout: "1 second" }, "BLPOP", "list", 0)))
      yield* yieldNow
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
      yield* redis.ping
      expect(yield* closedBy(redis)).toBe(1)
    }).pipe(Effect.provideService(Store, new Map())))

  it.scoped("is asked again and again with PING where keepaliveTime is set", () =>
    Effect.gen(function*() {
      const redis = yield* RedisTest.make(keeping, { keepaliveTime: "1 minute" })
      yield* redis.ping
      const before = (yield* redis.stats).requests
      yield* TestClock.adjust("90 seconds")
      expect((yield* redis.stats).requests).toBeGreaterThan(before)
    }).pipe(Effect.provideService(Store, new Map())))

  it.scoped("answers with values of every kind", () =>
    Effect.gen(function*() {
      const values: ReadonlyArray<BytesReply> = [
        ...["ä", 42, 1.5, -Infinity, 12345678901234567890n, true, null, [1, ["a", null]]],
        new Map<BytesReply, BytesReply>([["a", 1], ["b", [2]]]),
        new Set<BytesReply>(["a", 1])
      ]
      const redis = yield* RedisTest.make(({ args }) => Effect.succeed(values[Number(args[0])] ?? null))
      for (const [at, value] of values.entries()) expect(yield* redis.command("ANY", at)).toEqual(value)
      const version2 = yield* RedisTest.make(
        ({ args }) => Effect.succeed(values[Number(args[0])] ?? null),
        { respVersion: 2 }
      )
      const given = yield* Effect.forEach(values, (_, at) => version2.command("ANY", at))
      expect(given).toEqual([
        ...["ä", 42, "1.5", "-inf", "12345678901234567890", 1, null, [1, ["a", null]]],
        ["a", 1, "b", [2]],
        ["a", 1]
      ])
      const bytes = yield* RedisTest.make(() => Effect.succeed(Uint8Array.of(104, 105)))
      expect(yield* bytes.command("ANY")).toBe("hi")
    }))

  it.scoped("passes messages to the subscribers of a channel", () =>
    Effect.gen(function*() {
      for (const respVersion of [2, 3] as const) {
        const redis = yield* RedisTest.make(() => Effect.succeed(null), { respVersion })
        const messages = yield* redis.subscribed("a")
        expect(yield* redis.publish("a", "hello")).toBe(1)
        expect(yield* collect(Stream.take(messages, 1))).toEqual([{ channel: "a", message: "hello" }])
        expect(yield* redis.publish("b", "hello")).toBe(0)
      }
    }))
})
