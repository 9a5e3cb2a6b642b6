import { type CloseReason, PoolExhaustedError } from "@socketpool/core"
import { exitOf, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { forkSettled, id, lineUp, settled } from "./setup.js"
import { borrow, hanging, leaveIdle, setupAsking } from "./validation.js"

describe("a borrower whose connection is being asked", () => {
  it.scoped("waits no longer than its own deadline", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(() => Effect.never, { validateTimeout: "1 minute", maxConnections: 1 })
      yield* leaveIdle(pool, 1)
      const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(exitOf(borrower))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(borrower)
      assert.instanceOf(error, PoolExhaustedError)
      assert.deepStrictEqual([error.reason, error.waitedMillis], ["Timeout", 10_000])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.stats).closed.Invalid, 1)
    }))

  it.scoped("is served by a connection that comes back before the answer", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(hanging([1]), { order: "fifo" })
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(first)
      yield* TestClock.adjust("1 second")
      const borrower = yield* borrow(pool)
      assert.deepStrictEqual([exitOf(borrower), (yield* pool.stats).validating], [undefined, 1])
      yield* pool.release(second)
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      assert.strictEqual(connector.attempts, 2)
      yield* TestClock.adjust("2 seconds")
    }))

  it.scoped("is not overtaken by a newcomer", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<boolean>()
      const { pool } = yield* setupAsking(() => Deferred.await(gate), { maxConnections: 1 })
      yield* leaveIdle(pool, 1)
      const { borrowers, served } = yield* lineUp(pool, ["first", "second", "third"])
      assert.deepStrictEqual(served, [])
      yield* Deferred.succeed(gate, true)
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["first", "second", "third"])
    }))

  it.scoped("is served by whichever answers first, and before those who came later", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking((c) => Effect.as(Effect.sleep(c.id === 2 ? 200 : 100), true))
      yield* leaveIdle(pool, 2)
      const first = yield* forkSettled(pool.acquire)
      const second = yield* borrow(pool)
      yield* TestClock.adjust("100 millis")
      const connection = yield* Fiber.join(first)
      assert.deepStrictEqual([connection.id, exitOf(second)], [1, undefined])
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Fiber.join(second), 2)
      yield* pool.release(connection)
    }))

  it.scoped("does not wait beside an idle connection that need not be asked", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(hanging([1]), { order: "fifo" })
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(first)
      yield* TestClock.adjust("1 second")
      yield* pool.release(second)
      const borrower = yield* borrow(pool)
      assert.isDefined(exitOf(borrower))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* TestClock.adjust("2 seconds")
    }))

  it.scoped("does not wait beside a connection in use that has room", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(hanging([1]), { order: "fifo", concurrency: 2 })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      assert.deepStrictEqual(leased.map((connection) => connection.id), [1, 1, 2])
      yield* pool.release(leased[0])
      yield* pool.release(leased[1])
      yield* TestClock.adjust("1 second")
      const borrower = yield* borrow(pool)
      assert.isDefined(exitOf(borrower))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* pool.release(leased[2])
      yield* TestClock.adjust("2 seconds")
    }))

  it.scoped("is served by one of as many leases as the connection is good for", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true), {
        concurrency: 3
      })
      yield* leaveIdle(pool, 4)
      const borrowers = yield* Effect.forEach([1, 2, 3], () => borrow(pool))
      assert.deepStrictEqual([asked.length, connector.attempts], [1, 2])
      yield* TestClock.adjust("1 second")
      const lent = yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(new Set(lent), new Set(asked))
    }))
})

/** The events that can end a connection while it is being asked. */
const ends: ReadonlyArray<readonly [what: string, reason: CloseReason, end: End]> = [
  ["the peer goes", "Disconnected", ({ connector }) => Effect.sync(() => connector.connection(1).kill())],
  ["somebody drops it", "Dropped", ({ connector, pool }) => pool.drop(connector.connection(1))],
  ["somebody invalidates it", "Invalid", ({ connector, pool }) => pool.invalidate(connector.connection(1))],
  ["somebody clears the pool", "Cleared", ({ pool }) => pool.clear]
]
type Made = Effect.Effect.Success<ReturnType<typeof setupAsking>>
type End = (made: Made) => Effect.Effect<void, unknown>

describe("while a connection is being asked", () => {
  it.scoped.each(ends)(
    "and %s, it closes as %s, and its borrower gets another",
    ([_, reason, end]) =>
      Effect.gen(function*() {
        const made = yield* setupAsking(hanging([1]), { closed: (c) => c.closed, maxConnections: 1 })
        yield* leaveIdle(made.pool, 1)
        const borrower = yield* borrow(made.pool)
        yield* end(made)
        yield* settled
        assert.strictEqual(yield* Fiber.join(borrower), 2)
        assert.deepStrictEqual(made.connector.log, ["open 1", "close 1", "open 2"])
        assert.strictEqual((yield* made.pool.stats).closed[reason], 1)
      })
  )

  // F11
  it.scoped.each(ends)(
    "and %s (%s), its borrower does not wait for it to close where there is room for another",
    ([_, __, end]) =>
      Effect.gen(function*() {
        const made = yield* setupAsking(hanging([1]), { closed: (c) => c.closed, maxConnections: 2 }, {
          close: () => ({ slow: "3 seconds" })
        })
        yield* leaveIdle(made.pool, 1)
        const borrower = yield* borrow(made.pool)
        yield* end(made)
        yield* settled
        assert.isDefined(exitOf(borrower))
        assert.strictEqual(yield* Fiber.join(borrower), 2)
        yield* TestClock.adjust("3 seconds")
      })
  )

  it.scoped("and it is found unfit when it has answered, it is not lent", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(
        (connection) => Effect.as(Effect.sync(() => connection.id === 1 && connection.kill()), true),
        { isConnected: (c) => c.alive, maxConnections: 2 },
        { close: () => ({ slow: "3 seconds" }) }
      )
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      assert.isDefined(exitOf(borrower))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Disconnected], [1, 1])
    }))

  it.scoped("and connectionTTL ends, it is not lent", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true), {
        connectionTTL: "1500 millis"
      })
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("and the pool closes, it closes and its borrower hears of it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(() => Effect.never)
      yield* leaveIdle(pool, 1)
      const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* pool.close
      assert.strictEqual((yield* Fiber.join(borrower))._tag, "PoolClosedError")
      assert.deepStrictEqual([connector.log, connector.live], [["open 1", "close 1"], 0])
    }))

  it.scoped("and it closes, the question is interrupted", () =>
    Effect.gen(function*() {
      const interrupted: Array<number> = []
      const { connector, pool } = yield* setupAsking((c) =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(c.id)))
      )
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      yield* pool.drop(connector.connection(1))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      assert.deepStrictEqual(interrupted, [1])
    }))

  it.scoped("and it closes, an answer that comes even so changes nothing", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<boolean>()
      const { connector, pool } = yield* setupAsking((connection) =>
        connection.id === 1 ? Effect.uninterruptible(Deferred.await(gate)) : Effect.succeed(true)
      )
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      yield* pool.drop(connector.connection(1))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* Deferred.succeed(gate, true)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).idle], [1, 1])
    }))
})
