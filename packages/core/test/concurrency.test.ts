import { Pool } from "@socketpool/core"
import { exitOf, fork, result, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Pool as EffectPool } from "effect"
import { audited, forkSettled, id, lineUp, settled, setup, type TestPool } from "./setup.js"

/** Leases so many times, one after the other; which connections were lent. */
const lend = (pool: TestPool, leases: number) =>
  Effect.forEach(Array.from({ length: leases }), () => Effect.map(pool.acquire, (connection) => connection.id))

/** Gives back one lease of the connection of each number. */
const giveBack = (made: Effect.Effect.Success<ReturnType<typeof setup>>, numbers: ReadonlyArray<number>) =>
  Effect.forEach(numbers, (n) => made.pool.release(made.connector.connection(n)), { discard: true })

describe("concurrency", () => {
  it.scoped("is how many leases one connection has at once", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 3 })
      assert.deepStrictEqual(yield* lend(made.pool, 7), [1, 1, 1, 2, 2, 2, 3])
      const { idle, inUse, leased } = yield* made.pool.stats
      assert.deepStrictEqual([idle, inUse, leased, made.connector.live], [0, 3, 7, 3])
      yield* giveBack(made, [1, 1, 1, 2, 2, 2, 3])
      const after = yield* made.pool.stats
      assert.deepStrictEqual([after.idle, after.inUse, after.leased], [3, 0, 0])
    }))

  it.scoped("lends as many at once as effect's own pool does", () =>
    Effect.gen(function*() {
      /** The most leases at once, when many want one. */
      const peak = (get: Effect.Effect<unknown, unknown, Effect.Effect.Context<typeof Effect.scope>>) =>
        Effect.gen(function*() {
          let [held, most] = [0, 0]
          const enter = Effect.sync(() => most = Math.max(most, ++held))
          const hold = Effect.scoped(Effect.andThen(get, Effect.andThen(enter, Effect.sleep("1 second"))))
          const all = yield* fork(
            Effect.forEach(Array.from({ length: 20 }), () => Effect.ensuring(hold, Effect.sync(() => held--)), {
              concurrency: "unbounded"
            })
          )
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(all)
          return most
        })
      const { pool } = yield* setup({ maxConnections: 2, concurrency: 3 })
      const theirs = yield* EffectPool.make({ acquire: Effect.void, size: 2, concurrency: 3 })
      assert.deepStrictEqual([yield* peak(pool.get), yield* peak(EffectPool.get(theirs))], [6, 6])
    }))

  it.scoped("of 1 lends every connection to one at a time", () =>
    Effect.gen(function*() {
      const made = yield* setup()
      assert.deepStrictEqual(yield* lend(made.pool, 3), [1, 2, 3])
      yield* giveBack(made, [1, 2, 3])
    }))

  it.scoped("makes a connection in use with room go before an idle one under lifo", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2, order: "lifo" })
      assert.deepStrictEqual(yield* lend(made.pool, 3), [1, 1, 2])
      yield* giveBack(made, [1, 1])
      assert.deepStrictEqual(yield* lend(made.pool, 2), [2, 1])
      yield* giveBack(made, [2, 2, 1])
    }))

  it.scoped("makes an idle connection go before one in use with room under fifo", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2, order: "fifo" })
      assert.deepStrictEqual(yield* lend(made.pool, 3), [1, 1, 2])
      yield* giveBack(made, [1, 1])
      assert.deepStrictEqual(yield* lend(made.pool, 2), [1, 2])
      yield* giveBack(made, [1, 2, 2])
    }))

  it.scoped("has as few connections opened as those who wait need", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ concurrency: 4, maxConnecting: 10 }, {
        open: () => ({ slow: "1 second" })
      })
      const { borrowers } = yield* lineUp(pool, ["a", "b", "c", "d", "e", "f", "g", "h", "i"])
      assert.strictEqual(connector.attempts, 3)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(borrowers)
      assert.strictEqual(connector.attempts, 3)
    }))

  it.scoped("has those who wait served in order by one open", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ concurrency: 3, maxConnections: 1 }, { open: () => ({ slow: "1 second" }) })
      const gate = yield* Deferred.make<void>()
      const served: Array<number> = []
      const hold = (n: number) =>
        pool.use(() => Effect.andThen(Effect.sync(() => served.push(n)), Deferred.await(gate)))
      const borrowers = yield* Effect.forEach([1, 2, 3, 4], (n) => forkSettled(hold(n)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([served, (yield* pool.stats).pending], [[1, 2, 3], 1])
      yield* Deferred.succeed(gate, void 0)
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, [1, 2, 3, 4])
    }))

  it.scoped("has an open that fails fail one of those who wait, and the others go on", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ concurrency: 5 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      const borrowers = yield* Effect.forEach([1, 2, 3, 4, 5], () => fork(result(pool.use(id))))
      const outcomes = yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(outcomes.map((outcome) => outcome._tag), [
        "Failure",
        "Success",
        "Success",
        "Success",
        "Success"
      ])
      assert.strictEqual(connector.attempts, 2)
    }))

  // F11
  it.scoped("has the others not wait for what a failed open has left behind, where there is room", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? "fail" : "ok" })
      const open = Effect.andThen(
        Effect.addFinalizer((exit) =>
          Exit.isFailure(exit) || connector.attempts === 1 ? Effect.sleep("3 seconds") : Effect.void
        ),
        connector.open
      )
      const pool = yield* audited(connector, Pool.make({ open, concurrency: 2, ttlJitter: 0 }))
      const failing = yield* fork(result(pool.use(id)))
      const other = yield* forkSettled(pool.use(id))
      assert.strictEqual((yield* Fiber.join(failing))._tag, "Failure")
      assert.isDefined(exitOf(other))
      assert.strictEqual(yield* Fiber.join(other), 1)
      yield* TestClock.adjust("3 seconds")
    }))
})

