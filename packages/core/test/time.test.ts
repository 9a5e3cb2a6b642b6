import { Pool, PoolExhaustedError } from "@socketpool/core"
import { exitOf, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
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
