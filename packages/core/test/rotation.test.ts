import { fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber, Schedule } from "effect"
import { forkSettled, id, type Options, type Script, settled, setup } from "./setup.js"

/** A pool whose connections expire after ten seconds, and whose reaper comes every second. */
const setupRotating = (options: Options, script?: Script) =>
  setup({ connectionTTL: "10 seconds", reapSchedule: Schedule.spaced("1 second"), ...options }, script)

/** The first opens succeed at once, the later ones after two seconds. */
const slowAfter = (first: number): Script => ({ open: (attempt) => attempt > first ? { slow: "2 seconds" } : "ok" })

describe("an expired connection that minConnections needs", () => {
  // F42
  it.scoped("closes when another is open in its place", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 1 }, slowAfter(1))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual([connector.log, connector.attempts], [["open 1"], 2])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("is one too whose isExpired says so", () =>
    Effect.gen(function*() {
      const expired = new Set<number>()
      const { connector } = yield* setupRotating({ minConnections: 1, isExpired: (c) => expired.has(c.id) })
      yield* settled
      expired.add(1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 1"])
    }))

  // F42
  it.scoped("is replaced time and again, and there are never fewer than minConnections", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupRotating({ minConnections: 3 }, slowAfter(3))
      const live: Array<number> = []
      yield* settled
      for (let second = 0; second < 60; second++) {
        yield* TestClock.adjust("1 second")
        live.push(connector.live)
      }
      assert.isAtLeast(Math.min(...live), 3)
      assert.isAtLeast(connector.attempts, 3 * 5)
      assert.strictEqual(connector.live, 3)
    }))

  it.scoped("is lent to nobody meanwhile, but counts as open", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupRotating({ minConnections: 1 }, slowAfter(1))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([yield* pool.size, (yield* pool.stats).opening], [1, 1])
      const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      assert.strictEqual(error._tag, "PoolExhaustedError")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* pool.use(id), 2)
    }))

  it.scoped("is replaced under maxConnecting", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupRotating({ minConnections: 6, maxConnecting: 2 }, {
        open: () => ({ slow: "2 seconds" })
      })
      yield* TestClock.adjust("1 minute")
      assert.isAbove(connector.attempts, 12)
      assert.strictEqual(connector.peakOpening, 2)
    }))

  it.scoped("is replaced within the cap", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupRotating({ minConnections: 3, maxConnections: 4 }, slowAfter(3))
      const live: Array<number> = []
      yield* settled
      for (let second = 0; second < 40; second++) {
        yield* TestClock.adjust("1 second")
        live.push(connector.live)
      }
      assert.deepStrictEqual([connector.peak, Math.min(...live)], [4, 3])
      assert.isTrue([1, 2, 3].every((n) => connector.log.includes(`close ${n}`)))
    }))

  it.scoped("closes first, one at a time, where there is no room beside it", () =>
    Effect.gen(function*() {
      const { connector } = yield* setupRotating({ minConnections: 3, maxConnections: 3 }, {
        open: (attempt) => attempt > 3 ? { slow: "2 seconds" } : "ok",
        close: () => ({ slow: "1 second" })
      })
      const live: Array<number> = []
      yield* settled
      for (let second = 0; second < 19; second++) {
        yield* TestClock.adjust("1 second")
        live.push(connector.live)
      }
      assert.deepStrictEqual([connector.peak, Math.min(...live)], [3, 2])
      assert.deepStrictEqual(connector.log.slice(3), ["close 1", "open 4", "close 2", "open 5", "close 3", "open 6"])
    }))

  it.scoped("stays as long as its replacement cannot be opened", () =>
    Effect.gen(function*() {
      let up = true
      const { connector, pool } = yield* setupRotating({ minConnections: 2, retry: Schedule.spaced("1 second") }, {
        open: () => up ? "ok" : "fail"
      })
      yield* settled
      up = false
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([connector.live, connector.closed, yield* pool.size], [2, 0, 2])
      up = true
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([connector.closed, yield* pool.size], [2, 2])
    }))

  it.scoped("makes room at once for borrowers who find none", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 2, maxConnections: 3 }, slowAfter(2))
      yield* TestClock.adjust("10 seconds")
      const borrowers = yield* Effect.forEach([1, 2, 3], () => fork(pool.acquire))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([(yield* pool.stats).leased, connector.peak], [3, 3])
      const leased = yield* Fiber.joinAll(borrowers)
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
    }))

  it.scoped("makes room for a borrower who waits, even where there is room for both", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 3 }, slowAfter(3))
      yield* TestClock.adjust("10 seconds")
      const borrower = yield* forkSettled(pool.use(id))
      assert.deepStrictEqual([connector.live, connector.closed], [0, 3])
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(borrower)
      assert.deepStrictEqual([connector.live, connector.closed], [3, 3])
    }))

  it.scoped("closes when its peer goes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 1, closed: (c) => c.closed }, slowAfter(1))
      yield* TestClock.adjust("10 seconds")
      connector.connection(1).kill()
      yield* settled
      assert.deepStrictEqual([connector.log, connector.attempts], [["open 1", "close 1"], 2])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* pool.size, 1)
    }))

  it.scoped("closes at once by dropExpired, which counts it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 2 }, slowAfter(2))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* pool.dropExpired, 2)
      yield* settled
      assert.deepStrictEqual([connector.live, connector.closed], [0, 2])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* pool.size, 2)
    }))

  it.scoped("closes at once when resize makes it needless", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 1 }, {
        open: (attempt) => attempt > 1 ? "never" : "ok"
      })
      yield* TestClock.adjust("10 seconds")
      yield* pool.resize({ min: 0 })
      yield* settled
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("closes with the pool, once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 2 }, slowAfter(2))
      yield* TestClock.adjust("10 seconds")
      yield* pool.close
      assert.deepStrictEqual([connector.live, connector.closed, (yield* pool.stats).closed.PoolClosed], [0, 2, 2])
    }))
})

describe("rotation", () => {
  it.scoped("replaces nothing that the floor does not need", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating({ minConnections: 1 }, slowAfter(3))
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([connector.attempts, connector.live, connector.closed], [4, 1, 2])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([connector.attempts, connector.live, connector.closed], [4, 1, 3])
    }))

  // F36
  it.scoped("under constant load has every connection replaced after one lifetime, one after the other", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupRotating(
        { maxConnections: 4, minConnections: 4, maxConnecting: 1 },
        { open: () => ({ slow: "100 millis" }) }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 4)
      let on = true
      const use = pool.use(() => Effect.sleep("500 millis"))
      const load = yield* fork(Effect.all([1, 2, 3].map(() => Effect.repeat(use, { while: () => on })), {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("12 seconds")
      assert.isTrue([1, 2, 3, 4].every((n) => connector.log.includes(`close ${n}`)))
      on = false
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(load)
      const { closed, timedOut } = yield* pool.stats
      assert.deepStrictEqual([connector.peakOpening, connector.peak, timedOut, closed.Expired], [1, 4, 0, 4])
      assert.strictEqual(yield* pool.size, 4)
    }))
})