describe("a connection with several leases", () => {
  it.scoped("serves who waits as soon as one of them ends", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2, maxConnections: 1 })
      yield* lend(made.pool, 2)
      const { borrowers, served } = yield* lineUp(made.pool, ["first", "second"])
      assert.deepStrictEqual(served, [])
      yield* giveBack(made, [1])
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual([served, made.connector.attempts], [["first", "second"], 1])
      yield* giveBack(made, [1])
    }))

  it.scoped("is released once for each of them", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2 })
      yield* lend(made.pool, 2)
      yield* giveBack(made, [1, 1])
      assert.strictEqual((yield* Effect.flip(giveBack(made, [1])))._tag, "ConnectionNotFoundError")
      assert.deepStrictEqual([(yield* made.pool.stats).leased, yield* made.pool.size], [0, 1])
    }))

  it.scoped("is lent to nobody else after one after which it must not be, and closes when the last has ended", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 3 })
      yield* lend(made.pool, 2)
      yield* Effect.exit(made.pool.use(() => Effect.die("defect")))
      yield* settled
      assert.deepStrictEqual(made.connector.log, ["open 1"])
      assert.deepStrictEqual(yield* lend(made.pool, 1), [2])
      yield* giveBack(made, [1])
      yield* settled
      assert.deepStrictEqual(made.connector.live, 2)
      yield* giveBack(made, [1])
      yield* settled
      assert.deepStrictEqual(made.connector.log, ["open 1", "open 2", "close 1"])
      assert.strictEqual((yield* made.pool.stats).closed.Discarded, 1)
      yield* giveBack(made, [2])
    }))

  it.scoped("is lent to nobody else once its peer has gone, and closes when the last has ended", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2, closed: (connection) => connection.closed })
      yield* lend(made.pool, 1)
      made.connector.connection(1).kill()
      yield* settled
      assert.deepStrictEqual(yield* lend(made.pool, 1), [2])
      yield* giveBack(made, [1])
      yield* settled
      assert.deepStrictEqual([made.connector.live, (yield* made.pool.stats).closed.Disconnected], [1, 1])
      yield* giveBack(made, [2])
    }))

  it.scoped("is lent to nobody else when isConnected finds that it has gone", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2, isConnected: (connection) => connection.alive })
      yield* lend(made.pool, 1)
      made.connector.connection(1).alive = false
      assert.deepStrictEqual(yield* lend(made.pool, 1), [2])
      assert.strictEqual(made.connector.closed, 0)
      yield* giveBack(made, [1, 2])
      yield* settled
      assert.deepStrictEqual([made.connector.closed, (yield* made.pool.stats).idle], [1, 1])
    }))

  it.scoped("has them all ended by drop", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 3 })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* made.pool.get
        yield* lend(made.pool, 2)
        yield* made.pool.drop(made.connector.connection(1))
        yield* settled
        assert.deepStrictEqual([(yield* made.pool.stats).leased, made.connector.live], [0, 0])
        assert.strictEqual((yield* Effect.flip(giveBack(made, [1])))._tag, "ConnectionNotFoundError")
      }))
      assert.deepStrictEqual([made.connector.closed, (yield* made.pool.stats).closed.Dropped], [1, 1])
    }))

  it.scoped("closes by force when the drain is over", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 2 })
      yield* lend(made.pool, 2)
      const closing = yield* forkSettled(made.pool.close)
      yield* giveBack(made, [1])
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(exitOf(closing))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([made.connector.closed, (yield* made.pool.stats).leased], [1, 0])
    }))

  it.scoped("is lent only maxUses times, if that is less than concurrency", () =>
    Effect.gen(function*() {
      const made = yield* setup({ concurrency: 5, maxUses: 2 }, { open: () => ({ slow: "1 second" }) })
      const { borrowers } = yield* lineUp(made.pool, ["a", "b", "c"])
      assert.strictEqual(made.connector.attempts, 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(borrowers)
      const others = yield* fork(lend(made.pool, 3))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(others), [2, 3, 3])
      yield* giveBack(made, [2, 3, 3])
      yield* settled
      assert.deepStrictEqual([made.connector.live, (yield* made.pool.stats).closed.MaxUses], [0, 3])
    }))

  it.scoped("has onRelease asked about each of them, side by side", () =>
    Effect.gen(function*() {
      let asked = 0
      const made = yield* setup({
        concurrency: 2,
        onRelease: () => Effect.as(Effect.andThen(Effect.sync(() => asked++), Effect.sleep("1 second")), "keep")
      })
      yield* lend(made.pool, 2)
      yield* giveBack(made, [1, 1])
      yield* settled
      assert.strictEqual(asked, 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([(yield* made.pool.stats).idle, made.connector.live], [1, 1])
    }))
})
