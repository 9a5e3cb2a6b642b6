import { Pool } from "@socketpool/core"
import { exitOf, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { audited, forkSettled, id, lineUp, settled, setup, warmUp } from "./setup.js"

describe("clear", () => {
  it.scoped("closes idle connections, and the next borrower gets a new one", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* warmUp(pool, 3)
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Cleared], [0, 3])
      assert.strictEqual(yield* pool.use(id), 4)
    }))

  it.scoped("leaves leased connections to their holders, and closes them when they come back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.clear
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 1)
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Cleared], [0, 1])
    }))

  it.scoped("leaves connections alone that are opened later", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* pool.clear
      yield* warmUp(pool, 2)
      assert.deepStrictEqual([connector.live, yield* pool.use(id)], [2, 2])
    }))

  it.scoped("gives up opens in flight, and those who waited for them get connections opened from now on", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 2 }, {
        open: (attempt) => attempt <= 2 ? "never" : "ok"
      })
      const { borrowers, served } = yield* lineUp(pool, ["first", "second"])
      yield* pool.clear
      yield* settled
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["first", "second"])
      const stats = yield* pool.stats
      assert.deepStrictEqual([connector.attempts, stats.opened, stats.openFailed, stats.opening], [4, 2, 2, 0])
    }))

  it.scoped("closes what an open in flight gives even so, and lends it to nobody", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? { slow: "1 second" } : "ok" })
      const pool = yield* audited(
        connector,
        Pool.make({ open: Effect.uninterruptible(connector.open), maxConnections: 1 })
      )
      const borrower = yield* forkSettled(pool.use(id))
      yield* pool.clear
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
    }))

  it.scoped("has borrowers wait for no open that has been given up, where there is room for another", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? { slow: "1 second" } : "ok" })
      const pool = yield* audited(
        connector,
        Pool.make({ open: Effect.uninterruptible(connector.open), maxConnections: 2 })
      )
      const borrower = yield* forkSettled(pool.use(id))
      yield* pool.clear
      yield* settled
      assert.isDefined(exitOf(borrower))
      yield* Fiber.join(borrower)
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("lets borrowers wait on in their order", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["first", "second", "third"])
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual([served, (yield* pool.stats).pending], [[], 3])
      yield* pool.release(connection)
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [2, 2, 2])
      assert.deepStrictEqual(served, ["first", "second", "third"])
    }))

  it.scoped("keeps a connection from a borrower to whom it was handed, but who has not taken it up yet", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.release(connection)
      yield* pool.clear
      assert.strictEqual(yield* Fiber.join(waiter), 2)
    }))

  it.scoped("keeps one from him that had just been opened for him", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const connector = ScriptedConnector.make()
      const pool = yield* audited(
        connector,
        Pool.make({ open: Effect.andThen(Deferred.await(gate), connector.open), maxConnections: 1 })
      )
      const borrower = yield* forkSettled(pool.use(id))
      // The opener goes on first, then this, then the borrower.
      yield* forkSettled(Effect.andThen(Deferred.await(gate), pool.clear))
      yield* Deferred.succeed(gate, void 0)
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
    }))

  it.scoped("closes a connection that onRelease is looking at once it has answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ onRelease: () => Effect.as(Effect.sleep("1 second"), "keep") })
      yield* pool.use(id)
      yield* pool.clear
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Cleared], [0, 1])
    }))

  it.scoped("keeps a connection in use that has room from being lent to more borrowers", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ concurrency: 3 })
      const connection = yield* pool.acquire
      yield* pool.clear
      assert.deepStrictEqual([connection.id, yield* pool.use(id)], [1, 2])
      yield* pool.release(connection)
    }))

  it.scoped("has minConnections opened anew at once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 3 })
      yield* settled
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual([connector.attempts, connector.live, yield* pool.size], [6, 3, 3])
    }))

  it.scoped("has initialConnections opened anew that were being opened", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ initialConnections: 2 }, {
        open: (attempt) => attempt <= 2 ? "never" : "ok"
      })
      yield* settled
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual([connector.attempts, yield* pool.size], [4, 2])
    }))

  it.scoped("does not call initialConnections back that have been opened", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ initialConnections: 2 })
      yield* settled
      yield* pool.clear
      yield* settled
      assert.strictEqual(yield* pool.size, 0)
    }))

  it.scoped("closes an expired connection that waits for its replacement", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 1,
        connectionTTL: "1 second",
        reapSchedule: Schedule.spaced("1 second")
      }, { open: (attempt) => attempt === 2 ? "never" : "ok" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([connector.live, connector.attempts], [1, 2])
      yield* pool.clear
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
      assert.strictEqual(connector.attempts, 3)
    }))

  it.scoped("returns at once, however long the closes take, and within the cap", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 2 }, {
        close: (n) => n <= 2 ? { slow: "3 seconds" } : "ok"
      })
      yield* warmUp(pool, 2)
      const clearing = yield* forkSettled(pool.clear)
      assert.isDefined(exitOf(clearing))
      const borrower = yield* forkSettled(pool.use(id))
      assert.deepStrictEqual([connector.attempts, (yield* pool.stats).closing], [2, 2])
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(borrower), 3)
      assert.strictEqual(connector.peak, 2)
    }))

  it.scoped("does not reset the backoff of the fill", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1, retry: Schedule.spaced("1 minute") }, {
        open: () => "fail"
      })
      yield* settled
      for (let i = 0; i < 5; i++) yield* pool.clear
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(connector.attempts, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.attempts, 2)
    }))

  it.scoped("called twice closes each connection once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.use(id)
      yield* pool.clear
      yield* pool.clear
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual([connector.closed, (yield* pool.stats).closed.Cleared], [2, 2])
    }))

  it.scoped("does nothing while the pool closes, nor once it has closed", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1 })
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      yield* pool.clear
      assert.strictEqual(connector.live, 1)
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      yield* pool.clear
      yield* settled
      const { closed } = yield* pool.stats
      assert.deepStrictEqual([connector.attempts, closed.Cleared, closed.PoolClosed], [1, 0, 1])
    }))

  // F17
  it.scoped("never lets more connections live than maxConnections, whoever borrows meanwhile", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 4 }, {
        open: (attempt) => ({ slow: attempt % 3 }),
        close: (n) => ({ slow: n % 4 })
      })
      const borrowers = yield* fork(Effect.forEach(
        Array.from({ length: 60 }, (_, n) => n),
        (n) => pool.use(() => Effect.sleep(n % 5)),
        { concurrency: 12 }
      ))
      const cleared: Array<string> = []
      for (let i = 0; i < 200 && exitOf(borrowers) === undefined; i++) {
        if (i % 5 === 0) yield* pool.clear
        yield* TestClock.adjust(1)
        cleared.push(...connector.audit(yield* pool.stats))
      }
      yield* Fiber.join(borrowers)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(cleared, [])
      assert.isAtLeast((yield* pool.stats).closed.Cleared, 4)
    }))
})
