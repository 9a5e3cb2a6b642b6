import { exitOf, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { id, settled, warmUp } from "./setup.js"
import { borrow, hanging, leaveIdle, setupAsking } from "./validation.js"

const thrower = (): never => {
  throw new Error("thrown by validate")
}

const refusals: ReadonlyArray<readonly [string, () => Effect.Effect<boolean, unknown>]> = [
  ["answers false", () => Effect.succeed(false)],
  ["fails", () => Effect.fail("typed")],
  ["dies", () => Effect.die("defect")],
  ["throws", thrower],
  ["interrupts itself", () => Effect.interrupt],
  ["answers anything but true", () => Effect.succeed("yes" as unknown as boolean)]
]

describe("a connection about which validate", () => {
  // F23
  it.scoped.each(refusals)(
    "%s closes, and its borrower gets another",
    ([_, refusal]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setupAsking(
          (connection) => connection.id === 1 ? refusal() : Effect.succeed(true),
          { maxConnections: 1 }
        )
        yield* leaveIdle(pool, 1)
        assert.strictEqual(yield* pool.use(id), 2)
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.closed.Invalid, stats.idle, stats.validating], [1, 1, 0])
        assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
      })
  )

  // F23
  it.scoped("hangs closes after two seconds, and its borrower gets another", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(hanging([1]), { maxConnections: 1 })
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(connector.log, ["open 1"])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
      assert.strictEqual((yield* pool.stats).closed.Invalid, 1)
    }))

  // F23
  it.scoped("cannot be interrupted closes after validateTimeout, and its place is free", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<boolean>()
      const { connector, pool } = yield* setupAsking(
        (connection) => connection.id === 1 ? Effect.uninterruptible(Deferred.await(gate)) : Effect.succeed(true),
        { maxConnections: 1, validateTimeout: "500 millis" }
      )
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* Deferred.succeed(gate, true)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).idle], [1, 1])
    }))

  it.scoped("says no does not keep its borrower waiting for the close where there is room for another", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking((c) => Effect.succeed(c.id !== 1), { maxConnections: 2 }, {
        close: () => ({ slow: "3 seconds" })
      })
      yield* leaveIdle(pool, 1)
      const borrower = yield* borrow(pool)
      assert.isDefined(exitOf(borrower))
      assert.strictEqual(yield* Fiber.join(borrower), 2)
      yield* TestClock.adjust("3 seconds")
    }))

  it.scoped("says no when its borrower has gone closes, and another is opened only for the floor", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<boolean>()
      const { connector, pool } = yield* setupAsking(() => Deferred.await(gate), { minConnections: 1 })
      yield* settled
      yield* leaveIdle(pool, 2)
      yield* Fiber.interrupt(yield* borrow(pool))
      yield* Deferred.succeed(gate, false)
      yield* settled
      assert.deepStrictEqual([connector.attempts, yield* pool.size], [3, 1])
    }))
})

