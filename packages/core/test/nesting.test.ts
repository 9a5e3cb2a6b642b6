import { PoolExhaustedError } from "@socketpool/core"
import { exitOf, fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { forkSettled, id, settled, setup, type TestPool } from "./setup.js"

/** A borrow must fail here, and only because the pool is exhausted. */
const exhaustion = <A, R>(borrow: Effect.Effect<A, unknown, R>) =>
  Effect.map(Effect.flip(borrow), (error) => {
    assert.instanceOf(error, PoolExhaustedError)
    return error
  })

/** Holds so many connections in one fiber, and then runs an effect. */
const holding = <A, E>(pool: TestPool, connections: number, effect: Effect.Effect<A, E>): Effect.Effect<A, unknown> =>
  connections === 0 ? effect : pool.use(() => holding(pool, connections - 1, effect))

describe("a fiber that borrows while it holds a connection", () => {
  // F15, G6: nested acquire
  it.scoped.each([1, 2, 3])(
    "fails at once when it holds all there can be: %i",
    (maxConnections) =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections })
        const error = yield* holding(pool, maxConnections, exhaustion(pool.use(id)))
        assert.deepStrictEqual([error.reason, error.heldByCaller, error.waitedMillis], [
          "SelfDeadlock",
          maxConnections,
          0
        ])
        assert.include(error.message, `this fiber already holds ${maxConnections} connection`)
      })
  )

  // F15, G6: nested acquire
  it.scoped("fails at once when it holds them by get", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const error = yield* Effect.scoped(Effect.gen(function*() {
        yield* pool.get
        yield* pool.get
        return yield* exhaustion(pool.get)
      }))
      assert.strictEqual(error.reason, "SelfDeadlock")
    }))

  // F15, G6: nested acquire
  it.scoped("fails at once when it holds every lease of one connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, concurrency: 3 })
      const error = yield* holding(pool, 3, exhaustion(pool.use(id)))
      assert.deepStrictEqual([error.reason, error.heldByCaller], ["SelfDeadlock", 3])
    }))

  // F15, G6: nested acquire
  it.scoped("and waits with others that do is told after acquireTimeout how many it holds", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2, acquireTimeout: "1 second" })
      const bothHold = yield* Deferred.make<void>()
      let holders = 0
      const borrower = pool.use(() =>
        Effect.gen(function*() {
          if (++holders === 2) yield* Deferred.succeed(bothHold, undefined)
          yield* Deferred.await(bothHold)
          return yield* exhaustion(pool.use(id))
        })
      )
      const borrowers = yield* Effect.forEach([1, 2], () => fork(borrower))
      yield* settled
      yield* TestClock.adjust("1 second")
      const errors = yield* Fiber.joinAll(borrowers)
      // The first to give up gives the other what it holds only later: both were due at the same moment.
      for (const error of errors) {
        assert.deepStrictEqual([error.reason, error.heldByCaller, error.waitedMillis], ["Timeout", 1, 1000])
        assert.include(error.message, "this fiber already holds 1 connection")
      }
    }))

  // F15
  it.scoped("waits when another can give one back", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 })
      const gate = yield* Deferred.make<void>()
      const other = yield* forkSettled(pool.use(() => Deferred.await(gate)))
      const nested = yield* forkSettled(pool.use(() => pool.use(id)))
      assert.isUndefined(exitOf(nested))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(other)
      yield* Fiber.join(nested)
    }))

  // F15
  it.scoped("waits when it holds them by acquire, because another fiber may release them", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const borrower = yield* forkSettled(Effect.andThen(pool.acquire, pool.use(id)))
      assert.isUndefined(exitOf(borrower))
      yield* pool.release(connector.connection(1))
      assert.strictEqual(yield* Fiber.join(borrower), 1)
    }))

  // F15
  it.scoped("gets it as long as there can be another", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 3 })
      assert.strictEqual(yield* holding(pool, 2, pool.use(id)), 3)
    }))
})
