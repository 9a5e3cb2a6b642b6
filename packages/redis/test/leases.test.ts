import type { RedisSession } from "@socketpool/redis"
import { fork, forkDaemon, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber, Schedule } from "effect"
import { closedBy } from "../../node/test/fixtures/server.js"
import { client, isSkipped } from "./server.js"

describe.skipIf(isSkipped)("a lease of a whole connection", () => {
  const one = { maxConnections: 1, database: 2 }

  const ready: ReadonlyArray<readonly [string, (session: RedisSession) => Effect.Effect<unknown, unknown>]> = [
    ["in an open transaction", (session) => Effect.andThen(session.command("MULTI"), session.command("SET", "a", 2))],
    ["in another database", (session) => session.command("SELECT", 5)],
    ["with watched keys", (session) => session.command("WATCH", "a")],
    [
      "in a transaction that watches keys, in another database",
      (session) =>
        Effect.forEach(
          [["SELECT", 5], ["WATCH", "a"], ["MULTI"]] as const,
          ([name, ...args]) => session.command(name, ...args)
        )
    ],
    ["by a failure of its own", () => Effect.fail("a failure")]
  ]

  it.scopedLive.each(ready)("that ends %s is made ready for the next", ([, f]) =>
    Effect.gen(function*() {
      const redis = yield* client(one)
      yield* redis.set("a", 1)
      yield* Effect.exit(redis.withExclusive(f))
      expect(yield* redis.get("a")).toBe("1")
      expect(yield* redis.set("a", 3)).toBe(true)
      expect(yield* redis.transaction([["GET", "a"]])).toEqual(["3"])
      expect(yield* redis.command("CLIENT", "INFO")).toMatch(/ db=2 .* multi=-1 /)
      expect(yield* closedBy(redis)).toBe(0)

      // The same, where the lease is one of a scope.
      yield* Effect.exit(Effect.scoped(Effect.flatMap(redis.exclusive, f)))
      expect(yield* redis.transaction([["GET", "a"]])).toEqual(["3"])
      expect(yield* redis.command("CLIENT", "INFO")).toMatch(/ db=2 .* multi=-1 /)
      expect(yield* closedBy(redis)).toBe(0)
    }))

  const closed: ReadonlyArray<readonly [string, (session: RedisSession) => Effect.Effect<unknown, unknown>]> = [
    ["in another version of the protocol", (session) => session.command("HELLO", 2)],
    ["under another name", (session) => session.command("CLIENT", "SETNAME", "other")],
    ["after a reset", (session) => session.command("RESET")],
    ["after a QUIT", (session) => session.command("QUIT")],
    ["by a defect", () => Effect.die("a defect")],
    ["by an interrupt", () => Effect.interrupt],
    [
      "while a command is on its way",
      (session) => Effect.ignore(session.commandWith({ timeout: "20 millis" }, "BLPOP", "list", 0))
    ],
    ["with a command that it has forgotten", (session) =>
      Effect.gen(function*() {
        yield* forkDaemon(session.blpop(["list"], "1 minute"))
        yield* yieldNow
        yield* Effect.ignore(Effect.timeout(session.ping, "20 millis"))
      })],
    ["by its own wish", (session) => session.discard]
  ]

  it.scopedLive.each(closed)("that ends %s is not lent again", ([, f]) =>
    Effect.gen(function*() {
      const redis = yield* client(one)
      const id = yield* redis.command("CLIENT", "ID")
      yield* Effect.exit(redis.withExclusive(f))
      expect(yield* redis.command("CLIENT", "ID")).not.toBe(id)
      expect(yield* redis.command("CLIENT", "INFO")).toMatch(/ db=2 .* resp=3/)
      expect(yield* closedBy(redis)).toBe(1)
    }))
})

