import { Pool, PoolClosedError } from "@socketpool/core"
import { exitOf, fork, provideScope, TestClock, wasInterrupted } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber, Scope } from "effect"
import { assertEndsAfter, audited, forkSettled, id, lineUp, settled, setup, warmUp } from "./setup.js"

describe("close", () => {
  // F50
  it.scoped("closes idle connections", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* warmUp(pool, 3)
      yield* pool.close
      assert.deepStrictEqual([connector.live, connector.closed], [0, 3])
      assert.strictEqual((yield* pool.stats).closed.PoolClosed, 3)
    }))

  it.scoped("is what closing the pool's scope does", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const scope = yield* Scope.make()
      const pool = yield* audited(connector, provideScope(Pool.make({ open: connector.open }), scope))
      yield* pool.use(id)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(connector.live, 0)
      assert.strictEqual((yield* Effect.flip(pool.use(id)))._tag, "PoolClosedError")
    }))

  it.scoped("of a pool that opened nothing ends at once", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.close
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.opened, yield* pool.size], [0, 0])
    }))

  // F50
  it.scoped("waits until the last finalizer has ended", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({}, { close: (n) => n === 2 ? { slow: "2 seconds" } : "ok" })
      yield* warmUp(pool, 3)
      const closing = yield* forkSettled(pool.close)
      yield* assertEndsAfter(closing, 2000)
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("has the finalizers of all connections run side by side", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({}, { close: () => ({ slow: "2 seconds" }) })
      yield* warmUp(pool, 10)
      yield* assertEndsAfter(yield* forkSettled(pool.close), 2000)
      assert.strictEqual(connector.closed, 10)
    }))

  // G3: finalizer dies
  it.scoped("survives finalizers that die", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({}, { close: (n) => n === 1 ? "die" : "ok" })
      yield* warmUp(pool, 3)
      yield* pool.close
      assert.strictEqual(connector.closed, 3)
    }))

  // F48, G2: finalizer hangs
  it.scoped("gives up a finalizer that hangs after closeTimeout", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closeTimeout: "3 seconds" }, { close: () => ({ slow: "1 hour" }) })
      yield* warmUp(pool, 2)
      yield* assertEndsAfter(yield* forkSettled(pool.close), 3000)
      assert.strictEqual(connector.closed, 2)
      yield* TestClock.adjust("1 hour")
    }))

  it.scoped("gives up a finalizer that hangs after 5 seconds unless told otherwise", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { close: () => ({ slow: "1 hour" }) })
      yield* warmUp(pool, 1)
      yield* assertEndsAfter(yield* forkSettled(pool.close), 5000)
      yield* TestClock.adjust("1 hour")
    }))

  it.scoped("gives up finalizers at once when closeTimeout is 0, and they run even so", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closeTimeout: 0 }, { close: () => ({ slow: "1 second" }) })
      yield* warmUp(pool, 2)
      yield* pool.close
      assert.strictEqual(connector.closed, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 0)
    }))

  describe("fails", () => {
    // F13, G5: close while waiters queue
    it.scoped("all that wait with PoolClosedError, before it ends", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const waiters = yield* Effect.forEach(
          Array.from({ length: 10 }),
          () => fork(Effect.flip(Effect.scoped(pool.get)))
        )
        yield* settled
        const closing = yield* forkSettled(pool.close)
        assert.isUndefined(exitOf(closing))
        const errors = yield* Fiber.joinAll(waiters)
        assert.isTrue(errors.every((error) => error instanceof PoolClosedError))
        yield* pool.release(connection)
        yield* Fiber.join(closing)
      }))

    // F13
    it.scoped("whoever waits for an open with PoolClosedError", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => "never" })
        const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* pool.close
        assert.instanceOf(yield* Fiber.join(waiter), PoolClosedError)
        assert.deepStrictEqual([connector.attempts, (yield* pool.stats).openFailed], [1, 1])
      }))

    // F14
    it.scoped("whoever borrows while leases are awaited with PoolClosedError, at once", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const connection = yield* pool.acquire
        const closing = yield* forkSettled(pool.close)
        assert.instanceOf(yield* Effect.flip(pool.use(id)), PoolClosedError)
        yield* pool.release(connection)
        yield* Fiber.join(closing)
        assert.strictEqual(connector.attempts, 1)
      }))

    // F14
    it.scoped("whoever borrows afterwards with PoolClosedError, at once, without interrupting it", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        yield* pool.close
        const exits = yield* Effect.all([
          Effect.exit(Effect.scoped(pool.get)),
          Effect.exit(pool.use(id)),
          Effect.exit(pool.acquire),
          Effect.exit(pool.acquireWith({ timeout: "1 hour" })),
          Effect.exit(pool.acquireWith({ timeout: 0 })),
          Effect.exit(Effect.scoped(pool))
        ])
        const closed = Exit.fail(new PoolClosedError({ pool: pool.name }))
        assert.deepStrictEqual(exits, [closed, closed, closed, closed, closed, closed])
      }))
  })

  it.scoped("can be called again, and ends with the first call", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({}, { close: () => ({ slow: "1 second" }) })
      yield* warmUp(pool, 2)
      const closings = yield* Effect.forEach([1, 2, 3], () => fork(pool.close))
      yield* settled
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(closings)
      yield* pool.close
      assert.strictEqual(connector.closed, 2)
    }))

  it.scoped("does not let a second call put off the end of the drain", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ drainTimeout: "2 seconds" })
      yield* pool.acquire
      const first = yield* forkSettled(pool.close)
      yield* TestClock.adjust("1 second")
      const second = yield* forkSettled(pool.close)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll([first, second])
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("goes on when the call is interrupted", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* Effect.scoped(pool.get)
      const closing = yield* forkSettled(pool.close)
      yield* Fiber.interrupt(closing)
      const exit = exitOf(closing)!
      assert.isTrue(wasInterrupted(exit))
      assert.instanceOf(yield* Effect.flip(pool.acquire), PoolClosedError)
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual([connector.live, connector.closed], [0, 2])
    }))

  describe("while a connection is being opened", () => {
    // F49
    it.scoped("interrupts the open", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ minConnections: 1 }, { open: () => ({ slow: "1 second" }) })
        yield* settled
        yield* pool.close
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([connector.attempts, connector.opened], [1, 0])
      }))

    // F49
    it.scoped("ends when the open fails after all", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: () => ({ slow: "1 second" }) })
        const pool = yield* audited(
          connector,
          Pool.make({
            minConnections: 1,
            open: Effect.uninterruptible(Effect.andThen(connector.open, Effect.fail("failed")))
          })
        )
        yield* settled
        yield* assertEndsAfter(yield* forkSettled(pool.close), 1000)
        assert.strictEqual((yield* pool.stats).openFailed, 1)
      }))

    // F53
    it.scoped("closes the connection that comes of it after all, and lends it to nobody", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: () => ({ slow: "1 second" }) })
        const pool = yield* audited(connector, Pool.make({ open: Effect.uninterruptible(connector.open) }))
        const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
        const closing = yield* forkSettled(pool.close)
        assert.instanceOf(yield* Fiber.join(waiter), PoolClosedError)
        yield* assertEndsAfter(closing, 1000)
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    // F53
    it.scoped("ends after closeTimeout when the open cannot be interrupted, and what comes of it later is closed", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: () => ({ slow: "1 minute" }) })
        const pool = yield* audited(
          connector,
          Pool.make({ minConnections: 1, open: Effect.uninterruptible(connector.open) })
        )
        yield* settled
        yield* assertEndsAfter(yield* forkSettled(pool.close), 5000)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))
  })

  it.scoped("refuses a waiter whose connection was dropped before it resumed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["waiter"])
      yield* pool.release(connection)
      yield* pool.drop(connection)
      yield* pool.close
      assert.instanceOf(yield* Effect.flip(Fiber.join(borrowers[0]!)), PoolClosedError)
      assert.deepStrictEqual(served, [])
    }))

  it.scoped("leaves a pool whose members still answer", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 })
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      yield* pool.close
      assert.strictEqual(yield* pool.size, 0)
      assert.strictEqual(yield* pool.dropExpired, 0)
      yield* pool.invalidate(connection)
      const errors = [yield* Effect.flip(pool.release(connection)), yield* Effect.flip(pool.drop(connection))]
      assert.deepStrictEqual(errors.map((error) => error.operation), ["release", "drop"])
    }))
})
