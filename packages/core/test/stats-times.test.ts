import { summaryBetween } from "@socketpool/core"
import { stop, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, id, lineUp, settled, setup, warmUp } from "./setup.js"

describe("stats", () => {
  it.scoped("tell how long borrowers waited for the leases they got; those who did not wait count as 0", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* warmUp(pool, 1)
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      const gaveUp = yield* forkSettled(Effect.flip(pool.acquireWith({ timeout: "2 seconds" })))
      yield* TestClock.adjust("4 seconds")
      yield* pool.release(connection)
      yield* Fiber.join(waiter)
      yield* Fiber.join(gaveUp)
      const { acquired, waitTime } = yield* pool.stats
      assert.strictEqual(acquired, 3)
      assert.deepStrictEqual(waitTime, {
        count: 3,
        totalMillis: 4000,
        maxMillis: 4000,
        p50Millis: 0,
        p95Millis: 4000,
        p99Millis: 4000
      })
    }))

  it.scoped("tell how long leases were held that have ended, whichever way", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ drainTimeout: "1 second" })
      const held = yield* forkSettled(pool.use(() => Effect.sleep("1 second")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(held)
      const [dropped, forced] = [yield* pool.acquire, yield* pool.acquire]
      assert.strictEqual((yield* pool.stats).useTime.count, 1)
      yield* TestClock.adjust("2 seconds")
      yield* pool.drop(dropped)
      yield* TestClock.adjust("3 seconds")
      const closing = yield* forkSettled(pool.close)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.isFalse(forced.alive)
      const { useTime } = yield* pool.stats
      assert.deepStrictEqual([useTime.count, useTime.totalMillis, useTime.maxMillis], [3, 1000 + 2000 + 6000, 6000])
    }))

  it.scoped("tell nothing of how long a lease was held that its borrower did not take up", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.release(connection)
      yield* Effect.sync(() => stop(waiter))
      yield* Fiber.await(waiter)
      const { acquired, useTime, waitTime } = yield* pool.stats
      assert.deepStrictEqual([acquired, useTime.count, waitTime.count], [1, 1, 1])
    }))

  it.scoped("tell how long opens took that gave a connection, and of no others", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 0 }, {
        open: (attempt) => attempt === 1 ? { slow: "300 millis" } : attempt === 2 ? { slow: "700 millis" } : "never"
      })
      const borrowers = yield* Effect.forEach([1, 2, 3], () => forkSettled(Effect.exit(pool.acquire)))
      yield* TestClock.adjust("5 seconds")
      const exits = yield* Fiber.joinAll(borrowers)
      const { openTime } = yield* pool.stats
      assert.deepStrictEqual([openTime.count, openTime.totalMillis, openTime.maxMillis], [2, 1000, 700])
      yield* Effect.forEach(exits, (exit) =>
        Effect.ignore(Effect.flatMap(exit, (connection) => pool.release(connection))))
    }))

  it.scoped("count those who waited for as long as they would, apart from others who were turned away", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, maxPending: 2 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.exit(pool.use(id)))
      const shortly = yield* forkSettled(Effect.exit(pool.acquireWith({ timeout: "1 second" })))
      yield* Effect.exit(pool.use(id))
      yield* Effect.exit(pool.acquireWith({ timeout: 0 }))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(waiter)
      yield* Fiber.join(shortly)
      const { cancelled, exhausted, timedOut } = yield* pool.stats
      assert.deepStrictEqual([exhausted, timedOut, cancelled], [4, 2, 0])
      yield* pool.release(connection)
    }))

  it.scoped("count borrowers that were interrupted while they waited", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["first", "second", "third"])
      yield* Fiber.interrupt(borrowers[1]!)
      yield* Fiber.interrupt(borrowers[0]!)
      const { cancelled, exhausted, pending } = yield* pool.stats
      assert.deepStrictEqual([cancelled, exhausted, pending], [2, 0, 1])
      yield* pool.release(connection)
      yield* Fiber.join(borrowers[2]!)
      yield* Fiber.interrupt(yield* forkSettled(pool.use(() => Effect.never)))
      assert.strictEqual((yield* pool.stats).cancelled, 2)
    }))

  it.scoped("count leases apart from the connections they share", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ concurrency: 2 })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.leased, stats.inUse, stats.acquired], [3, 2, 3])
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      const after = yield* pool.stats
      assert.deepStrictEqual([after.leased, after.inUse, after.idle], [0, 0, 2])
    }))

  it.scoped("count a connection that comes back as in use, but as leased to nobody", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ onRelease: () => Effect.as(Effect.sleep("1 second"), "keep") })
      yield* pool.use(id)
      yield* settled
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.inUse, stats.leased, stats.validating], [1, 0, 0])
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("count holders that wait for another connection apart from those who wait in the queue", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, {
        open: (attempt) => attempt === 2 ? { slow: "1 second" } : "ok"
      })
      const moving = yield* forkSettled(Effect.scoped(Effect.flatMap(pool.get, (old) => pool.reconnect(old))))
      const waiter = yield* forkSettled(pool.use(id))
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.reconnecting, stats.pending, stats.leased], [1, 1, 0])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(moving)
      yield* Fiber.join(waiter)
      assert.strictEqual((yield* pool.stats).reconnecting, 0)
    }))

  it.scoped("tell how long the oldest waiter has been waiting, also one that reconnects", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 minute" }, {
        open: (attempt) => attempt === 2 ? { slow: "4 seconds" } : "ok"
      })
      const oldest = Effect.map(pool.stats, ({ oldestWaitMillis }) => oldestWaitMillis)
      assert.strictEqual(yield* oldest, 0)
      const connection = yield* pool.acquire
      const first = yield* forkSettled(pool.use(() => Effect.never))
      yield* TestClock.adjust("3 seconds")
      const second = yield* forkSettled(pool.use(() => Effect.never))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* oldest, 5_000)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* oldest, 2_000)
      yield* Fiber.interrupt(second)
      assert.strictEqual(yield* oldest, 0)
      yield* forkSettled(pool.reconnect(connection))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual([(yield* pool.stats).reconnecting, yield* oldest], [1, 3_000])
    }))
})

describe("times", () => {
  it.scoped("tell the percentiles of the time between two moments", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const hold = (millis: number) =>
        Effect.gen(function*() {
          const fiber = yield* forkSettled(pool.use(() => Effect.sleep(millis)))
          yield* TestClock.adjust(millis)
          yield* Fiber.join(fiber)
        })
      const before = yield* pool.times
      assert.deepStrictEqual(before.useTime.counts, [])
      for (let i = 0; i < 10; i++) yield* hold(5_000)
      const bad = yield* pool.times
      for (let i = 0; i < 10; i++) yield* hold(10)
      const after = yield* pool.times
      const { useTime } = yield* pool.stats
      assert.deepStrictEqual(summaryBetween(before.useTime, after.useTime), useTime)
      assert.strictEqual(useTime.p95Millis, 5_000)
      assert.deepStrictEqual(summaryBetween(bad.useTime, after.useTime), {
        count: 10,
        totalMillis: 100,
        maxMillis: 10,
        p50Millis: 10,
        p95Millis: 10,
        p99Millis: 10
      })
      assert.deepStrictEqual(summaryBetween(after.useTime, after.useTime), {
        count: 0,
        totalMillis: 0,
        maxMillis: 0,
        p50Millis: 0,
        p95Millis: 0,
        p99Millis: 0
      })
    }))
})
