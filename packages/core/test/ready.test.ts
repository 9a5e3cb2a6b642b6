import { exitOf, reasonOf, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { forkSettled, id, settled, setup } from "./setup.js"

const everySecond = Schedule.spaced("1 second")

describe("awaitReady", () => {
  // F21
  it.scoped("completes when minConnections are open", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 3, maxConnecting: 2 }, { open: () => ({ slow: "1 second" }) })
      const waiting = yield* forkSettled(pool.awaitReady)
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* pool.size, 3)
    }))

  it.scoped("completes when initialConnections are open", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ initialConnections: 2, minConnections: 1 }, {
        open: (attempt) => ({ slow: `${attempt} seconds` })
      })
      const waiting = yield* forkSettled(pool.awaitReady)
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(waiting)
    }))

  it.scoped("completes at once when there is nothing to wait for", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* pool.awaitReady
      assert.strictEqual(connector.attempts, 0)
    }))

  it.scoped("completes at once when all are open, be they leased", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 })
      yield* settled
      yield* pool.use(() => pool.awaitReady)
    }))

  it.scoped("waits anew when one of minConnections is gone, but not for initialConnections", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1, initialConnections: 2 }, {
        open: (attempt) => attempt > 2 ? { slow: "1 second" } : "ok"
      })
      yield* pool.awaitReady
      yield* pool.use((connection) => pool.drop(connection))
      yield* pool.awaitReady
      yield* pool.use((connection) => pool.drop(connection))
      const waiting = yield* forkSettled(pool.awaitReady)
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }))

  it.scoped("waits for what a higher minConnections asks for", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
      yield* pool.resize({ min: 1 })
      const waiting = yield* forkSettled(pool.awaitReady)
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }))

  it.scoped("completes when resize asks for no more than there are", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 2 }, { open: (attempt) => attempt === 1 ? "ok" : "never" })
      const waiting = yield* forkSettled(pool.awaitReady)
      assert.isUndefined(exitOf(waiting))
      yield* pool.resize({ min: 1 })
      yield* settled
      assert.isDefined(exitOf(waiting))
      yield* Fiber.join(waiting)
    }))

  it.scoped("waits on through clear for those opened from then on", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1 }, {
        open: (attempt) => attempt === 1 ? "never" : { slow: "1 second" }
      })
      const waiting = yield* forkSettled(pool.awaitReady)
      yield* pool.clear
      yield* settled
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual([connector.attempts, yield* pool.size], [2, 1])
    }))

  it.scoped("serves all who call it", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: () => ({ slow: "1 second" }) })
      const waiting = yield* forkSettled(Effect.all([pool.awaitReady, pool.awaitReady, pool.awaitReady], {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* Fiber.join(waiting), 3)
    }))

  it.scoped("can be interrupted, which disturbs nobody", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1 }, { open: () => ({ slow: "1 second" }) })
      const first = yield* forkSettled(pool.awaitReady)
      const second = yield* forkSettled(pool.awaitReady)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      assert.deepStrictEqual([connector.attempts, yield* pool.size], [1, 1])
    }))
})

describe("awaitReady fails", () => {
  it.scoped("with the connector's own error as soon as an open has failed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 2 }, {
        open: (attempt) => attempt === 2 ? "fail" : { slow: "1 second" }
      })
      const error = yield* Effect.flip(pool.awaitReady)
      assert.deepInclude(error, { _tag: "ScriptedOpenError", attempt: 2 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* pool.size, 2)
    }))

  it.scoped("with the connector's own error when an open for initialConnections has failed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ initialConnections: 1 }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
      assert.strictEqual((yield* Effect.flip(pool.awaitReady))._tag, "ScriptedOpenError")
      yield* TestClock.adjust("1 second")
      yield* pool.awaitReady
    }))

  it.scoped("with ConnectTimeoutError when an open hangs", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: (attempt) => attempt === 1 ? "never" : "ok" })
      const waiting = yield* forkSettled(Effect.flip(pool.awaitReady))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "ConnectTimeoutError")
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("with the defect when an open dies", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: (attempt) => attempt === 1 ? "die" : "ok" })
      const exit = yield* Effect.exit(pool.awaitReady)
      assert.isTrue(Exit.isFailure(exit) && reasonOf(exit.cause) === "Die")
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("at once while the pool waits to try again", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ minConnections: 1, retry: Schedule.spaced("1 hour") }, {
        open: (attempt) => attempt === 1 ? "fail" : "ok"
      })
      yield* TestClock.adjust("30 minutes")
      assert.deepInclude(yield* Effect.flip(pool.awaitReady), { _tag: "ScriptedOpenError", attempt: 1 })
      assert.strictEqual(connector.attempts, 1)
      yield* TestClock.adjust("30 minutes")
      yield* pool.awaitReady
    }))

  it.scoped("at once when the retry schedule has ended", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1, retry: Schedule.recurs(0) }, { open: () => "fail" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Effect.flip(pool.awaitReady))._tag, "ScriptedOpenError")
    }))

  it.scoped("not while the pool tries again: it waits for what becomes of that", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1, retry: everySecond }, {
        open: (attempt) => attempt === 1 ? "fail" : { slow: "1 second" }
      })
      yield* TestClock.adjust("1500 millis")
      const waiting = yield* forkSettled(pool.awaitReady)
      assert.isUndefined(exitOf(waiting))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(waiting)
    }))

  it.scoped("with the error of the last attempt, not of one before", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1, retry: everySecond }, {
        open: (attempt) => attempt <= 3 ? "fail" : "ok"
      })
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* Effect.flip(pool.awaitReady), { attempt: 3 })
      yield* TestClock.adjust("1 second")
      yield* pool.awaitReady
    }))

  // F22
  it.scoped("during an outage, and retried sits it out", () =>
    Effect.gen(function*() {
      let up = false
      const { pool } = yield* setup({ minConnections: 3 }, { open: () => up ? "ok" : "fail" })
      const waiting = yield* forkSettled(Effect.retry(pool.awaitReady, everySecond))
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(exitOf(waiting))
      up = true
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* pool.size, 3)
    }))

  it.scoped("not because a borrower's open failed when nothing was missing", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: (attempt) => attempt === 2 ? "fail" : "ok" })
      yield* settled
      const connection = yield* pool.acquire
      yield* Effect.flip(pool.use(id))
      yield* pool.awaitReady
      yield* pool.release(connection)
    }))

  it.scoped("with PoolClosedError when the pool closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ minConnections: 1 }, { open: () => "never" })
      const waiting = yield* forkSettled(Effect.flip(pool.awaitReady))
      yield* pool.close
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "PoolClosedError")
    }))

  it.scoped("with PoolClosedError while the pool is closing, and once it has closed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const connection = yield* pool.acquire
      const closing = yield* forkSettled(pool.close)
      assert.strictEqual((yield* Effect.flip(pool.awaitReady))._tag, "PoolClosedError")
      yield* pool.release(connection)
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Effect.flip(pool.awaitReady))._tag, "PoolClosedError")
    }))
})
