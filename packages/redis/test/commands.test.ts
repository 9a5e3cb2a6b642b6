import { collect, decodingFailure } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Schema } from "effect"
import { clientOf, isSkipped, serverWith } from "./server.js"

// A server without HELLO speaks version 2 of the protocol.
describe.each([["3", []], ["2", ["--rename-command", "HELLO", ""]]])("commands in version %s", (version, words) => {
  it.scopedLive.skipIf(isSkipped)("have the values of their replies", () =>
    Effect.gen(function*() {
      const redis = yield* clientOf(yield* serverWith(...words), { database: 3, clientName: "tests" })
      const check = <A, E>(effect: Effect.Effect<A, E>, value: unknown) =>
        Effect.map(effect, (found) => expect(found).toEqual(value))

      yield* check(redis.ping, undefined)
      yield* check(redis.command("CLIENT", "GETNAME"), "tests")
      yield* check(redis.set("text", "häß€😀"), true)
      yield* check(redis.get("text"), "häß€😀")
      yield* check(redis.getBytes("text"), Uint8Array.from(Buffer.from("häß€😀")))
      yield* check(redis.set("long", "ä".repeat(300)), true)
      yield* check(redis.get("long"), "ä".repeat(300))
      yield* check(redis.set("bytes", Uint8Array.of(0, 255, 13, 10)), true)
      yield* check(redis.getBytes("bytes"), Uint8Array.of(0, 255, 13, 10))
      yield* check(redis.get("nothing"), null)
      yield* check(redis.set("text", "other", { if: "NX" }), false)
      yield* check(redis.set("absent", "other", { if: "XX" }), false)
      yield* check(redis.set("lives", 1, { expire: "1 minute" }), true)
      yield* check(redis.set("lives", 2, { keepExpiry: true }), true)
      yield* check(redis.ttl("lives"), 60)
      yield* check(redis.pexpire("lives", 2_000), true)
      yield* check(redis.expire("lives", 100), true)
      yield* check(redis.ttl("lives"), 100)
      yield* check(redis.expire("absent", 1), false)
      yield* check(redis.ttl("absent"), -2)
      yield* check(redis.mset({ a: 1, b: 2n }), undefined)
      yield* check(redis.mset([[Uint8Array.of(99), 3]]), undefined)
      yield* check(redis.mget(["a", "b", "c", "d"]), ["1", "2", "3", null])
      yield* check(redis.del("a", "d"), 1)
      yield* check(redis.exists("b", "c", "d"), 2)
      yield* check(redis.incr("n"), 1)
      yield* check(redis.incr("n", 41), 42)
      yield* check(redis.decr("n", 2), 40)
      yield* check(redis.type("n"), "string")
      yield* check(redis.set("huge", "9223372036854775806"), true)
      yield* check(redis.command("INCR", "huge"), 9223372036854775807n)

      yield* check(redis.hset("hash", { a: 1, __proto__x: "2" }), 2)
      yield* check(redis.hget("hash", "a"), "1")
      yield* check(redis.hgetall("hash"), { a: "1", __proto__x: "2" })
      yield* check(redis.hgetall("absent"), {})
      yield* check(redis.hdel("hash", "a", "b"), 1)

      yield* check(redis.rpush("list", "b", "c"), 2)
      yield* check(redis.lpush("list", "a"), 3)
      yield* check(redis.lrange("list", 0, -1), ["a", "b", "c"])
      yield* check(redis.llen("list"), 3)
      yield* check(redis.lpop("list"), "a")
      yield* check(redis.rpop("list"), "c")
      yield* check(redis.blpop(["absent", "list"], "1 second"), { key: "list", value: "b" })
      yield* check(redis.brpop(["list"], "10 millis"), null)

      yield* check(redis.sadd("set", "a", "b"), 2)
      yield* check(redis.sismember("set", "a"), true)
      yield* check(redis.srem("set", "a"), 1)
      yield* check(redis.smembers("set"), ["b"])

      const members = [{ member: "a", score: 1.5 }, { member: "b", score: Infinity }]
      yield* check(redis.zadd("sorted", ...members), 2)
      yield* check(redis.zrange("sorted", 0, -1), ["a", "b"])
      yield* check(redis.zrangeWithScores("sorted", 0, -1), members)
      yield* check(redis.zscore("sorted", "a"), 1.5)
      yield* check(redis.zscore("sorted", "c"), null)
      yield* check(redis.zrem("sorted", "a", "c"), 1)

      yield* check(redis.xadd("stream", { f: "v" }, "1-1"), "1-1")
      const entries = [{ id: "1-1", fields: { f: "v" } }]
      yield* check(redis.xread({ stream: "0", absent: "0" }), { stream: entries })
      yield* check(redis.xread({ stream: "$" }, { block: "5 millis", count: 1 }), {})
      yield* check(redis.command("XGROUP", "CREATE", "stream", "group", "0"), "OK")
      yield* check(redis.xreadgroup("group", "me", { stream: ">" }), { stream: entries })
      yield* check(redis.xack("stream", "group", "1-1"), 1)

      yield* check(redis.publish("nobody", "hears"), 0)
      yield* check(Effect.map(redis.info("server"), (text) => text.startsWith("# Server")), true)

      yield* check(redis.mset(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`scan:${i}`, i]))), undefined)
      const keys = yield* collect(redis.scan({ match: "scan:*", count: 5, type: "string" }))
      expect(new Set(keys).size).toBe(40)

      yield* check(redis.commandWith({ schema: Schema.NumberFromString }, "GET", "n"), 40)
      const wrong = yield* Effect.flip(redis.commandWith({ schema: Schema.Number }, "GET", "n"))
      expect(wrong._tag).toBe(decodingFailure)
      yield* check(redis.commandWith({ bytes: true }, "GET", "n"), Uint8Array.of(52, 48))
      const sum = redis.script("return {KEYS[1], ARGV[1] + 1, redis.error_reply('MINE bad'), false}")
      for (const _ of ["EVAL", "EVALSHA"]) {
        const [key, value, error, none] = (yield* sum(["k"], [41])) as ReadonlyArray<unknown>
        expect([key, value, none]).toEqual(["k", 42, null])
        expect(error).toMatchObject({ _tag: "RedisError", code: "MINE", command: expect.stringMatching(/^EVAL/) })
      }
      const hello = yield* Effect.exit(redis.withExclusive((own) => own.command("HELLO")))
      expect(hello._tag).toBe(version === "3" ? "Success" : "Failure")
      expect((yield* redis.pool.stats).opened).toBe(1)
    }))
})
