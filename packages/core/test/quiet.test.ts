import { Pool } from "@socketpool/core"
import { fork, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Duration, Effect, Fiber, Schedule } from "effect"
import { audited, countingClock, forkSettled, id, type Options, type Script, settled, warmUp } from "./setup.js"

/** A pool that tells how many of its own fibers sleep on the clock. */
const setupWithSleepers = (options: Options = {}, script: Script = {}) =>
  Effect.gen(function*() {
    const connector = ScriptedConnector.make(script)
    const { asleep, clock } = yield* countingClock
    const pool = yield* audited(connector, withClock(Pool.make({ open: connector.open, ...options }), clock))
    return { asleep, connector, pool }
  })

describe("no timer of a pool runs", () => {
  // F45
  it.scoped("before there is a connection", () =>
    Effect.gen(function*() {
      const { asleep } = yield* setupWithSleepers()
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("while connections are idle that cannot expire", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ connectionTTL: Duration.infinity })
      yield* warmUp(pool, 3)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("while connections are idle that nobody reaps", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ reapExpired: false })
      yield* warmUp(pool, 3)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("but the reaper's, while connections are idle that can expire; and that no longer than they are there", () =>
    Effect.gen(function*() {
      const { asleep, connector, pool } = yield* setupWithSleepers({
        connectionTTL: "1 second",
        reapSchedule: Schedule.spaced("1 second")
      })
      for (let round = 0; round < 2; round++) {
        yield* pool.use(id)
        yield* settled
        assert.deepStrictEqual([connector.live, asleep()], [1, 1])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([connector.live, asleep()], [0, 0])
      }
    }))

  it.scoped("after opens failed, opens hung, and borrowers waited, were served, timed out and went away", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers(
        { maxConnections: 2, connectTimeout: "1 second", reapExpired: false },
        {
          open: (attempt) => (["fail", "never", { slow: "500 millis" }] as const)[attempt - 1] ?? "ok",
          close: () => ({ slow: "1 second" })
        }
      )
      const borrows: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        pool.use(id),
        pool.use(id),
        pool.use(() => Effect.sleep("1 second")),
        pool.use((connection) => pool.drop(connection)),
        Effect.flatMap(pool.acquireWith({ timeout: "1 minute" }), (connection) => pool.release(connection)),
        pool.acquireWith({ timeout: "100 millis" }),
        Effect.timeout(pool.use(id), "200 millis")
      ]
      const borrowers = yield* Effect.forEach(borrows, (borrow) => fork(Effect.exit(borrow)))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(borrowers)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  it.scoped("after minConnections are back", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ minConnections: 2, reapExpired: false }, {
        open: (attempt) => attempt <= 5 ? "fail" : "ok"
      })
      yield* settled
      assert.strictEqual(asleep(), 1)
      yield* TestClock.adjust("1 minute")
      // The second follows when the first has lived for a second.
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* pool.size, asleep()], [2, 0])
    }))

  it.scoped("but the one that ends the drain, while it closes and a lease is out", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers()
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      assert.strictEqual(asleep(), 1)
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("after it has closed", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ minConnections: 3 }, {
        open: (attempt) => attempt === 1 ? "ok" : "never"
      })
      yield* pool.use(id)
      yield* pool.close
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  it.scoped("for more than one of its waiters, however many wait", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ maxConnections: 1, reapExpired: false })
      const connection = yield* pool.acquire
      const waiters = yield* forkSettled(Effect.forEach(Array.from({ length: 100 }), () => pool.use(id), {
        concurrency: "unbounded"
      }))
      assert.strictEqual(asleep(), 1)
      yield* pool.release(connection)
      yield* Fiber.join(waiters)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  const eternal: Options = { connectionTTL: Duration.infinity }

  // F45
  it.scoped("for idleTimeout, while no more are idle than the floor keeps", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ ...eternal, minConnections: 2, idleTimeout: "1 minute" })
      yield* settled
      yield* warmUp(pool, 2)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("but one for idleTimeout, while one is idle above the floor", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ ...eternal, idleTimeout: "1 minute" })
      yield* warmUp(pool, 5)
      yield* settled
      assert.strictEqual(asleep(), 1)
      yield* TestClock.adjust("1 minute")
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("but one for leakThreshold, while leases are held that are not suspected yet", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ ...eternal, leakThreshold: "1 minute" })
      yield* pool.use(() =>
        pool.use(() =>
          Effect.gen(function*() {
            yield* settled
            assert.strictEqual(asleep(), 1)
            yield* TestClock.adjust("1 minute")
            assert.strictEqual(asleep(), 0)
          })
        )
      )
      yield* pool.use(id)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))

  // F45
  it.scoped("after connections have been validated, whatever they answered", () =>
    Effect.gen(function*() {
      const answers = [Effect.succeed(true), Effect.never, Effect.succeed(false)]
      const { asleep, pool } = yield* setupWithSleepers({
        ...eternal,
        validateAfterIdle: 0,
        validate: () => answers.shift() ?? Effect.succeed(true)
      })
      yield* pool.use(id)
      for (const _ of [1, 2, 3]) {
        const borrower = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(borrower)
      }
      yield* settled
      assert.deepStrictEqual([asleep(), answers.length], [0, 0])
    }))
})
