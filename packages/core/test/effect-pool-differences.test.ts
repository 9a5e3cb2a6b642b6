import { Pool } from "@socketpool/core"
import { exitOf, hasFailed, provideScope, result, TestClock, wasInterrupted } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber, Pool as EffectPool, Scope } from "effect"
import { audited, forkSettled, lineUp, settled, setup } from "./setup.js"

describe("on purpose, unlike effect's own, a pool of ours", () => {
  // F14
  it.scoped("fails a borrower after close instead of interrupting it", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.close
      assert.strictEqual((yield* Effect.flip(Effect.scoped(EffectPool.get(pool))))._tag, "PoolClosedError")
    }))

  it.scoped("fails those that wait when it closes instead of interrupting them", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.flip(Effect.scoped(EffectPool.get(pool))))
      const closing = yield* forkSettled(pool.close)
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "PoolClosedError")
      yield* pool.release(connection)
      yield* Fiber.join(closing)
    }))

  it.scoped("makes nobody wait for ever: it fails after acquireTimeout", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(Effect.flip(Effect.scoped(EffectPool.get(pool))))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "PoolExhaustedError")
      yield* pool.release(connection)
    }))

  it.scoped("closes what comes back from an interruption, as an answer may still be on its way to it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const borrower = yield* forkSettled(Effect.scoped(Effect.andThen(EffectPool.get(pool), Effect.never)))
      yield* Fiber.interrupt(borrower)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  // F3
  it.scoped("lets a borrower be interrupted while its item is opened", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { open: () => "stuck" })
      const borrower = yield* forkSettled(Effect.scoped(EffectPool.get(pool)))
      assert.isTrue(wasInterrupted(yield* Effect.andThen(Fiber.interrupt(borrower), Fiber.await(borrower))))
      yield* TestClock.adjust("10 seconds")
    }))

  // F1
  it.scoped("serves the others when opening fails for one of them", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      const results = yield* Effect.all(
        Array.from({ length: 5 }, () => result(Effect.scoped(EffectPool.get(pool)))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(results.map(hasFailed), [true, false, false, false, false])
    }))

  it.scoped("keeps to itself what went wrong in the background: a borrower has an open of its own", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      yield* settled
      assert.strictEqual((yield* Effect.scoped(EffectPool.get(pool))).id, 1)
    }))

  // F17
  it.scoped("has no more than maxConnections open, also when a lent one is invalidated", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1, maxConnections: 1 })
      const connection = yield* pool.acquire
      yield* EffectPool.invalidate(pool, connection)
      const waiter = yield* forkSettled(Effect.scoped(EffectPool.get(pool)))
      assert.deepStrictEqual([exitOf(waiter), connector.live], [undefined, 1])
      yield* pool.release(connection)
      yield* Fiber.join(waiter)
      assert.strictEqual(connector.peak, 1)
    }))

  // F7
  it.scoped("serves whoever waits before its last holder, should that one come again at once", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["waiter"])
      yield* pool.release(connection)
      yield* Effect.scoped(Effect.map(EffectPool.get(pool), () => served.push("holder")))
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["waiter", "holder"])
    }))

  // F47
  it.scoped("closes although a lent one never comes back", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const scope = yield* Scope.make()
      const pool = yield* audited(connector, provideScope(Pool.make({ open: connector.open }), scope))
      const holder = yield* forkSettled(Effect.scoped(Effect.andThen(EffectPool.get(pool), Effect.never)))
      const closing = yield* forkSettled(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([exitOf(closing), connector.live], [Exit.void, 0])
      yield* Fiber.interrupt(holder)
    }))
})
