import { PoolSchemas } from "@socketpool/core"
import { decode, encode, exitOf, fork, stop, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, id, lineUp, settled, setup, warmUp } from "./setup.js"

const closedNone = {
  Expired: 0,
  Stale: 0,
  MaxUses: 0,
  Invalid: 0,
  Disconnected: 0,
  Discarded: 0,
  Desync: 0,
  Dropped: 0,
  Cleared: 0,
  Surplus: 0,
  Reclaimed: 0,
  PoolClosed: 0
}
const noTime = { count: 0, totalMillis: 0, maxMillis: 0, p50Millis: 0, p95Millis: 0, p99Millis: 0 }

describe("stats", () => {
  it.scoped("of a new pool are its limits and zeros", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 7 })
      assert.deepStrictEqual(yield* pool.stats, {
        ageMillis: 0,
        maxConnections: 7,
        minConnections: 0,
        opening: 0,
        idle: 0,
        inUse: 0,
        validating: 0,
        closing: 0,
        leased: 0,
        pending: 0,
        reconnecting: 0,
        oldestWaitMillis: 0,
        opened: 0,
        openFailed: 0,
        closed: closedNone,
        acquired: 0,
        waited: 0,
        exhausted: 0,
        timedOut: 0,
        failed: { Timeout: 0, QueueFull: 0, NoWait: 0, Shed: 0, SelfDeadlock: 0, OpenFailed: 0, PoolClosed: 0 },
        cancelled: 0,
        leaksSuspected: 0,
        waitTime: noTime,
        useTime: noTime,
        openTime: noTime
      })
    }))

  it.scoped("say where every connection stands", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 5, minConnections: 2 }, {
        open: (attempt) => attempt === 5 ? { slow: "1 second" } : "ok",
        close: () => ({ slow: "1 second" })
      })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire, pool.acquire])
      yield* pool.drop(leased[0])
      yield* pool.release(leased[1])
      const [waiting] = [yield* forkSettled(pool.use(() => pool.use(id)))]
      const stats = yield* pool.stats
      assert.deepStrictEqual(
        [stats.opening, stats.idle, stats.inUse, stats.closing, stats.pending],
        [1, 0, 3, 1, 1]
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      yield* Effect.forEach(leased.slice(2), (connection) => pool.release(connection))
      const later = yield* pool.stats
      assert.deepStrictEqual(
        [later.opening, later.idle, later.inUse, later.closing, later.pending],
        [0, 4, 0, 0, 0]
      )
    }))

  it.scoped("count opens that succeeded and opens that did not", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectTimeout: "1 second" }, {
        open: (attempt) => (["ok", "fail", "die", "never"] as const)[attempt - 1] ?? "ok"
      })
      yield* pool.use(() =>
        Effect.gen(function*() {
          yield* Effect.exit(pool.use(id))
          yield* Effect.exit(pool.use(id))
          const hung = yield* forkSettled(Effect.exit(pool.use(id)))
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(hung)
        })
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.opened, stats.openFailed, stats.acquired], [1, 3, 1])
    }))

  it.scoped("count every close by its reason", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectionTTL: "1 hour", reapExpired: false, isConnected: (c) => c.alive })
      yield* Effect.scoped(Effect.map(pool.get, (connection) => connection.kill()))
      yield* Effect.exit(pool.use(() => Effect.die("defect")))
      yield* pool.use((connection) => pool.drop(connection))
      yield* pool.use((connection) => pool.invalidate(connection))
      yield* pool.use(id)
      yield* TestClock.adjust("1 hour")
      yield* pool.dropExpired
      yield* pool.use(id)
      yield* pool.close
      assert.deepStrictEqual((yield* pool.stats).closed, {
        ...closedNone,
        Disconnected: 1,
        Discarded: 1,
        Dropped: 1,
        Invalid: 1,
        Expired: 1,
        PoolClosed: 1
      })
    }))

  it.scoped("count a close when it has ended", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { close: () => ({ slow: "1 second" }) })
      yield* pool.use((connection) => pool.drop(connection))
      const during = yield* pool.stats
      assert.deepStrictEqual([during.closing, during.closed.Dropped], [1, 0])
      yield* TestClock.adjust("1 second")
      const after = yield* pool.stats
      assert.deepStrictEqual([after.closing, after.closed.Dropped], [0, 1])
    }))

  it.scoped("count leases, and those that had to wait", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* warmUp(pool, 1)
      const before = yield* pool.stats
      yield* pool.use(id)
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["a", "b", "c"])
      yield* pool.release(connection)
      yield* Fiber.joinAll(borrowers)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.acquired - before.acquired, stats.waited - before.waited], [5, 3])
    }))

  it.scoped("count no lease for a waiter that went away before it took what it was handed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* warmUp(pool, 1)
      const connection = yield* pool.acquire
      const before = yield* pool.stats
      const { borrowers } = yield* lineUp(pool, ["interrupted"])
      yield* pool.release(connection)
      yield* Effect.sync(() => stop(borrowers[0]!))
      yield* Fiber.await(borrowers[0]!)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.acquired - before.acquired, stats.waited - before.waited], [0, 0])
    }))

  it.scoped("count a waiter once that was handed two connections because the first was lost", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const before = yield* pool.stats
      const { borrowers } = yield* lineUp(pool, ["waiter"])
      yield* pool.release(connection)
      yield* pool.drop(connection)
      yield* Fiber.joinAll(borrowers)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.acquired - before.acquired, stats.waited - before.waited], [1, 1])
    }))

  it.scoped("count borrows that found the pool exhausted, whichever way", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, maxPending: 1 })
      yield* pool.use(() =>
        Effect.gen(function*() {
          const waiter = yield* forkSettled(Effect.exit(pool.acquire))
          yield* Effect.exit(pool.acquire)
          yield* Effect.exit(pool.acquireWith({ timeout: 0 }))
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(waiter)
        })
      )
      assert.strictEqual((yield* pool.stats).exhausted, 3)
    }))

  it.scoped("do not change once given", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const before = yield* pool.stats
      const copy = structuredClone(before)
      yield* pool.use((connection) => pool.drop(connection))
      yield* settled
      assert.deepStrictEqual(before, copy)
    }))

  it.scoped("can be sent as JSON", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.use(id)
      const stats = yield* pool.stats
      const wire = JSON.stringify(yield* encode(PoolSchemas.PoolStats, stats))
      assert.deepStrictEqual(yield* decode(PoolSchemas.PoolStats, JSON.parse(wire)), stats)
    }))

  it.scoped("add up at every moment of a busy life", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(
        { maxConnections: 5, maxConnecting: 2, connectionTTL: "20 millis", isConnected: (c) => c.alive },
        {
          open: (attempt) => attempt % 7 === 0 ? "fail" : { slow: attempt % 5 },
          close: (n) => ({ slow: n % 3 })
        }
      )
      const problems: Array<string> = []
      const look = Effect.map(pool.stats, (stats) => problems.push(...connector.audit(stats)))
      const borrower = (n: number) =>
        Effect.exit(pool.use((connection) =>
          Effect.gen(function*() {
            yield* look
            yield* Effect.sleep(n % 4)
            if (n % 11 === 0) connection.kill()
            if (n % 13 === 0) yield* pool.drop(connection)
            if (n % 17 === 0) return yield* Effect.die("defect")
            yield* look
          })
        ))
      const borrowers = yield* fork(
        Effect.forEach(Array.from({ length: 80 }, (_, n) => n), borrower, { concurrency: 20 })
      )
      for (let i = 0; i < 100 && exitOf(borrowers) === undefined; i++) {
        yield* TestClock.adjust(1)
        yield* look
      }
      yield* Fiber.join(borrowers)
      assert.deepStrictEqual(problems, [])
    }))
})

describe("size", () => {
  it.scoped("is how many are idle and in use", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { close: () => ({ slow: "1 second" }) })
      assert.strictEqual(yield* pool.size, 0)
      yield* warmUp(pool, 3)
      assert.strictEqual(yield* pool.size, 3)
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* pool.size, 3)
          yield* pool.drop(connection)
          assert.strictEqual(yield* pool.size, 2)
        })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.size, 2)
    }))

  it.scoped("does not count what is being opened", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 2 }, { open: () => ({ slow: "1 second" }) })
      yield* settled
      assert.strictEqual(yield* pool.size, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.size, 2)
    }))
})