describe("the first connection that does not answer", () => {
  // F28
  it.scoped("takes all idle ones as old as it along, so that ten of them cost one validateTimeout", () =>
    Effect.gen(function*() {
      const old = Array.from({ length: 10 }, (_, i) => i + 1)
      const { asked, connector, pool } = yield* setupAsking(hanging(old), { maxConnections: 10, maxConnecting: 10 })
      yield* leaveIdle(pool, 10)
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("2 seconds")
      assert.isAbove(yield* Fiber.join(borrower), 10)
      yield* settled
      assert.deepStrictEqual([asked.length, (yield* pool.stats).closed.Invalid, connector.live], [1, 10, 1])
    }))

  // F28
  it.scoped("has ten borrowers at once served within one validateTimeout", () =>
    Effect.gen(function*() {
      const old = Array.from({ length: 10 }, (_, i) => i + 1)
      const { pool } = yield* setupAsking(hanging(old), { maxConnections: 10, maxConnecting: 10 })
      yield* leaveIdle(pool, 10)
      const first = yield* borrow(pool)
      yield* TestClock.adjust("1 second")
      const others = yield* Effect.forEach(old.slice(1), () => borrow(pool))
      assert.strictEqual((yield* pool.stats).validating, 10)
      yield* TestClock.adjust("1 second")
      const lent = yield* Fiber.joinAll([first, ...others])
      assert.isTrue(lent.every((n) => n > 10))
    }))

  // F28
  it.scoped("is not excused by one that answers at the same time: both leave, one by one", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking((c) => Effect.as(Effect.sleep(c.id === 1 ? 100 : 200), c.id !== 1))
      yield* leaveIdle(pool, 2)
      const borrowers = [yield* borrow(pool), yield* borrow(pool)]
      yield* TestClock.adjust("200 millis")
      const lent = yield* Fiber.joinAll(borrowers)
      assert.isTrue(lent.every((n) => n > 2))
      assert.strictEqual((yield* pool.stats).closed.Invalid, 2)
    }))

  // F28
  it.scoped("leaves leased ones to their holders; they are asked when they come back, and kept when they answer", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* setupAsking(hanging([2]))
      const [leased, idle] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(idle)
      yield* TestClock.adjust("1 second")
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(borrower)
      assert.deepStrictEqual([asked, connector.log.includes("close 1")], [[2], false])
      yield* pool.release(leased)
      yield* settled
      assert.deepStrictEqual([asked, connector.live, (yield* pool.stats).idle], [[2, 1], 2, 2])
      // It has answered: it counts among the new ones, and is asked no more when it comes back.
      yield* warmUp(pool, 2)
      assert.deepStrictEqual(asked, [2, 1])
    }))

  // F28
  it.scoped("has leased ones closed that do not answer when they come back; newer ones stay", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(hanging([1, 2]))
      const [leased, idle] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(idle)
      yield* TestClock.adjust("1 second")
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(borrower), 3)
      yield* pool.release(leased)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 2", "open 3", "close 1"])
      assert.deepStrictEqual([yield* pool.size, (yield* pool.stats).closed.Invalid], [1, 2])
    }))

  it.scoped("leaves those alone that are being opened", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(hanging([1]), {}, {
        open: (attempt) => attempt === 1 ? "ok" : { slow: "3 seconds" }
      })
      yield* leaveIdle(pool, 1)
      const borrowers = [yield* borrow(pool), yield* borrow(pool)]
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([connector.log, connector.attempts], [["open 1", "close 1"], 3])
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.joinAll(borrowers)
      assert.strictEqual((yield* pool.stats).closed.Invalid, 1)
    }))

  it.scoped("has a suspect one that comes back asked before it serves a waiter", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(
        (connection) => Effect.as(Effect.sleep("500 millis"), connection.id !== 2),
        { maxConnections: 2 },
        { open: (attempt) => attempt > 2 ? "never" : "ok" }
      )
      const [leased, idle] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(idle)
      yield* TestClock.adjust("1 second")
      const borrower = yield* borrow(pool)
      yield* TestClock.adjust("500 millis")
      yield* pool.release(leased)
      yield* TestClock.adjust("499 millis")
      assert.deepStrictEqual([asked, exitOf(borrower)], [[2, 1], undefined])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(borrower), 1)
    }))

  it.scoped("stops the others with room from being lent to more borrowers", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking((c) => Effect.succeed(c.id !== 2), { concurrency: 2, order: "fifo" })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      assert.deepStrictEqual(leased.map((connection) => connection.id), [1, 1, 2])
      yield* pool.release(leased[1])
      yield* pool.release(leased[2])
      yield* TestClock.adjust("1 second")
      // The second is asked; meanwhile the first has room.
      assert.strictEqual(yield* pool.use(id), 1)
      yield* settled
      assert.strictEqual(yield* pool.use(id), 3)
      yield* pool.release(leased[0])
      yield* settled
    }))
})
