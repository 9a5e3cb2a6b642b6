import { Pool } from "@socketpool/core"
import { fork, repeatN, stop, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Duration, Effect, Fiber } from "effect"
import {
  audited,
  countingClock,
  forkSettled,
  id,
  type Options,
  settled,
  setup,
  type TestPool,
  warmUp
} from "./setup.js"

/** One borrower a second, for so many seconds. */
const trickle = (pool: TestPool, seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => Effect.andThen(pool.use(id), TestClock.adjust("1 second")), {
    discard: true
  })

describe("idleTimeout", () => {
  // F38
  it.scoped("alone has a connection closed at the moment at which it has been idle for so long", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const pool = yield* audited(connector, Pool.make({ open: connector.open, idleTimeout: "1 minute" }))
      yield* pool.use(id)
      yield* TestClock.adjust("30 seconds")
      yield* pool.use(id)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(connector.live, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Stale], [0, 1])
    }))

  it.scoped("is not set unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: Duration.infinity })
      yield* pool.use(id)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.live, 1)
    }))

  it.scoped("closes the longest idle first, each at its own moment, and stops at minConnections", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 1,
        idleTimeout: "1 minute",
        connectionTTL: Duration.infinity
      })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      for (const n of [3, 1, 2]) {
        yield* pool.release(leased[n - 1]!)
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("57 seconds")
      assert.deepStrictEqual(connector.log.slice(3), ["close 3"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log.slice(3), ["close 3", "close 1"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([connector.live, yield* pool.use(id)], [1, 2])
    }))

  // F39
  it.scoped("closes nothing of minConnections, however long they are idle, and opens nothing", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({ minConnections: 2, idleTimeout: "1 second" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2"])
    }))

  it.scoped("counts leased connections among minConnections", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 1,
        idleTimeout: "1 second",
        connectionTTL: Duration.infinity
      })
      yield* settled
      const connection = yield* pool.acquire
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 2"])
      yield* pool.release(connection)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 2)
    }))

  it.scoped("closes a connection that was idle for so long as soon as the floor does not need it any more", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 2, idleTimeout: "1 minute" })
      yield* TestClock.adjust("9 minutes")
      yield* pool.resize({ min: 1 })
      yield* settled
      assert.deepStrictEqual(connector.live, 1)
    }))

  it.scoped("leaves leased connections alone; their idle spell begins when they come back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ idleTimeout: "1 second" })
      const connection = yield* pool.acquire
      yield* TestClock.adjust("5 minutes")
      yield* pool.release(connection)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(connector.live, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(connector.live, 0)
    }))

  // F40
  it.scoped("closes a thousand connections in one round", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        maxConnections: 1000,
        maxConnecting: 1000,
        idleTimeout: "1 minute"
      })
      yield* warmUp(pool, 1000)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(connector.live, 1000)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Stale], [0, 1000])
    }))

  // F41
  it.scoped("lets a burst shrink to what the load needs under lifo, unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ idleTimeout: "1 minute" })
      yield* warmUp(pool, 20)
      assert.strictEqual(connector.live, 20)
      yield* trickle(pool, 61)
      assert.deepStrictEqual([connector.live, connector.attempts], [1, 20])
    }))

  // F41
  it.scoped("lets no burst shrink under fifo, where the load keeps every connection warm", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ idleTimeout: "1 minute", order: "fifo" })
      yield* warmUp(pool, 20)
      yield* trickle(pool, 61)
      assert.strictEqual(connector.live, 20)
    }))

  // F34
  it.scoped("keeps a stale connection from being lent although nobody has closed it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ reapExpired: false, idleTimeout: "1 minute" })
      yield* pool.use(id)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* pool.use(id), 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 1)
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Stale], [1, 1])
    }))

  it.scoped("closes nothing by itself when reapExpired is false", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ reapExpired: false, idleTimeout: "1 second" })
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(connector.live, 3)
    }))

  it.scoped("has dropExpired close what is stale, down to minConnections, and count it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ reapExpired: false, minConnections: 1, idleTimeout: "1 minute" })
      yield* settled
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* pool.dropExpired, 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Stale], [1, 2])
    }))

  const setupWithSleepers = (options: Options) =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const { asleep, clock } = yield* countingClock
      const make = Pool.make({ open: connector.open, connectionTTL: Duration.infinity, ...options })
      return { asleep, connector, pool: yield* audited(connector, withClock(make, clock)) }
    })

  it.scoped("runs one timer while a connection can become stale, and none otherwise", () =>
    Effect.gen(function*() {
      const { asleep, pool } = yield* setupWithSleepers({ minConnections: 1, idleTimeout: "1 minute" })
      yield* settled
      assert.strictEqual(asleep(), 0)
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* settled
      assert.strictEqual(asleep(), 0)
      yield* pool.release(first)
      yield* pool.release(second)
      yield* settled
      assert.strictEqual(asleep(), 1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([yield* pool.size, asleep()], [1, 0])
    }))
})

describe("maxUses", () => {
  it.scoped("has a connection closed when it comes back from its last lease", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxUses: 3 })
      const lent = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], () => pool.use(id))
      assert.deepStrictEqual(lent, [1, 1, 1, 2, 2, 2, 3])
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.MaxUses], [1, 2])
    }))

  it.scoped("of 1 gives each borrower a connection of his own, also those who wait", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxUses: 1, maxConnections: 1 })
      const borrowers = yield* Effect.forEach([1, 2, 3], () => fork(pool.use(id)))
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [1, 2, 3])
      yield* settled
      assert.deepStrictEqual([connector.live, connector.peak], [0, 1])
    }))

  it.scoped("counts no lease that its borrower did not take up", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxUses: 2, maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.release(connection)
      yield* Effect.sync(() => stop(waiter))
      yield* Fiber.await(waiter)
      assert.strictEqual(yield* pool.use(id), 1)
    }))

  it.scoped("is not set unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* repeatN(pool.use(id), 999)
      assert.strictEqual(connector.attempts, 1)
    }))
})
