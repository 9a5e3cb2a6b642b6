import { exitOf, fork, hasDies, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Cause, Effect, Fiber, Schedule } from "effect"
import { forkSettled, id, lineUp, type Options, type Script, settled, setup, type TestPool, warmUp } from "./setup.js"

/**
 * A pool that may shrink: when the test ends its cap is raised again, because the audit holds all that were ever open
 * at once against the cap.
 */
const setupSized = (options: Options, script?: Script) =>
  Effect.tap(setup(options, script), ({ pool }) => Effect.addFinalizer(() => pool.resize({ max: 1000 })))

/** Leases so many connections. */
const leaseAll = (pool: TestPool, connections: number) =>
  Effect.all(Array.from({ length: connections }, () => pool.acquire), { concurrency: "unbounded" })

describe("resize to more", () => {
  it.scoped("opens a floor anew, though the probe after a backoff failed while there was no floor", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 1,
        connectTimeout: "5 seconds",
        retry: Schedule.spaced("1 second")
      }, { open: (attempt) => attempt === 1 ? "fail" : attempt === 2 ? "never" : "ok" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.attempts, 2)
      yield* pool.resize({ min: 0 })
      yield* TestClock.adjust("5 seconds")
      yield* pool.resize({ min: 1 })
      yield* settled
      assert.deepStrictEqual([connector.attempts, yield* pool.size], [3, 1])
    }))

  it.scoped("serves as many who wait at once as there is room for", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 2, maxConnecting: 4 })
      const leased = yield* leaseAll(pool, 2)
      const waiters = yield* Effect.forEach([1, 2, 3], () => fork(pool.acquire))
      yield* settled
      yield* pool.resize({ max: 4 })
      yield* settled
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.maxConnections, stats.pending, stats.leased, connector.live], [4, 1, 4, 4])
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      const others = yield* Fiber.joinAll(waiters)
      yield* Effect.forEach(others, (connection) => pool.release(connection))
      assert.strictEqual(connector.peak, 4)
    }))

  it.scoped("opens what a higher minConnections asks for", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({})
      yield* pool.resize({ min: 3 })
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).minConnections], [3, 3])
    }))

  it.scoped("opens no more at once than maxConnecting", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnecting: 2 }, { open: () => ({ slow: "1 second" }) })
      yield* pool.resize({ min: 6 })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual([connector.live, connector.peakOpening], [6, 2])
    }))

  it.scoped("leaves the limit alone that is not given", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupSized({ minConnections: 1, maxConnections: 5 })
      yield* pool.resize({ max: 7 })
      yield* pool.resize({ min: 2 })
      yield* pool.resize({})
      const { maxConnections, minConnections } = yield* pool.stats
      assert.deepStrictEqual([minConnections, maxConnections], [2, 7])
      yield* settled
    }))

  it.scoped("keeps connections that were too many while they were leased, if they are not any more", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 3 })
      const leased = yield* leaseAll(pool, 3)
      yield* pool.resize({ max: 1 })
      yield* pool.resize({ max: 3 })
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      yield* settled
      assert.deepStrictEqual([connector.live, connector.closed], [3, 0])
    }))
})

