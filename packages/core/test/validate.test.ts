import { Pool } from "@socketpool/core"
import { fork, inherited, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Fiber } from "effect"
import { audited, id, lineUp, settled } from "./setup.js"
import { borrow, hanging, leaveIdle, setupAsking } from "./validation.js"

describe("validate", () => {
  it.scoped("is asked about a connection that was idle for a second, and about none that was not", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking()
      yield* pool.use(id)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* pool.use(id), 1)
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use(id), 1)
      assert.deepStrictEqual(asked, [1])
    }))

  it.scoped("is asked about a connection that was idle for validateAfterIdle", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { validateAfterIdle: "1 minute" })
      yield* pool.use(id)
      yield* TestClock.adjust("59 seconds")
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust("60 seconds")
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [1])
    }))

  it.scoped("is asked about a connection that was never lent as about any other", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { minConnections: 1 }, {
        open: () => ({ slow: "2 seconds" })
      })
      // It is idle from the end of its open on, not from the beginning.
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* pool.use(id), 1)
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use(id), 1)
      assert.deepStrictEqual(asked, [1])
    }))

  it.scoped("is not asked about a connection that is opened for its borrower", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { validateAfterIdle: 0 })
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [])
    }))

  it.scoped("is asked before every lease when validateAfterIdle is 0, but not when one borrower follows another", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { validateAfterIdle: 0, maxConnections: 1 })
      yield* pool.use(id)
      yield* pool.use(id)
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [1, 1])
      const connection = yield* pool.acquire
      const { borrowers } = yield* lineUp(pool, ["a", "b"])
      yield* pool.release(connection)
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(asked, [1, 1, 1])
    }))

  it.scoped("is not asked when validateAfterIdle is infinite", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { validateAfterIdle: Infinity })
      yield* pool.use(id)
      yield* TestClock.adjust("599 seconds")
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [])
    }))

  it.scoped("is not asked about a connection that is unfit anyway", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* setupAsking(undefined, { isConnected: (c) => c.alive })
      yield* leaveIdle(pool, 1)
      connector.connection(1).kill()
      assert.strictEqual(yield* pool.use(id), 2)
      assert.deepStrictEqual(asked, [])
    }))

  it.scoped("is not asked about connections that nobody is to be lent", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking()
      yield* leaveIdle(pool, 3)
      yield* TestClock.adjust("100 seconds")
      yield* pool.use(id)
      assert.strictEqual(asked.length, 1)
    }))

  it.scoped("has each of several borrowers at once asked about a connection of its own", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true))
      yield* leaveIdle(pool, 5)
      const borrowers = yield* Effect.forEach([1, 2, 3], () => borrow(pool))
      assert.strictEqual((yield* pool.stats).validating, 3)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual([asked.length, connector.attempts], [3, 5])
    }))

  it.scoped("has more borrowers than connections wait for some that are opened beside", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(() => Effect.never)
      yield* leaveIdle(pool, 2)
      const borrowers = yield* Effect.forEach([1, 2, 3], () => borrow(pool))
      assert.strictEqual(connector.attempts, 3)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.joinAll(borrowers)
    }))

  it.scoped("leaves the connection that has answered idle, and as if just used", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<boolean>()
      const { asked, pool } = yield* setupAsking(() => Deferred.await(gate))
      yield* leaveIdle(pool, 1)
      yield* Fiber.interrupt(yield* borrow(pool))
      yield* Deferred.succeed(gate, true)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* pool.stats).idle, 1)
      yield* pool.use(id)
      assert.deepStrictEqual(asked, [1])
    }))

  it.scoped("is no lease: the connection is in use and nobody's while it is asked", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true))
      yield* leaveIdle(pool, 1)
      const before = yield* pool.stats
      const borrower = yield* borrow(pool)
      const { acquired, idle, inUse, leased, pending, validating } = yield* pool.stats
      assert.deepStrictEqual(
        { acquired, idle, inUse, leased, pending, validating },
        { acquired: before.acquired, idle: 0, inUse: 1, leased: 0, pending: 1, validating: 1 }
      )
      assert.strictEqual(yield* pool.size, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(borrower)
      const after = yield* pool.stats
      assert.deepStrictEqual([after.acquired, after.validating], [before.acquired + 1, 0])
    }))
})

