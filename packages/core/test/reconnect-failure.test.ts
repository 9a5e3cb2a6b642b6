import { type ConnectionPool, PoolExhaustedError } from "@socketpool/core"
import { exitOf, provideScope, stop, TestClock, wasInterrupted } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type Connection, forkSettled, id, lineUp, type Options, type Script, settled, setup } from "./setup.js"

/** A pool with room for one connection, which is leased by hand. */
const setupLeased = (script: Script, options: Options = {}) =>
  Effect.gen(function*() {
    const made = yield* setup({ maxConnections: 1, ...options }, script)
    return { ...made, old: yield* made.pool.acquire }
  })

/** Asserts that nobody holds this lease any more, that its place is free, and that the old connection has closed. */
const assertEnded = <E>(pool: ConnectionPool<Connection, E>, old: Connection) =>
  Effect.gen(function*() {
    yield* settled
    assert.strictEqual((yield* Effect.flip(pool.release(old)))._tag, "ConnectionNotFoundError")
    const { closed, closing, inUse, leased, reconnecting } = yield* pool.stats
    assert.deepStrictEqual([closing, inUse, leased, reconnecting], [0, 0, 0, 0])
    assert.deepStrictEqual([old.alive, closed.Dropped], [false, 1])
    yield* pool.use(id)
  })

const secondFails: Script = { open: (attempt) => attempt === 2 ? "fail" : "ok" }

describe("a reconnect", () => {
  it.scoped("whose open fails, fails with the connector's own error, and the lease has ended", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased(secondFails)
      const error = yield* Effect.flip(pool.reconnect(old))
      assert.deepInclude(error, { _tag: "ScriptedOpenError", attempt: 2 })
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      yield* assertEnded(pool, old)
    }))

  it.scoped("whose open fails leaves nothing to do for the end of the scope", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 }, secondFails)
      yield* Effect.scoped(Effect.flatMap(pool.get, (old) => Effect.flip(pool.reconnect(old))))
      assert.deepStrictEqual([(yield* pool.stats).leased, connector.closed, yield* pool.use(id)], [0, 1, 2])
    }))

  it.scoped("whose open fails leaves nothing to do for the end of use", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 }, secondFails)
      yield* pool.use((old) => Effect.flip(pool.reconnect(old)))
      assert.deepStrictEqual([(yield* pool.stats).leased, connector.closed, yield* pool.use(id)], [0, 1, 2])
    }))

  it.scoped("whose open fails leaves those who wait in the queue to be served", () =>
    Effect.gen(function*() {
      const { old, pool } = yield* setupLeased(secondFails)
      const { borrowers } = yield* lineUp(pool, ["first", "second"])
      yield* Effect.flip(pool.reconnect(old))
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [2, 2])
    }))

  it.scoped("whose open dies, dies, and the lease has ended", () =>
    Effect.gen(function*() {
      const { old, pool } = yield* setupLeased({ open: (attempt) => attempt === 2 ? "die" : "ok" })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(pool.reconnect(old))))
      yield* assertEnded(pool, old)
    }))

  it.scoped("whose open hangs, fails after connectTimeout", () =>
    Effect.gen(function*() {
      const { old, pool } = yield* setupLeased({ open: (attempt) => attempt === 2 ? "never" : "ok" })
      const moving = yield* forkSettled(Effect.flip(pool.reconnect(old)))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(moving))._tag, "ConnectTimeoutError")
      yield* assertEnded(pool, old)
    }))

  it.scoped("that takes longer than acquireTimeout fails, and what was being opened serves others", () =>
    Effect.gen(function*() {
      const { old, pool } = yield* setupLeased(
        { open: (attempt) => attempt === 2 ? { slow: "3 seconds" } : "ok" },
        { acquireTimeout: "2 seconds" }
      )
      const moving = yield* forkSettled(Effect.flip(pool.reconnect(old)))
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(exitOf(moving))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(moving)
      assert.instanceOf(error, PoolExhaustedError)
      assert.deepStrictEqual([error.reason, error.waitedMillis], ["Timeout", 2000])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* pool.stats).idle, 1)
      yield* assertEnded(pool, old)
    }))

  it.scoped("that waits for room beside a shared connection fails after acquireTimeout", () =>
    Effect.gen(function*() {
      const { old, pool } = yield* setupLeased({}, { concurrency: 2 })
      const other = yield* Fiber.join(yield* forkSettled(pool.acquire))
      const moving = yield* forkSettled(Effect.flip(pool.reconnect(old)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(moving))._tag, "PoolExhaustedError")
      const { leased, reconnecting } = yield* pool.stats
      assert.deepStrictEqual([leased, reconnecting], [1, 0])
      yield* pool.release(other)
      yield* assertEnded(pool, old)
    }))

  it.scoped("that is interrupted ends the lease at once, and what was being opened serves others", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased({
        open: (attempt) => attempt === 2 ? { slow: "1 second" } : "ok"
      })
      const moving = yield* forkSettled(pool.reconnect(old))
      const waiter = yield* forkSettled(pool.use(id))
      yield* Fiber.interrupt(moving)
      assert.deepStrictEqual([(yield* pool.stats).leased, (yield* pool.stats).pending], [0, 1])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(waiter), connector.attempts], [2, 2])
      yield* assertEnded(pool, old)
    }))

  it.scoped("that is interrupted when it has been served but does not know yet gives the new connection back", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased({
        open: (attempt) => attempt === 2 ? { slow: "1 second" } : "ok"
      })
      const moving = yield* forkSettled(pool.reconnect(old))
      // The opener's sleep ends first, then this one, then the fiber goes on that is served.
      yield* forkSettled(Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => stop(moving))))
      yield* TestClock.adjust("1 second")
      assert.isTrue(wasInterrupted(yield* Fiber.await(moving)))
      assert.deepStrictEqual([connector.live, (yield* pool.stats).leased], [1, 0])
    }))

  it.scoped("ends with PoolClosedError when the pool closes meanwhile, and the lease has ended", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased({ open: (attempt) => attempt === 2 ? "never" : "ok" })
      const moving = yield* forkSettled(Effect.flip(pool.reconnect(old)))
      yield* pool.close
      assert.strictEqual((yield* Fiber.join(moving))._tag, "PoolClosedError")
      assert.deepStrictEqual([connector.live, (yield* pool.stats).leased], [0, 0])
    }))

  it.scoped("of a closing pool fails with PoolClosedError and changes nothing", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased({})
      const closing = yield* forkSettled(pool.close)
      assert.strictEqual((yield* Effect.flip(pool.reconnect(old)))._tag, "PoolClosedError")
      assert.deepStrictEqual([old.alive, (yield* pool.stats).leased, connector.attempts], [true, 1, 1])
      yield* pool.release(old)
      yield* Fiber.join(closing)
    }))

  it.scoped("of a closing pool leaves the lease to its scope", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const scope = yield* Scope.make()
      const old = yield* provideScope(pool.get, scope)
      const closing = yield* forkSettled(pool.close)
      yield* Effect.flip(pool.reconnect(old))
      assert.isUndefined(exitOf(closing))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(closing)
    }))

  it.scoped("after drop finds no lease", () =>
    Effect.gen(function*() {
      const { connector, old, pool } = yield* setupLeased({})
      yield* pool.drop(old)
      assert.strictEqual((yield* Effect.flip(pool.reconnect(old)))._tag, "ConnectionNotFoundError")
      assert.strictEqual(connector.attempts, 1)
    }))
})