describe("resize to less", () => {
  it.scoped("closes the connections that are idle for longest", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 4 })
      const leased = yield* leaseAll(pool, 4)
      for (const n of [3, 1, 4, 2]) {
        yield* pool.release(leased[n - 1]!)
        yield* TestClock.adjust("1 second")
      }
      yield* pool.resize({ max: 2 })
      yield* settled
      assert.deepStrictEqual(connector.log.slice(4), ["close 3", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Surplus, 2)
    }))

  it.scoped("closes no more than are too many, and idle ones before it gives up opens", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 4, minConnections: 4 }, {
        open: (attempt) => attempt > 2 ? { slow: "1 second" } : "ok"
      })
      yield* settled
      yield* pool.resize({ min: 0, max: 3 })
      yield* TestClock.adjust("1 second")
      const { closed, openFailed } = yield* pool.stats
      assert.deepStrictEqual([connector.live, closed.Surplus, openFailed], [3, 1, 0])
    }))

  it.scoped("gives up opens in flight that are too many", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 4 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* Effect.forEach([1, 2, 3, 4], () => forkSettled(pool.use(id)))
      assert.strictEqual(connector.attempts, 4)
      yield* pool.resize({ max: 1 })
      yield* settled
      const during = yield* pool.stats
      assert.deepStrictEqual([during.opening, during.openFailed, during.pending], [1, 3, 4])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [1, 1, 1, 1])
      assert.strictEqual(connector.attempts, 4)
    }))

  it.scoped("cuts no lease: leased connections that are too many close when they come back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 4 })
      const leased = yield* leaseAll(pool, 4)
      yield* pool.resize({ max: 2 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 4)
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      yield* settled
      assert.deepStrictEqual(connector.log.slice(4).length, 2)
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([closed.Surplus, idle, connector.live], [2, 2, 2])
    }))

  it.scoped("serves those who wait as soon as there are few enough, and in their order", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 3 })
      const leased = yield* leaseAll(pool, 3)
      const { borrowers, served } = yield* lineUp(pool, ["first", "second"])
      yield* pool.resize({ max: 1 })
      yield* pool.release(leased[0]!)
      yield* pool.release(leased[1]!)
      yield* settled
      assert.deepStrictEqual([served, connector.live], [[], 1])
      yield* pool.release(leased[2]!)
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [3, 3])
      assert.deepStrictEqual(served, ["first", "second"])
    }))

  it.scoped("opens nothing in place of what closes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 5, minConnections: 5, maxConnecting: 5 })
      yield* settled
      yield* pool.resize({ min: 2, max: 2 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([connector.live, connector.attempts], [2, 5])
    }))

  it.scoped("of minConnections alone closes nothing", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ minConnections: 3 })
      yield* settled
      yield* pool.resize({ min: 0 })
      yield* settled
      assert.deepStrictEqual([connector.live, connector.closed], [3, 0])
      yield* pool.use((connection) => pool.drop(connection))
      yield* settled
      assert.strictEqual(connector.live, 2)
    }))

  it.scoped("closes a connection that is being asked whether it still works, if it is too many", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 2, validate: () => Effect.never })
      const connection = yield* pool.acquire
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      const borrower = yield* forkSettled(pool.use(id))
      assert.strictEqual((yield* pool.stats).validating, 1)
      yield* pool.resize({ max: 1 })
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 2"])
      yield* pool.release(connection)
      assert.strictEqual(yield* Fiber.join(borrower), 1)
    }))

  it.scoped("does not owe initialConnections any more that there is no room for", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupSized({ maxConnections: 4, initialConnections: 4 }, {
        open: (attempt) => attempt > 1 ? { slow: "1 second" } : "ok"
      })
      yield* settled
      yield* pool.resize({ max: 2 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 2)
      yield* pool.resize({ max: 4 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 2)
    }))

  it.scoped("returns at once, however long the closes take", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupSized({ maxConnections: 2 }, { close: () => ({ slow: "3 seconds" }) })
      yield* warmUp(pool, 2)
      const resizing = yield* forkSettled(pool.resize({ max: 1 }))
      assert.isDefined(exitOf(resizing))
      assert.strictEqual((yield* pool.stats).closing, 1)
      yield* TestClock.adjust("3 seconds")
    }))
})

const wrong: ReadonlyArray<readonly [size: { readonly min?: number; readonly max?: number }, complaint: string]> = [
  [{ max: 0 }, "max must be a whole number of at least 1, but is 0"],
  [{ max: -1 }, "max must be a whole number of at least 1, but is -1"],
  [{ max: 1.5 }, "max must be a whole number of at least 1, but is 1.5"],
  [{ max: NaN }, "max must be a whole number of at least 1, but is NaN"],
  [{ max: Infinity }, "max must be a whole number of at least 1, but is Infinity"],
  [{ max: "5" as unknown as number }, `max must be a whole number of at least 1, but is "5"`],
  [{ min: -1 }, "min must be a whole number of at least 0, but is -1"],
  [{ min: 0.5 }, "min must be a whole number of at least 0, but is 0.5"],
  [{ min: NaN }, "min must be a whole number of at least 0, but is NaN"],
  [{ min: 6 }, "min must be at most max (5), but is 6"],
  [{ max: 1 }, "min must be at most max (1), but is 2"],
  [{ min: 3, max: 2 }, "min must be at most max (2), but is 3"]
]

describe("resize to a wrong size", () => {
  it.scoped.each(wrong)(
    "(%o) dies of a RangeError that names the option, the value and the rule, and changes nothing",
    ([size, complaint]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ minConnections: 2, maxConnections: 5 })
        yield* settled
        const before = yield* pool.stats
        const cause = yield* Effect.flip(Effect.sandbox(pool.resize(size)))
        assert.isTrue(hasDies(cause))
        const defect = Cause.squash(cause)
        assert.instanceOf(defect, RangeError)
        assert.strictEqual(defect.message, `Pool.resize: ${complaint}`)
        yield* settled
        assert.deepStrictEqual([yield* pool.stats, connector.log], [before, ["open 1", "open 2"]])
      })
  )
})

describe("resize of a closed pool", () => {
  it.scoped("changes nothing", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 5 })
      yield* pool.close
      yield* pool.resize({ min: 3, max: 7 })
      yield* settled
      const { maxConnections, minConnections } = yield* pool.stats
      assert.deepStrictEqual([minConnections, maxConnections, connector.attempts], [0, 5, 0])
    }))

  it.scoped("changes nothing either while it closes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 5 })
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      yield* pool.resize({ min: 3 })
      yield* settled
      assert.deepStrictEqual([connector.attempts, (yield* pool.stats).minConnections], [1, 0])
      yield* pool.release(connection)
      yield* Fiber.join(closing)
    }))
})
