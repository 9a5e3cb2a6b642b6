import { isRedisError, RedisError } from "@socketpool/redis"
import * as RedisTest from "@socketpool/redis/RedisTest"
import { TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Spans } from "@socketpool/testing"
import { Effect } from "effect"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { clientOf, isSkipped, serverWith } from "./server.js"

describe.skipIf(isSkipped)("a failover", () => {
  it.scopedLive("to a server that has become a replica costs the connections, so that others are opened", () =>
    Effect.gen(function*() {
      const [primary, other] = [yield* serverWith(), yield* serverWith()]
      const redis = yield* clientOf(primary)
      const admin = yield* clientOf(primary)
      yield* redis.set("a", 1)
      yield* admin.command("REPLICAOF", "127.0.0.1", other)
      expect(yield* Effect.flip(redis.set("a", 2))).toMatchObject({ code: "READONLY", command: "SET" })
      yield* until(closedBy(redis), (count) => count === 1)
      expect(yield* Effect.flip(redis.withExclusive((own) => own.set("a", 2)))).toMatchObject({ code: "READONLY" })
      yield* until(closedBy(redis), (count) => count === 2)
      yield* admin.command("REPLICAOF", "NO", "ONE")
      expect(yield* redis.set("a", 3)).toBe(true)
      expect(yield* redis.get("a")).toBe("3")
    }))
})

describe("errors that say that the server cannot serve", () => {
  const client = (code: string) =>
    RedisTest.make(({ name }) => Effect.fail(new RedisError({ code, command: name, detail: "whatever" })))

  it.scoped.each(["READONLY", "LOADING"])(
    "%s replaces the connections, and at most once a second",
    (code) =>
      Effect.gen(function*() {
        const redis = yield* client(code)
        const opened = Effect.map(redis.pool.stats, ({ opened }) => opened)
        yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.flip(redis.get("a")))
        expect(yield* opened).toBe(2)
        yield* TestClock.adjust("1 seconds")
        yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.flip(redis.get("a")))
        expect(yield* opened).toBe(3)
        const [reply] = yield* redis.transaction([["SET", "a", 1]])
        expect(isRedisError(reply, code)).toBe(true)
      })
  )

  it.scoped.each(["MOVED", "ASK"])("%s says that Redis Cluster is not supported", (code) =>
    Effect.gen(function*() {
      const redis = yield* client(code)
      const error = yield* Effect.flip(redis.get("a"))
      expect(error.message).toContain("Redis Cluster is not supported yet")
      expect(yield* closedBy(redis)).toBe(0)
    }))
})

describe("spans", () => {
  it.scoped("have OpenTelemetry's names and no arguments", () =>
    Effect.gen(function*() {
      const redis = yield* RedisTest.make(
        ({ name }) =>
          name === "GET"
            ? Effect.succeed("b")
            : Effect.fail(new RedisError({ code: "ERR", command: name, detail: "" })),
        { host: "cache.internal", port: 7_000, database: 2 }
      )
      const spans = yield* Spans.during(Effect.gen(function*() {
        yield* redis.get("secret")
        yield* Effect.ignore(redis.del("secret", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
        yield* redis.transaction([["GET", "secret"]])
      }))
      const own = spans.filter((span) => span.kind === "client").map(({ attributes, name }) => ({
        name,
        attributes: Object.fromEntries(attributes)
      }))
      const server = {
        "server.address": "cache.internal",
        "server.port": 7_000,
        "db.namespace": "2",
        "db.system.name": "redis"
      }
      expect(own).toEqual([
        { name: "GET", attributes: { ...server, "db.operation.name": "GET", "db.query.text": "GET ?" } },
        {
          name: "DEL",
          attributes: {
            ...server,
            "db.operation.name": "DEL",
            "db.query.text": "DEL ? ? ? ? ? ? ? ? …",
            "db.response.status_code": "ERR"
          }
        },
        { name: "MULTI", attributes: { ...server, "db.operation.name": "MULTI", "db.query.text": "MULTI" } }
      ])
      expect(JSON.stringify(spans.map(({ attributes }) => [...attributes]))).not.toContain("secret")
    }))
})
