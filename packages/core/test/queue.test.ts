import { exitOf, fork, stop, TestClock, wasInterrupted, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { type Connection, forkSettled, id, lineUp, settled, setup, type TestPool, warmUp } from "./setup.js"

const names = ["a", "b", "c", "d", "e"] as const

describe("the queue", () => {
  it.scoped("hands a released connection to the oldest waiter", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, names)
      assert.strictEqual((yield* pool.stats).pending, 5)
      yield* pool.release(connection)
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["a", "b", "c", "d", "e"])
      assert.strictEqual(connector.attempts, 1)
    }))

  it.scoped("hands newly opened connections to the oldest waiters", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnecting: 1 }, { open: () => ({ slow: "1 second" }) })
      const { borrowers, served } = yield* lineUp(pool, names)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["a", "b", "c", "d", "e"])
    }))

  // F7
  it.scoped("gives the next lease to the waiter when the holder asks again at once", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const leases: Array<string> = []
      const hot = yield* fork(
        Effect.forEach(Array.from({ length: 10 }), () =>
          pool.use(() => Effect.andThen(Effect.sync(() => leases.push("hot")), yieldNow)))
      )
      yield* yieldNow
      const waiter = yield* fork(pool.use(() =>
        Effect.sync(() => leases.push("waiter"))
      ))
      yield* Fiber.join(waiter)
      yield* Fiber.join(hot)
      assert.isAtMost(leases.indexOf("waiter"), 2)
      assert.strictEqual(leases.length, 11)
    }))

  // F7
  it.scoped("serves borrowers that compete for one connection alike", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const leases = Array.from({ length: 50 }, () => 0)
      let left = 5000
      const lease = (borrower: number) => pool.use(() => Effect.sync(() => [left--, leases[borrower]!++]))
      yield* Effect.forEach(leases, (_, borrower) => Effect.repeat(lease(borrower), { while: () => left > 0 }), {
        concurrency: "unbounded"
      })
      assert.isAtMost(Math.max(...leases) / Math.min(...leases), 1.5)
    }))

  // F7, G7: newcomer vs waiters
  it.scoped("lets no newcomer overtake a waiter that has been served and not resumed yet", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["waiter"])
      yield* pool.release(connection)
      // The waiter's fiber has had no turn since then.
      yield* pool.use(() => Effect.sync(() => served.push("newcomer")))
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["waiter", "newcomer"])
    }))

  // F20
  it.scoped("serves a waiter with a returned connection before its own open has ended", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 2 }, {
        open: (attempt) => attempt === 1 ? "ok" : { slow: "1 second" }
      })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      assert.strictEqual((yield* pool.stats).opening, 1)
      yield* pool.release(connection)
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2"])
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))

  describe("interrupted waiters", () => {
    // F4
    it.scoped.each([0, 1, 2, 3, 4])(
      "leave the queue at once and its order as it is: number %i of 5",
      (position) =>
        Effect.gen(function*() {
          const { pool } = yield* setup({ maxConnections: 1 })
          const connection = yield* pool.acquire
          const { borrowers, served } = yield* lineUp(pool, names)
          yield* Fiber.interrupt(borrowers[position]!)
          assert.strictEqual((yield* pool.stats).pending, 4)
          yield* pool.release(connection)
          yield* Fiber.awaitAll(borrowers)
          assert.deepStrictEqual(served, names.filter((_, i) => i !== position))
        })
    )

    // F8
    it.scoped("pass on to the next waiter what they were handed", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const { borrowers, served } = yield* lineUp(pool, ["interrupted", "next"])
        yield* pool.release(connection)
        yield* Effect.sync(() => stop(borrowers[0]!))
        yield* Fiber.awaitAll(borrowers)
        assert.deepStrictEqual(served, ["next"])
        assert.deepStrictEqual(connector.log, ["open 1"])
      }))

    // F8
    it.scoped("give back what they were handed when nobody else waits", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const { borrowers } = yield* lineUp(pool, ["interrupted"])
        yield* pool.release(connection)
        yield* Effect.sync(() => stop(borrowers[0]!))
        yield* Fiber.await(borrowers[0]!)
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [1, 0])
      }))

    it.scoped("end when the last of them is interrupted, and leave the pool able to lend", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const { borrowers } = yield* lineUp(pool, names)
        yield* Effect.forEach(borrowers, Fiber.interrupt, { discard: true })
        const exits = yield* Effect.forEach(borrowers, Fiber.await)
        assert.isTrue(exits.every(wasInterrupted))
        assert.strictEqual((yield* pool.stats).pending, 0)
        yield* pool.release(connection)
        assert.strictEqual(yield* pool.use(id), 1)
      }))
  })

  // F9
  it.scoped("keeps a connection that is released after its waiter has timed out", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1, acquireTimeout: "100 millis" })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.flip(pool.acquire))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "PoolExhaustedError")
      yield* pool.release(connection)
      assert.strictEqual(yield* pool.use(() => Effect.map(pool.stats, (stats) => stats.inUse)), 1)
      assert.strictEqual(connector.attempts, 1)
    }))

  describe("opens a connection for a waiter at once when the one in use", () => {
    const endings: ReadonlyArray<
      readonly [string, (pool: TestPool, connection: Connection) => Effect.Effect<unknown>]
    > = [
      ["is dropped", (pool, connection) => Effect.orDie(pool.drop(connection))],
      ["was invalidated and comes back", (pool, connection) => pool.invalidate(connection)],
      ["comes back disconnected", (_, connection) => Effect.sync(connection.kill)],
      ["comes back unclean", () => Effect.die("defect")]
    ]
    // F11
    it.scoped.each(endings)("%s", ([_, end]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1, isConnected: (connection) => connection.alive })
        const gate = yield* Deferred.make<void>()
        const holder = yield* forkSettled(
          pool.use((connection) => Effect.andThen(Deferred.await(gate), end(pool, connection)))
        )
        const waiter = yield* forkSettled(pool.use(id))
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(waiter), 2)
        yield* Fiber.await(holder)
        assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
      }))
  })

  // F12
  it.scoped("makes a waiter wait for a close that is under way, because its connection counts until then", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 }, { close: () => ({ slow: "1 second" }) })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.drop(connection)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(connector.attempts, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(waiter), 2)
    }))

  describe("a waiter whose connection is dropped before it resumes", () => {
    it.scoped("is served before all that came later", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const { borrowers, served } = yield* lineUp(pool, names)
        yield* pool.release(connection)
        yield* pool.drop(connection)
        yield* Fiber.joinAll(borrowers)
        assert.deepStrictEqual(served, ["a", "b", "c", "d", "e"])
      }))

    it.scoped("keeps its place among others to whom that happens", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 2, maxConnecting: 1 })
        const connections = [yield* pool.acquire, yield* pool.acquire]
        const { borrowers, served } = yield* lineUp(pool, names)
        yield* Effect.forEach(connections, (connection) => pool.release(connection))
        yield* Effect.forEach(connections, (connection) => pool.drop(connection))
        yield* Fiber.joinAll(borrowers)
        assert.deepStrictEqual(served, ["a", "b", "c", "d", "e"])
      }))

    // F6
    it.scoped("keeps its deadline", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" }, {
          open: (attempt) => attempt === 1 ? "ok" : { slow: "4 seconds" }
        })
        const connection = yield* pool.acquire
        const waiter = yield* forkSettled(Effect.flip(pool.acquire))
        yield* TestClock.adjust("900 millis")
        yield* pool.release(connection)
        yield* pool.drop(connection)
        yield* TestClock.adjust("99 millis")
        assert.strictEqual(exitOf(waiter), undefined)
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(waiter)
        assert.strictEqual(error._tag === "PoolExhaustedError" && error.waitedMillis, 1000)
        yield* TestClock.adjust("4 seconds")
      }))
  })

  it.scoped("serves a thousand waiters that come at once", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 3 })
      yield* Effect.forEach(Array.from({ length: 1000 }), () => pool.use(id), {
        concurrency: "unbounded",
        discard: true
      })
      const stats = yield* pool.stats
      assert.strictEqual(stats.acquired, 1000)
      assert.isAtMost(stats.opened, 3)
    }))

  it.scoped("has nobody wait beside an idle connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 3 })
      yield* warmUp(pool, 3)
      const seen: Array<boolean> = []
      yield* Effect.forEach(
        Array.from({ length: 100 }),
        () =>
          pool.use(() =>
            Effect.andThen(
              yieldNow,
              Effect.map(pool.stats, ({ idle, pending }) => seen.push(idle > 0 && pending > 0))
            )
          ),
        { concurrency: "unbounded" }
      )
      yield* settled
      assert.deepStrictEqual(seen.filter(Boolean), [])
    }))

  it.scoped("gives a waiter that loses what it was handed a connection that has become idle meanwhile", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, { open: (attempt) => attempt > 2 ? "never" : "ok" })
      const first = yield* pool.acquire
      const second = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.release(first)
      yield* pool.drop(first)
      yield* pool.release(second)
      yield* settled
      assert.strictEqual(exitOf(waiter)?._tag, "Success")
    }))
})
