import { PoolExhaustedError } from "@socketpool/core"
import { disconnect, exitOf, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, id, settled, setup, type TestPool } from "./setup.js"

const verbs: ReadonlyArray<readonly [string, (pool: TestPool) => Effect.Effect<unknown, unknown>]> = [
  ["use", (pool) => pool.use(id)],
  ["get", (pool) => Effect.scoped(pool.get)],
  ["acquire", (pool) => pool.acquire],
  ["acquireWith", (pool) => pool.acquireWith({ timeout: "1 minute" })]
]

/** Asserts that a borrow fails at once because it would wait for itself. */
const assertDeadlocked = (borrow: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(borrow), (error) => {
    assert.instanceOf(error, PoolExhaustedError)
    assert.deepStrictEqual([error.reason, error.waitedMillis], ["SelfDeadlock", 0])
    return error
  })

describe("a fiber that holds all there is", () => {
  // F15
  // G6: nested acquire
  it.scoped.each(verbs)("by use, and wants another by %s, fails at once", ([_, verb]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* pool.use(() => assertDeadlocked(verb(pool)))
      const { exhausted, idle, pending, timedOut } = yield* pool.stats
      assert.deepStrictEqual([exhausted, idle, pending, timedOut], [1, 1, 0, 0])
    }))

  // G6: nested acquire
  it.scoped.each(verbs)("by get, and wants another by %s, fails at once", ([_, verb]) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* Effect.scoped(Effect.andThen(pool.get, assertDeadlocked(verb(pool))))
    }))

  // F15
  it.scoped("hears how many connections it holds", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", maxConnections: 2 })
      const error = yield* pool.use(() => pool.use(() => assertDeadlocked(pool.use(id))))
      assert.strictEqual(error.heldByCaller, 2)
      assert.include(error.message, `Pool "orders": this fiber would wait for itself`)
      assert.include(error.message, "this fiber already holds 2 connections")
      assert.include(error.message, "release before borrowing again")
    }))

  it.scoped("can borrow again when it has given one back", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          yield* assertDeadlocked(pool.use(id))
          yield* pool.release(connection)
          assert.strictEqual(yield* pool.use(id), 1)
        })
      )
    }))

  it.scoped("has all places of a shared connection, and not just one of them", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, concurrency: 2 })
      yield* pool.use(() => pool.use(() => assertDeadlocked(pool.use(id))))
    }))

  it.scoped("fails although others wait before it", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const waiter = yield* pool.use(() =>
        Effect.tap(forkSettled(disconnect(pool.use(id))), () => assertDeadlocked(pool.use(id)))
      )
      assert.strictEqual(yield* Fiber.join(waiter), 1)
    }))
})

/** A fiber that leases by `use` and, inside, by `use` again; whether it came to that. */
const nested = (pool: TestPool) =>
  forkSettled(pool.use((outer) => Effect.map(pool.use(id), (inner) => [outer.id, inner])))

describe("a fiber that may yet be served waits, for instance", () => {
  it.scoped("one whose lease is to be ended by release", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const fiber = yield* forkSettled(Effect.gen(function*() {
        const connection = yield* pool.acquire
        const error = yield* Effect.flip(pool.use(id))
        yield* pool.release(connection)
        return error
      }))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, PoolExhaustedError)
      assert.deepStrictEqual([error.reason, error.heldByCaller], ["Timeout", 1])
    }))

  it.scoped("one whose lease another fiber releases", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const fiber = yield* forkSettled(Effect.andThen(pool.acquire, pool.use(id)))
      yield* pool.release(connector.connection(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }))

  it.scoped("while there is room for another to be opened", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, { open: () => ({ slow: "1 second" }) })
      const fiber = yield* nested(pool)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2])
    }))

  it.scoped("while a connection is closing", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, { close: (n) => n === 1 ? { slow: "1 second" } : "ok" })
      yield* pool.use((connection) => pool.drop(connection))
      yield* pool.use(id)
      const fiber = yield* nested(pool)
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [2, 3])
    }))

  it.scoped("while onRelease looks at a connection, be it one that it has had itself", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({
        maxConnections: 2,
        onRelease: (connection) =>
          connection.id === 2 ? Effect.as(Effect.sleep("1 second"), "keep") : Effect.succeed("keep")
      })
      const fiber = yield* forkSettled(pool.use(() => Effect.zip(pool.use(id), pool.use(id))))
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [2, 2])
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("while validate asks a connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({
        maxConnections: 2,
        validate: (connection) => connection.id === 1 ? Effect.as(Effect.sleep("1 second"), true) : Effect.succeed(true)
      })
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(first)
      yield* pool.release(second)
      yield* TestClock.adjust("1 second")
      const fiber = yield* nested(pool)
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [2, 1])
    }))

  it.scoped("while somebody else has a connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const theirs = yield* pool.acquire
      const fiber = yield* nested(pool)
      assert.isUndefined(exitOf(fiber))
      yield* pool.release(theirs)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [2, 1])
    }))

  it.scoped("while somebody else uses a connection that it shares", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, concurrency: 2 })
      const theirs = yield* pool.acquire
      const fiber = yield* nested(pool)
      assert.isUndefined(exitOf(fiber))
      yield* pool.release(theirs)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 1])
    }))

  it.scoped("one that was forked by who holds all", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const child = yield* pool.use(() => forkSettled(disconnect(pool.use(id))).pipe(Effect.map(Fiber.join)))
      assert.strictEqual(yield* child, 1)
    }))
})

describe("two fibers that each hold one of two connections and want another", () => {
  // F15
  it.scoped("time out, and hear that they hold one", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const both = Effect.gen(function*() {
        yield* settled
        return yield* Effect.flip(pool.use(id))
      })
      const fibers = yield* Effect.forEach([1, 2], () => forkSettled(pool.use(() => both)))
      yield* TestClock.adjust("10 seconds")
      const errors = yield* Fiber.joinAll(fibers)
      assert.instanceOf(errors[0], PoolExhaustedError)
      assert.deepStrictEqual([errors[0].reason, errors[0].heldByCaller], ["Timeout", 1])
      assert.include(errors[0].message, "this fiber already holds 1 connection, its parents' included;")
    }))
})