describe.skipIf(isSkipped)("a transaction", () => {
  it.scopedLive("is done as a whole, among many commands on one connection", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 1 })
      const both = redis.transaction([["INCR", "a"], ["INCR", "b"], ["MGET", "a", "b"]])
      const rounds = Array.from({ length: 200 }, (_, i) => i)
      const found = yield* Effect.forEach(rounds, () => Effect.tap(both, () => redis.get("a")), {
        concurrency: "unbounded"
      })
      for (const [a, b, values] of found) {
        expect(a).toBe(b)
        expect(values).toEqual([String(a), String(b)])
      }
      expect(yield* redis.mget(["a", "b"])).toEqual(["200", "200"])
      expect(yield* redis.transaction([])).toEqual([])
    }))

  it.scopedLive("has errors in the place of their commands, and the others are done", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      const [set, push, get] = yield* redis.transaction([["SET", "a", 1], ["LPUSH", "a", 2], ["GET", "a"]])
      expect([set, get]).toEqual(["OK", "1"])
      expect(push).toMatchObject({ _tag: "RedisError", code: "WRONGTYPE", command: "LPUSH" })
    }))

  it.scopedLive("that the server refuses is not done, and says which command it refuses", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      const error = yield* Effect.flip(redis.transaction([["SET", "a", 1], ["GET"], ["SET", "a", 2]]))
      expect(error).toMatchObject({ _tag: "RedisError", code: "ERR", command: "GET" })
      expect(yield* redis.get("a")).toBe(null)
      expect(yield* closedBy(redis)).toBe(0)
    }))

  it.scopedLive("that is interrupted leaves the connection to the others", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 1 })
      yield* redis.ping
      for (let turns = 0; turns < 20; turns++) {
        const fiber = yield* fork(redis.transaction([["INCR", "a"], ["INCR", "b"]]))
        for (let turn = 0; turn < turns; turn++) yield* yieldNow
        yield* Fiber.interrupt(fiber)
        expect(yield* redis.command("ECHO", String(turns))).toBe(String(turns))
      }
      expect(yield* closedBy(redis)).toBe(0)
      const [a, b] = yield* redis.mget(["a", "b"])
      expect(a).toBe(b)
    }))
})

describe.skipIf(isSkipped)("a session within MULTI", () => {
  it.scopedLive("refuses a second transaction", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      const exit = yield* Effect.exit(
        redis.withExclusive((own) => Effect.andThen(own.command("MULTI"), own.transaction([["GET", "a"]])))
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("the session is within MULTI already")
    }))
})

describe.skipIf(isSkipped)("watch", () => {
  const add = (session: RedisSession) =>
    Effect.map(session.get("sum"), (sum) => [["SET", "sum", Number(sum) + 1]] as const)

  it.scopedLive("tries again until no other client has changed the keys", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 8 })
      const retry = Schedule.spaced("1 millis")
      const rounds = Array.from({ length: 50 }, (_, i) => i)
      yield* Effect.forEach(rounds, () => redis.watch(["sum"], add, { retry }), { concurrency: 8 })
      expect(yield* redis.get("sum")).toBe("50")
      expect(yield* closedBy(redis)).toBe(0)
    }))

  it.scopedLive("fails with a RedisConflictError when its schedule ends", () =>
    Effect.gen(function*() {
      const redis = yield* client()
      let tries = 0
      const disturbed = redis.watch(
        ["sum"],
        (session) => Effect.tap(add(session), () => Effect.andThen(redis.set("sum", 10), Effect.sync(() => tries++))),
        { retry: Schedule.recurs(2) }
      )
      expect(yield* Effect.flip(disturbed)).toMatchObject({ _tag: "RedisConflictError" })
      expect(tries).toBe(3)
      expect(yield* redis.get("sum")).toBe("10")
    }))

  it.scopedLive("does nothing without commands, and leaves no key watched after a failure", () =>
    Effect.gen(function*() {
      const redis = yield* client({ maxConnections: 1 })
      expect(yield* redis.watch(["sum"], () => Effect.succeed([]))).toEqual([])
      expect(yield* Effect.flip(redis.watch(["sum"], () => Effect.fail("mine")))).toBe("mine")
      yield* redis.set("sum", 1)
      expect(yield* redis.transaction([["GET", "sum"]])).toEqual(["1"])
      expect(yield* closedBy(redis)).toBe(0)
    }))
})
