// One client for several servers: roles, a failover under load, subscriptions, and servers that are all alike.
import { Endpoints } from "@socketpool/core"
import { Redis } from "@socketpool/redis"
import { collect, fork, provideScope } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { freePort } from "../../node/test/fixtures/realServer.js"
import { redisAt } from "../../node/test/fixtures/redisServer.js"
import { totalOf, until } from "../../node/test/fixtures/server.js"
import { clientOf, isSkipped } from "./server.js"

const host = "127.0.0.1"

const at = (...ports: ReadonlyArray<number>) => Endpoints.of(...ports.map((port) => ({ host, port })))

/** A primary and a replica that is in step with it. Each stops when its scope closes. */
const pair = Effect.gen(function*() {
  const [first, second] = [yield* freePort, yield* freePort]
  const scopes = [yield* Scope.make(), yield* Scope.make()]
  yield* Effect.addFinalizer(() => Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void)))
  yield* provideScope(redisAt(first, "--repl-diskless-sync-delay", "0"), scopes[0]!)
  yield* provideScope(redisAt(second, "--replicaof", host, String(first)), scopes[1]!)
  const replica = yield* clientOf(second)
  yield* until(replica.info("replication"), (text) => text.includes("master_link_status:up"))
  return { first, second, scopes, replica }
})

const tiers = (redis: { readonly endpoints: Effect.Effect<ReadonlyArray<{ readonly tier: number }>> }) =>
  Effect.map(redis.endpoints, (all) => all.map(({ tier }) => tier))

/** The times that a server has run a command. */
const calls = (port: number, command: string) =>
  Effect.scoped(
    Effect.flatMap(clientOf(port), (redis) =>
      Effect.map(redis.info("commandstats"), (text) =>
        Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0)))
  )

