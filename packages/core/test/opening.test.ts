import { Pool } from "@socketpool/core"
import { exitOf, TestClock, wasInterrupted, withScheduler } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector, SteppingScheduler } from "@socketpool/testing"
import { Effect, Fiber, Option } from "effect"
import { audited, crowd, failLate, forkSettled, id, settled, setup } from "./setup.js"

/** A pool of connections that are all the same value. */
const setupValues = <V>(value: V) => {
  const connector = ScriptedConnector.make()
  return audited(connector, Pool.make({ open: Effect.as(connector.open, value) }))
}

describe("opening", () => {
  it.scoped("begins when somebody borrows", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 0)
      yield* pool.use(id)
      assert.strictEqual(connector.attempts, 1)
    }))

  // F20, H3: memory bounds
  it.scoped("has no more than 4 connections in flight unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 100 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* crowd(pool, 100)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.peakOpening, 4)
    }))

  // F20
  it.scoped("has no more than maxConnecting connections in flight", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 100, maxConnecting: 7 }, {
        open: () => ({ slow: "1 second" })
      })
      const borrowers = yield* crowd(pool, 100)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.peakOpening, 7)
    }))

  it.scoped("opens no more connections than there are borrowers", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnecting: 100 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* crowd(pool, 3)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.attempts, 3)
    }))

  describe("a borrower that goes away while its connection is opened", () => {
    // F3
    it.scoped("is interrupted at once, and the connection becomes idle", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
        const borrower = yield* forkSettled(pool.use(id))
        yield* Fiber.interrupt(borrower)
        const exit = exitOf(borrower)!
        assert.isTrue(wasInterrupted(exit))
        assert.strictEqual((yield* pool.stats).opening, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pool.stats).idle, 1)
        assert.strictEqual(yield* pool.use(id), 1)
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("leaves its open to the next waiter", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
        const first = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(first)
        const second = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* Fiber.join(second), 1)
        assert.strictEqual(connector.attempts, 1)
      }))

    // F3
    it.scoped("ends by Effect.timeout although the open hangs and cannot be interrupted", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({}, { open: () => "stuck" })
        const borrower = yield* forkSettled(Effect.timeoutOption(pool.use(id), "200 millis"))
        yield* TestClock.adjust("200 millis")
        assert.isTrue(Option.isNone(yield* Fiber.join(borrower)))
        yield* TestClock.adjust("10 seconds")
      }))

    // F10
    it.scoped("having timed out, leaves a connection that the next borrower gets without waiting", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1, acquireTimeout: "100 millis" }, {
          open: () => ({ slow: "300 millis" })
        })
        const first = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("100 millis")
        assert.strictEqual((yield* Fiber.join(first))._tag, "PoolExhaustedError")
        yield* TestClock.adjust("200 millis")
        assert.strictEqual((yield* pool.stats).idle, 1)
        const connection = yield* pool.acquireWith({ timeout: 0 })
        yield* pool.release(connection)
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("leaves nothing behind when the open fails without it", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: () => ({ slow: "1 second" }) })
        const pool = yield* audited(connector, Pool.make({ open: failLate(connector) }))
        const borrower = yield* forkSettled(pool.use(id))
        yield* Fiber.interrupt(borrower)
        yield* TestClock.adjust("1 second")
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.opening, stats.idle, stats.openFailed, connector.live], [0, 0, 1, 0])
      }))
  })

  describe("opens that give equal values", () => {
    it.scoped("give as many connections", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        const ids = yield* pool.use((outer) => pool.use((inner) => Effect.succeed([outer, inner])))
        assert.deepStrictEqual(ids, ["x", "x"])
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("can be released as often as they were acquired", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        const leased = [yield* pool.acquire, yield* pool.acquire]
        yield* Effect.forEach(leased, (value) => pool.release(value))
        assert.strictEqual((yield* Effect.flip(pool.release("x")))._tag, "ConnectionNotFoundError")
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("can be dropped as often as there are connections", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        yield* pool.use(() => pool.use(() => Effect.void))
        yield* pool.drop("x")
        yield* pool.drop("x")
        assert.strictEqual((yield* Effect.flip(pool.drop("x")))._tag, "ConnectionNotFoundError")
        yield* settled
        assert.strictEqual((yield* pool.stats).closed.Dropped, 2)
      }))

    it.scoped("are all given back, whichever of them are leased by scope and whichever by hand", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        yield* pool.use(() => Effect.flatMap(pool.acquire, (value) => pool.release(value)))
        yield* Effect.flatMap(pool.acquire, (value) => Effect.andThen(pool.use(() => Effect.void), pool.release(value)))
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("may be undefined", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues(undefined)
        const value = yield* pool.acquire
        yield* pool.drop(value)
        yield* settled
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.opened, stats.closed.Dropped], [1, 1])
        assert.strictEqual((yield* Effect.flip(pool.release(undefined)))._tag, "ConnectionNotFoundError")
      }))
  })
})

describe("a connection that ends between its open and its borrower's next step", () => {
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await new Promise<void>((next) => queueMicrotask(next))
  }

  it.scoped.each(["Disconnected", "Desync"] as const)(
    "is lent even so, as the next would most likely end the same way: %s",
    (reason) =>
      Effect.gen(function*() {
        for (let at = 0;; at++) {
          const { connector, pool } = yield* setup({ maxConnections: 1, closed: () => Effect.succeed(reason) })
          const scheduler = SteppingScheduler.make()
          const watch = scheduler.watch("all", { at, aside: (goOn) => void turns(200).then(goOn) })
          const lent = yield* withScheduler(pool.use((connection) => Effect.succeed(connection.id)), scheduler)
          yield* settled
          assert.deepStrictEqual([at, lent, connector.attempts], [at, 1, 1])
          assert.strictEqual((yield* pool.stats).closed[reason], 1)
          if (!watch.reached) break
        }
      })
  )
})
