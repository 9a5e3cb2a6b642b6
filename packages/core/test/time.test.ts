import { Pool, PoolExhaustedError } from "@socketpool/core"
import { exitOf, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import {
  audited,
  forkSettled,
  id,
  jumpingClock,
  type Options,
  type Script,
  settled,
  suspendedClock,
  warmUp
} from "./setup.js"

const hour = 3_600_000

describe("a wall clock that is set forward and back", () => {
  const setupJumping = (options: Options = {}) =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const { clock, jump } = yield* jumpingClock
      const pool = yield* audited(connector, withClock(Pool.make({ open: connector.open, ...options }), clock))
      return { connector, jump, pool }
    })

  // G10: wall clock ±1 h
  it.scoped("moves no deadline of a waiter", () =>
    Effect.gen(function*() {
      const { jump, pool } = yield* setupJumping({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.flip(pool.acquire))
      jump(hour)
      yield* TestClock.adjust(9999)
      assert.isUndefined(exitOf(waiter))
      jump(-2 * hour)
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(waiter)
      assert.instanceOf(error, PoolExhaustedError)
      assert.strictEqual(error.waitedMillis, 10_000)
      yield* pool.release(connection)
    }))

  // G10: wall clock ±1 h
  it.scoped.each([hour, -hour])(
    "closes no connection, neither at once nor by the reaper: %i ms",
    (millis) =>
      Effect.gen(function*() {
        const { connector, jump, pool } = yield* setupJumping({ idleTimeout: "500 seconds" })
        yield* warmUp(pool, 3)
        jump(millis)
        assert.strictEqual(yield* pool.dropExpired, 0)
        yield* TestClock.adjust("499 seconds")
        assert.strictEqual(connector.live, 3)
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(connector.live, 0)
      })
  )
})

describe("a process that was suspended", () => {
  const setupSuspended = (options: Options = {}, script: Script = {}) =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make(script)
      const { clock, suspend } = yield* suspendedClock
      const pool = yield* audited(connector, withClock(Pool.make({ open: connector.open, ...options }), clock))
      return { connector, pool, suspend }
    })

  const limits: ReadonlyArray<readonly [string, Options, "Expired" | "Stale"]> = [
    ["connectionTTL", { connectionTTL: "1 hour" }, "Expired"],
    ["idleTimeout", { idleTimeout: "1 minute", connectionTTL: "1 day" }, "Stale"]
  ]
  // F34, G11: suspend
  it.scoped.each(limits)(
    "lends none that has outlived its %s, although no timer has fired yet",
    ([_, options, reason]) =>
      Effect.gen(function*() {
        const { pool, suspend } = yield* setupSuspended(options)
        yield* warmUp(pool, 3)
        suspend(hour)
        assert.strictEqual(yield* pool.use(id), 4)
        yield* settled
        assert.isAtLeast((yield* pool.stats).closed[reason], 1)
      })
  )

  // G11: suspend
  it.scoped("replaces the connections that have expired as slowly as it opens any, and has its floor meanwhile", () =>
    Effect.gen(function*() {
      const { connector, pool, suspend } = yield* setupSuspended(
        { minConnections: 10, maxConnecting: 2 },
        { open: (attempt) => attempt <= 10 ? "ok" : { slow: "1 second" } }
      )
      yield* settled
      suspend(hour)
      yield* TestClock.adjust("180 seconds")
      yield* TestClock.adjust("3 seconds")
      assert.isAtLeast(connector.live, 10)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([connector.live, connector.closed, connector.peakOpening], [10, 10, 2])
      assert.strictEqual((yield* pool.stats).closed.Expired, 10)
    }))

  // G11: suspend
  it.scoped("cuts no lease", () =>
    Effect.gen(function*() {
      const { connector, pool, suspend } = yield* setupSuspended({ idleTimeout: "1 minute" })
      const connection = yield* pool.acquire
      suspend(hour)
      yield* TestClock.adjust("180 seconds")
      assert.strictEqual(connector.live, 1)
      yield* pool.release(connection)
      yield* settled
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))
})

// K5
describe("a machine that slept, so that wall time ran ahead", () => {
  const setupSleeping = (options: Options = {}) =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const { clock, jump } = yield* jumpingClock
      const asked: Array<number> = []
      const mute = new Set<number>()
      const validate: Options["validate"] = (connection) =>
        Effect.sync(() => {
          asked.push(connection.id)
          return !mute.has(connection.id)
        })
      const given = { open: connector.open, ...options, ...("validate" in options ? { validate } : {}) }
      const pool = yield* audited(connector, withClock(Pool.make(given), clock))
      return { asked, connector, jump, mute, pool }
    })
  const validated: Options = { validate: () => Effect.succeed(true), idleTimeout: "1 minute" }

  it.scoped("has every idle connection asked before it is lent, and closes none that answers", () =>
    Effect.gen(function*() {
      const { asked, connector, jump, pool } = yield* setupSleeping(validated)
      yield* warmUp(pool, 2)
      for (const millis of [8 * hour, 24 * hour, 365 * 24 * hour]) {
        asked.length = 0
        jump(millis)
        const ids = yield* Effect.all([pool.use((c) => Effect.as(settled, c.id)), pool.use(id)], {
          concurrency: "unbounded"
        })
        assert.sameMembers(ids, [1, 2])
        assert.sameMembers(asked, [1, 2])
      }
      assert.strictEqual(connector.opened, 2)
      assert.strictEqual(yield* pool.use(id), yield* pool.use(id))
    }))

  it.scoped("replaces those that do not answer", () =>
    Effect.gen(function*() {
      const { jump, mute, pool } = yield* setupSleeping(validated)
      yield* warmUp(pool, 2)
      mute.add(1).add(2)
      jump(8 * hour)
      assert.strictEqual(yield* pool.use(id), 3)
      assert.strictEqual((yield* pool.stats).closed.Invalid, 2)
    }))

  it.scoped("closes those whose limits have passed meanwhile, if they cannot be asked", () =>
    Effect.gen(function*() {
      const { jump, pool } = yield* setupSleeping({ connectionTTL: "10 minutes", idleTimeout: "5 minutes" })
      yield* warmUp(pool, 1)
      jump(60_000)
      assert.strictEqual(yield* pool.use(id), 1)
      jump(4 * 60_000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* pool.use(id), 2)
      jump(hour)
      assert.strictEqual(yield* pool.use(id), 3)
      const { closed } = yield* pool.stats
      assert.deepStrictEqual([closed.Stale, closed.Expired], [1, 1])
    }))

  it.scoped.each([-hour, -24 * hour, 1_500])(
    "nothing of the kind is taken from a step of %i ms",
    (millis) =>
      Effect.gen(function*() {
        const { asked, connector, jump, pool } = yield* setupSleeping(validated)
        yield* warmUp(pool, 1)
        jump(millis)
        yield* pool.use(id)
        assert.deepStrictEqual([asked, connector.opened], [[], 1])
      })
  )

  it.scoped("cuts no lease", () =>
    Effect.gen(function*() {
      const { jump, pool } = yield* setupSleeping(validated)
      const connection = yield* pool.acquire
      jump(8 * hour)
      yield* pool.release(connection)
      assert.strictEqual(yield* pool.use(id), 1)
    }))
})