describe.skipIf(isSkipped)("a client of several servers", () => {
  it.scopedLive("writes to the primary, and reads from replicas where it is told to", () =>
    Effect.gen(function*() {
      const { first, second } = yield* pair
      const redis = yield* Redis.endpoints({ endpoints: at(second, first), roles: true })
      yield* Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) => redis.set(`key:${i}`, i), {
        concurrency: "unbounded"
      })
      yield* until(tiers(redis), ([a, b]) => a === 1 && b === 0)
      const replicas = redis.tier(1)
      const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
      yield* until(replicas.mget(keys), (values) => values.every((value, i) => value === String(i)))
      const before = yield* calls(second, "get")
      for (let i = 0; i < 20; i++) expect(yield* replicas.get(`key:${i}`)).toBe(String(i))
      expect(yield* calls(second, "get")).toBe(before + 20)
      expect(yield* calls(first, "get")).toBe(0)
      const one = yield* redis.at(`${host}:${second}`)
      expect((yield* Effect.flip(one.set("a", 1)))._tag).toBe("RedisError")
      expect((yield* redis.stats).requests).toBeGreaterThan(70)
    }))

  it.scopedLive(
    "goes on with a replica that has become the primary, and takes the old one back as a replica",
    () =>
      Effect.gen(function*() {
        const { first, replica, scopes, second } = yield* pair
        const redis = yield* Redis.endpoints({
          endpoints: at(first, second),
          roles: true,
          probeInterval: "1 minute",
          ejectionTime: "1 second",
          acquireTimeout: "1 minute"
        })
        let isPromoted = false
        let isOver = false
        let ids = 0
        const acknowledged: Array<number> = []
        const refused: Array<string> = []
        const writer = Effect.gen(function*() {
          while (!isOver) {
            const id = ++ids
            const isLate = isPromoted
            const exit = yield* Effect.exit(redis.set(`row:${id}`, id))
            if (Exit.isSuccess(exit)) {
              if (isLate) acknowledged.push(id)
              if (acknowledged.length > 200) isOver = true
            } else {
              if (String(exit.cause).includes("READONLY")) refused.push(String(exit.cause))
              yield* Effect.sleep("5 millis")
            }
          }
        })
        const writers = yield* Effect.forEach([1, 2, 3, 4], () => fork(writer))
        yield* until(Effect.sync(() => ids), (count) => count > 100)
        yield* Scope.close(scopes[0]!, Exit.void)
        yield* replica.command("REPLICAOF", "NO", "ONE")
        isPromoted = true
        yield* Effect.forEach(writers, Fiber.join)
        expect(refused).toEqual([])
        expect(new Set(acknowledged).size).toBe(acknowledged.length)
        const rows = yield* replica.mget(acknowledged.map((id) => `row:${id}`))
        expect(rows).toEqual(acknowledged.map(String))

        scopes[0] = yield* Scope.make()
        yield* provideScope(redisAt(first, "--replicaof", host, String(second)), scopes[0])
        yield* until(tiers(redis), ([a, b]) => a === 1 && b === 0)
        const last = acknowledged.at(-1)!
        yield* until(
          Effect.option(redis.tier(1).get(`row:${last}`)),
          (found) => found._tag === "Some" && found.value === String(last)
        )
        const { closed, closing, idle, inUse, opened } = yield* redis.pool.stats
        expect(opened - totalOf(closed)).toBe(idle + inUse + closing)
        yield* redis.pool.close
        expect((yield* redis.pool.stats).idle).toBe(0)
      })
  )

  it.scopedLive("subscribes at a server of the tier", () =>
    Effect.gen(function*() {
      const { first, second } = yield* pair
      const redis = yield* Redis.endpoints({ endpoints: at(first, second), roles: true })
      const heard = yield* fork(collect(Stream.take(redis.tier(1).subscribe("news"), 1)))
      const replica = yield* clientOf(second)
      yield* until(replica.command("PUBSUB", "NUMSUB", "news"), (reply) => (reply as ReadonlyArray<unknown>)[1] === 1)
      yield* redis.command("PUBLISH", "news", "hello")
      expect(yield* Fiber.join(heard)).toEqual([{ channel: "news", message: "hello" }])
    }))

  it.scopedLive("shares its commands among servers that are all alike", () =>
    Effect.gen(function*() {
      const ports = [yield* freePort, yield* freePort]
      for (const port of ports) yield* redisAt(port)
      const redis = yield* Redis.endpoints({ endpoints: at(...ports), maxConnectionsPerEndpoint: 2 })
      // A server that gets no processor for a while gets less, so that one round may not be enough.
      for (let round = 1, least = 0; least <= 500; round++) {
        yield* Effect.forEach(Array.from({ length: 2_000 }), () => redis.ping, { concurrency: 500 })
        const pings = yield* Effect.forEach(ports, (port) => calls(port, "ping"))
        expect(pings[0]! + pings[1]!).toBe(round * 2_000)
        least = Math.min(...pings)
        expect(round).toBeLessThan(20)
      }
      expect((yield* redis.pool.stats).opened).toBeLessThanOrEqual(4)
      yield* redis.withExclusive((session) => session.transaction([["SET", "a", 1], ["INCR", "a"]]))
    }))

  it.scopedLive("fails with a ConnectError where there is no endpoint", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.endpoints({
        endpoints: Endpoints.fromPull(Effect.succeed(Effect.never)),
        acquireTimeout: "10 millis"
      })
      const errors = yield* Effect.all([
        Effect.flip(redis.ping),
        Effect.flip(redis.withExclusive(() => Effect.void)),
        Effect.flip(Effect.scoped(redis.exclusive)),
        Effect.flip(Stream.runDrain(redis.subscribe("news")))
      ], { concurrency: "unbounded" })
      for (const error of errors) {
        expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", cause: { _tag: "NoEndpointError" } })
      }
    }))

  it("refuses what it cannot do", () => {
    const of = (options: object) => () => Effect.runSync(Effect.scoped(Redis.endpoints(options as any)))
    expect(of({ endpoints: at(1), url: "redis://a" })).toThrow("Redis.endpoints: url is not an option")
    expect(of({ endpoints: at(1), probeInterval: 5 })).toThrow("probeInterval must be set only together with roles")
    expect(of({})).toThrow("Redis.endpoints: endpoints must be a Stream of sets of endpoints")
  })
})
