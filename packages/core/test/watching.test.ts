import { Pool } from "@socketpool/core"
import { collect, fiberNumber, fork, result, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, id, settled, setup, warmUp } from "./setup.js"

describe("leases", () => {
  it.scoped("tell who has what, longest first", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ leakThreshold: "4 seconds" })
      assert.deepStrictEqual(yield* pool.leases, [])
      const holders: Array<RunningFiber<never, unknown>> = []
      for (const name of ["GET /a", "GET /b", "GET /c"]) {
        holders.push(yield* forkSettled(Effect.withSpan(pool.use(() => Effect.never), name)))
        yield* TestClock.adjust("2 seconds")
      }
      const fiber = (index: number) => `#${fiberNumber(holders[index]!)}`
      assert.deepStrictEqual(yield* pool.leases, [
        {
          connectionId: 1,
          holder: { fiber: fiber(0), span: "GET /a", heldMillis: 6_000 },
          suspected: true,
          exclusive: false
        },
        {
          connectionId: 2,
          holder: { fiber: fiber(1), span: "GET /b", heldMillis: 4_000 },
          suspected: true,
          exclusive: false
        },
        {
          connectionId: 3,
          holder: { fiber: fiber(2), span: "GET /c", heldMillis: 2_000 },
          suspected: false,
          exclusive: false
        }
      ])
      yield* Fiber.interrupt(holders[1]!)
      assert.deepStrictEqual((yield* pool.leases).map(({ connectionId }) => connectionId), [1, 3])
      yield* Fiber.interruptAll(holders)
      assert.deepStrictEqual(yield* pool.leases, [])
    }))

  it.scoped("of a shared connection are each told", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ concurrency: 3, maxConnections: 1 })
      yield* warmUp(pool, 1)
      const holders = yield* Effect.forEach([1, 2, 3], () => forkSettled(pool.use(() => Effect.never)))
      assert.deepStrictEqual((yield* pool.leases).map(({ connectionId }) => connectionId), [1, 1, 1])
      yield* Fiber.interruptAll(holders)
    }))
})

describe("dropById", () => {
  it.scoped("closes the connection of that number, idle or leased", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* warmUp(pool, 2)
      const holder = yield* forkSettled(pool.use(() => Effect.never))
      const [lease] = yield* pool.leases
      yield* pool.dropById(lease!.connectionId)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.leases).length], [1, 0])
      yield* pool.dropById(3 - lease!.connectionId)
      yield* settled
      assert.strictEqual(connector.live, 0)
      yield* Fiber.interrupt(holder)
      assert.strictEqual((yield* pool.stats).closed.Dropped, 2)
    }))

  it.scoped("fails with ConnectionNotFoundError for a number that is not there, or not any more", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", connectTimeout: "1 minute" }, {
        open: (attempt) => attempt === 2 ? { slow: "30 seconds" } : "ok",
        close: () => ({ slow: "1 second" })
      })
      yield* warmUp(pool, 1)
      const taken = yield* forkSettled(Effect.all([pool.use(() => Effect.never), pool.use(id)], { concurrency: 2 }))
      // Number 2 is being opened, and number 1 about to close.
      yield* pool.dropById(1)
      for (const number of [0, 1, 2, 3, -1, NaN]) {
        const answer = yield* result(pool.dropById(number))
        assert(answer._tag === "Failure")
        assert.deepInclude(answer.failure, {
          _tag: "ConnectionNotFoundError",
          pool: "orders",
          operation: "drop"
        })
      }
      yield* Fiber.interrupt(taken)
    }))
})

describe("notices", () => {
  it.scoped("are the events that are not about single leases", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const notices = yield* fork(collect(pool.notices))
      const events = yield* fork(collect(pool.events))
      yield* settled
      const first = yield* pool.acquire
      yield* Effect.exit(pool.acquireWith({ timeout: 0 }))
      yield* pool.release(first)
      yield* pool.clear
      yield* pool.close
      const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
      const rare = ["Opened", "Exhausted", "Cleared", "Draining", "Closed", "PoolClosed"]
      assert.deepStrictEqual(tags(yield* Fiber.join(notices)), rare)
      assert.sameMembers(tags(yield* Fiber.join(events)), [...rare, "Borrowed", "Released"])
    }))

  it.scoped("end at once for who comes when the pool has closed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      yield* pool.close
      assert.deepStrictEqual(yield* collect(pool.notices), [])
    }))
})

describe("Pool.running", () => {
  const names = Effect.map(Pool.running, (pools) => pools.map(({ name }) => name))

  it.scoped("has every pool from when it is made until it has closed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "watched-1" }, { close: () => ({ slow: "1 second" }) })
      yield* setup({ name: "watched-2" })
      assert.deepStrictEqual((yield* names).filter((name) => name.startsWith("watched")), ["watched-1", "watched-2"])
      yield* warmUp(pool, 1)
      const closing = yield* forkSettled(pool.close)
      assert.include(yield* names, "watched-1")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.notInclude(yield* names, "watched-1")
      assert.include(yield* names, "watched-2")
    }))
})