describe("validate runs in a fiber of the pool's:", () => {
  // F58
  it.scoped("it sees the surroundings of the pool's builder, not the borrower's", () =>
    Effect.gen(function*() {
      const tenant = inherited("none")
      const seen: Array<unknown> = []
      const look = Effect.zipWith(tenant.get, Effect.option(Effect.currentSpan), (name, span) => {
        seen.push(name, span._tag)
        return true
      })
      const connector = ScriptedConnector.make()
      const pool = yield* audited(
        connector,
        tenant.with("builder")(Pool.make({ open: connector.open, validate: () => look }))
      )
      yield* leaveIdle(pool, 1)
      yield* pool.use(id).pipe(Effect.withSpan("borrower"), tenant.with("borrower"))
      assert.deepStrictEqual(seen, ["builder", "None"])
    }))

  it.scoped("an interrupted borrower leaves at once, and the question goes on for the next", () =>
    Effect.gen(function*() {
      let interrupted = false
      const { asked, connector, pool } = yield* setupAsking(() =>
        Effect.as(Effect.sleep("1 second"), true).pipe(
          Effect.onInterrupt(() => Effect.sync(() => interrupted = true))
        )
      )
      yield* leaveIdle(pool, 1)
      const first = yield* borrow(pool)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual([(yield* pool.stats).pending, interrupted], [0, false])
      const second = yield* borrow(pool)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.deepStrictEqual([asked, connector.attempts], [[1], 1])
    }))

  it.scoped("a borrower that times out leaves, and the connection is idle once it has answered", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true))
      yield* leaveIdle(pool, 1)
      const borrower = yield* fork(Effect.flip(pool.acquireWith({ timeout: "300 millis" })))
      yield* TestClock.adjust("300 millis")
      assert.strictEqual((yield* Fiber.join(borrower))._tag, "PoolExhaustedError")
      yield* TestClock.adjust("700 millis")
      assert.deepStrictEqual([(yield* pool.stats).idle, connector.attempts], [1, 1])
    }))

  it.scoped("it may use the pool itself", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const connector = ScriptedConnector.make()
      const pool = yield* audited(
        connector,
        Effect.gen(function*() {
          const itself = yield* Deferred.make<Effect.Effect<boolean>>()
          const pool = yield* Pool.make({
            open: connector.open,
            validate: () => Effect.flatten(Deferred.await(itself))
          })
          yield* Deferred.succeed(itself, Effect.isSuccess(pool.use((c) => Effect.sync(() => seen.push(c.id)))))
          return pool
        })
      )
      yield* leaveIdle(pool, 1)
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.deepStrictEqual([seen, yield* pool.size], [[2], 2])
    }))
})

describe("a borrower that does not wait", () => {
  it.scoped("is turned away when the idle connection must be asked, which then serves the next", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupAsking(() => Effect.as(Effect.sleep("1 second"), true))
      yield* leaveIdle(pool, 1)
      const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      assert.deepInclude(error, { _tag: "PoolExhaustedError", reason: "NoWait" })
      yield* TestClock.adjust("1 second")
      const connection = yield* pool.acquireWith({ timeout: 0 })
      assert.deepStrictEqual([connection.id, connector.attempts], [1, 1])
      yield* pool.release(connection)
    }))

  it.scoped("is served within a second after the answer, also when validateAfterIdle is 0", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* setupAsking(undefined, { validateAfterIdle: 0 })
      yield* pool.use(id)
      yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      yield* TestClock.adjust("999 millis")
      yield* Effect.flatMap(pool.acquireWith({ timeout: 0 }), (connection) => pool.release(connection))
      assert.deepStrictEqual(asked, [1])
      // It was lent meanwhile: its answer is used up.
      yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      yield* settled
      assert.deepStrictEqual(asked, [1, 1, 1])
    }))

  it.scoped("gets an idle connection that need not be asked, although another must be", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupAsking(hanging([1]), { order: "fifo" })
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(first)
      yield* TestClock.adjust("1 second")
      yield* pool.release(second)
      const lent = yield* pool.acquireWith({ timeout: 0 })
      assert.strictEqual(lent.id, 2)
      yield* pool.release(lent)
      yield* TestClock.adjust("2 seconds")
    }))
})
