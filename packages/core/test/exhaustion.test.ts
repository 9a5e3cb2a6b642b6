import { PoolExhaustedError } from "@socketpool/core"
import { exitOf, fork, hasFailed, result, type RunningFiber, TestClock, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Clock, Duration, Effect, Fiber } from "effect"
import { forkSettled, id, lineUp, settled, setup, type TestPool, warmUp } from "./setup.js"

const reasonOf = (error: unknown) => error instanceof PoolExhaustedError ? error.reason : error

/** Asserts that a borrower that has come to wait fails exactly so much later. */
const assertTimesOutAfter = (borrower: RunningFiber<unknown, unknown>, millis: number) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(millis - 1)
    assert.isUndefined(exitOf(borrower))
    yield* TestClock.adjust(1)
    const error = yield* Effect.flip(Fiber.join(borrower))
    assert.instanceOf(error, PoolExhaustedError)
    assert.deepStrictEqual([error.reason, error.waitedMillis], ["Timeout", millis])
  })

/** Runs an effect while every connection of a pool of one is leased. */
const whileExhausted = <A, E, R>(pool: TestPool, effect: Effect.Effect<A, E, R>) => pool.use(() => effect)

describe("exhaustion", () => {
  describe("a borrower", () => {
    it.scoped("waits 10 seconds unless told otherwise, and not a millisecond less", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            yield* assertTimesOutAfter(yield* forkSettled(pool.use(id)), 10_000)
          })
        )
      }))

    it.scoped("waits for acquireTimeout", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "250 millis" })
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            yield* assertTimesOutAfter(yield* forkSettled(pool.use(id)), 250)
          })
        )
      }))

    it.scoped.each([["shorter", 100], ["longer", 20_000]])(
      "waits for a timeout of its own, %s than acquireTimeout",
      ([_, timeout]) =>
        Effect.gen(function*() {
          const { pool } = yield* setup({ maxConnections: 1 })
          yield* whileExhausted(
            pool,
            Effect.gen(function*() {
              yield* assertTimesOutAfter(
                yield* forkSettled(pool.acquireWith({ timeout: Number(timeout) })),
                Number(timeout)
              )
            })
          )
        })
    )

    // F3
    it.scoped("times out while its connection is being opened", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ acquireTimeout: "1 second" }, { open: () => "never" })
        yield* assertTimesOutAfter(yield* forkSettled(pool.use(id)), 1000)
        yield* TestClock.adjust("5 seconds")
      }))

    it.scoped("times out while an open hangs that cannot be interrupted", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ acquireTimeout: "1 second" }, { open: () => "stuck" })
        yield* assertTimesOutAfter(yield* forkSettled(pool.use(id)), 1000)
        yield* TestClock.adjust("1 minute")
      }))

    it.scoped("waits without end when acquireTimeout is infinite", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: Duration.infinity })
        const connection = yield* pool.acquire
        const waiter = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("1 hour")
        assert.isUndefined(exitOf(waiter))
        yield* pool.release(connection)
        yield* Fiber.join(waiter)
      }))

    it.scoped("waits without end when its own timeout is infinite", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const waiter = yield* forkSettled(
          Effect.flatMap(pool.acquireWith({ timeout: Duration.infinity }), (c) => pool.release(c))
        )
        yield* TestClock.adjust("1 hour")
        assert.isUndefined(exitOf(waiter))
        yield* pool.release(connection)
        yield* Fiber.join(waiter)
      }))

    it.scoped("times out although it cannot be interrupted", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" })
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            yield* assertTimesOutAfter(yield* forkSettled(Effect.uninterruptible(pool.use(id))), 1000)
          })
        )
      }))

    it.scoped("is served at the last moment", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const waiter = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust(9999)
        yield* pool.release(connection)
        assert.strictEqual(yield* Fiber.join(waiter), 1)
      }))
  })

  describe("several waiters", () => {
    it.scoped("time out each at its own time", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" })
        const ends: Array<number> = []
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            for (let i = 0; i < 3; i++) {
              yield* fork(Effect.ensuring(
                pool.acquire,
                Effect.map(Clock.currentTimeMillis, (now) => ends.push(now))
              ))
              yield* TestClock.adjust("300 millis")
            }
            yield* TestClock.adjust("1 second")
          })
        )
        assert.deepStrictEqual(ends, [1000, 1300, 1600])
      }))

    it.scoped("time out apart when only some have a timeout of their own", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, acquireTimeout: "1 second" })
        const ends: Array<string> = []
        const wait = (name: string, borrow: Effect.Effect<unknown, unknown>) =>
          fork(Effect.ensuring(
            borrow,
            Effect.map(Clock.currentTimeMillis, (now) => ends.push(`${name} at ${now}`))
          ))
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            yield* wait("long", pool.acquireWith({ timeout: "3 seconds" }))
            yield* wait("usual", pool.acquire)
            yield* wait("short", pool.acquireWith({ timeout: "10 millis" }))
            yield* TestClock.adjust("3 seconds")
          })
        )
        assert.deepStrictEqual(ends, ["short at 10", "usual at 1000", "long at 3000"])
      }))

    it.scoped("stay in order when one between them times out", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const first = yield* lineUp(pool, ["a", "b"])
        const impatient = yield* forkSettled(Effect.flip(pool.acquireWith({ timeout: "1 second" })))
        const last = yield* lineUp(pool, ["c"])
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(impatient)
        assert.strictEqual((yield* pool.stats).pending, 3)
        yield* pool.release(connection)
        yield* Fiber.joinAll([...first.borrowers, ...last.borrowers])
        assert.deepStrictEqual([...first.served, ...last.served], ["a", "b", "c"])
      }))

    it.scoped("all time out at the same time when they came at the same time", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const reasons = yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            const waiters = yield* Effect.forEach(Array.from({ length: 100 }), () => fork(Effect.flip(pool.acquire)))
            yield* TestClock.adjust("10 seconds")
            return yield* Fiber.joinAll(waiters)
          })
        )
        assert.strictEqual(
          reasons.filter((error) => reasonOf(error) === "Timeout").length,
          100
        )
        assert.strictEqual((yield* pool.stats).exhausted, 100)
      }))
  })

  describe("a borrower that does not wait", () => {
    it.scoped("takes an idle connection", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        yield* warmUp(pool, 1)
        const connection = yield* pool.acquireWith({ timeout: 0 })
        yield* pool.release(connection)
      }))

    it.scoped("fails at once when none is idle", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const error = yield* whileExhausted(pool, Effect.flip(pool.acquireWith({ timeout: 0 })))
        assert.instanceOf(error, PoolExhaustedError)
        assert.deepStrictEqual([error.reason, error.waitedMillis], ["NoWait", 0])
      }))

    it.scoped("fails at once when acquireTimeout is 0, whichever way it borrows", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ acquireTimeout: 0 }, { open: () => "never" })
        const errors = [
          yield* Effect.flip(pool.use(id)),
          yield* Effect.flip(Effect.scoped(pool.get)),
          yield* Effect.flip(pool.acquire)
        ]
        assert.deepStrictEqual(errors.map(reasonOf), ["NoWait", "NoWait", "NoWait"])
        yield* TestClock.adjust("5 seconds")
      }))

    it.scoped("leaves behind an open, so that a later one finds a connection", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
        assert.strictEqual(reasonOf(yield* Effect.flip(pool.acquireWith({ timeout: 0 }))), "NoWait")
        assert.strictEqual(reasonOf(yield* Effect.flip(pool.acquireWith({ timeout: 0 }))), "NoWait")
        yield* TestClock.adjust("1 second")
        const connection = yield* pool.acquireWith({ timeout: 0 })
        yield* pool.release(connection)
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("does not overtake those that do", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const connection = yield* pool.acquire
        const { borrowers, served } = yield* lineUp(pool, ["waiter"])
        yield* pool.release(connection)
        assert.strictEqual(reasonOf(yield* Effect.flip(pool.acquireWith({ timeout: 0 }))), "NoWait")
        yield* Fiber.joinAll(borrowers)
        assert.deepStrictEqual(served, ["waiter"])
      }))
  })

  describe("a full queue", () => {
    // F16, G9: queue full
    it.scoped("turns the next borrower away at once", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, maxPending: 2 })
        const connection = yield* pool.acquire
        const { borrowers } = yield* lineUp(pool, ["a", "b"])
        const error = yield* Effect.flip(pool.acquire)
        assert.instanceOf(error, PoolExhaustedError)
        assert.deepStrictEqual([error.reason, error.waitedMillis], ["QueueFull", 0])
        yield* pool.release(connection)
        yield* Fiber.joinAll(borrowers)
      }))

    it.scoped("has room again as soon as a waiter leaves", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, maxPending: 1 })
        const connection = yield* pool.acquire
        const first = yield* lineUp(pool, ["a"])
        yield* Fiber.interruptAll(first.borrowers)
        const second = yield* lineUp(pool, ["b"])
        assert.strictEqual((yield* pool.stats).pending, 1)
        yield* pool.release(connection)
        yield* Fiber.joinAll(second.borrowers)
      }))

    it.scoped("turns away whoever finds nothing idle when maxPending is 0", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxPending: 0 })
        assert.strictEqual(reasonOf(yield* Effect.flip(pool.acquire)), "QueueFull")
        yield* settled
        assert.strictEqual(yield* pool.use(id), 1)
        assert.strictEqual(connector.attempts, 1)
      }))

    // F16, H3: memory bounds
    it.scoped("holds 10,000 waiters unless told otherwise", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1 })
        const refused = yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            const waiters = yield* Effect.forEach(
              Array.from({ length: 10_100 }),
              () => fork(Effect.flip(pool.acquire))
            )
            yield* yieldNow
            const refused = waiters.filter((waiter) => exitOf(waiter) !== undefined).length
            assert.strictEqual((yield* pool.stats).pending, 10_000)
            yield* Fiber.interruptAll(waiters)
            return refused
          })
        )
        assert.strictEqual(refused, 100)
      }))

    it.scoped("does not exist when maxPending is Infinity", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 1, maxPending: Infinity })
        yield* whileExhausted(
          pool,
          Effect.gen(function*() {
            const waiters = yield* Effect.forEach(Array.from({ length: 10_001 }), () => fork(pool.acquire))
            yield* yieldNow
            assert.strictEqual((yield* pool.stats).pending, 10_001)
            yield* Fiber.interruptAll(waiters)
          })
        )
      }))
  })

  it.scoped("ends with the holder: the pool lends again afterwards", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2, acquireTimeout: "1 second" })
      const leased = [yield* pool.acquire, yield* pool.acquire]
      const waiters = yield* forkSettled(
        Effect.all(Array.from({ length: 5 }, () => result(pool.acquire)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(waiters)).every(hasFailed))
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      yield* warmUp(pool, 2)
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))
})
