import { assert, describe, it } from "@effect/vitest"
import { ConnectTimeoutError, Pool } from "@socketpool/core"
import { ScriptedConnector, SteppingScheduler } from "@socketpool/testing"
import { Cause, Effect, Either, Exit, Fiber, Option, TestClock } from "effect"
import { audited, forkSettled, id, lineUp, settled, setup, type TestPool } from "./setup.js"

/** Forks so many borrowers at once; gives what each of them comes to. */
const crowd = (pool: TestPool, borrowers: number) =>
  Effect.fork(
    Effect.all(Array.from({ length: borrowers }, () => Effect.either(pool.use(id))), { concurrency: "unbounded" })
  )

/** A connector whose opens fail at the very end, with the connection in hand. */
const failLate = (connector: ScriptedConnector.ScriptedConnector) =>
  Effect.tap(connector.open, ({ id }) => Effect.fail(new ScriptedConnector.ScriptedOpenError({ attempt: id })))

/** A pool of connections that are all the same value. */
const setupValues = <V>(value: V) => {
  const connector = ScriptedConnector.make()
  return audited(connector, Pool.make({ open: Effect.as(connector.open, value) }))
}

const attemptOf = (result: Either.Either<unknown, unknown>): unknown =>
  Either.isLeft(result) && result.left instanceof ScriptedConnector.ScriptedOpenError ? result.left.attempt : result

describe("opening", () => {
  it.scoped("begins when somebody borrows", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.attempts, 0)
      yield* pool.use(id)
      assert.strictEqual(connector.attempts, 1)
    }))

  // F20, H3: memory bounds
  it.scoped("has no more than 4 connections in flight unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 100 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* crowd(pool, 100)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.peakOpening, 4)
    }))

  // F20
  it.scoped("has no more than maxConnecting connections in flight", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 100, maxConnecting: 7 }, {
        open: () => ({ slow: "1 second" })
      })
      const borrowers = yield* crowd(pool, 100)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.peakOpening, 7)
    }))

  it.scoped("opens no more connections than there are borrowers", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnecting: 100 }, { open: () => ({ slow: "1 second" }) })
      const borrowers = yield* crowd(pool, 3)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.attempts, 3)
    }))

  describe("a failed open", () => {
    it.scoped("fails the oldest waiter with the connector's error and nobody else", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1 }, {
          open: (attempt) => attempt === 1 ? "fail" : "ok"
        })
        const borrowers = yield* crowd(pool, 3)
        const [first, ...rest] = yield* Fiber.join(borrowers)
        assert.strictEqual(attemptOf(first!), 1)
        assert.deepStrictEqual(rest, [Either.right(1), Either.right(1)])
        assert.strictEqual(connector.attempts, 2)
      }))

    const failures = [1, 2, 3, 4, 5].flatMap((max) => [1, 3, 10].map((failing) => ({ max, failing })))
    // F1
    it.scoped.each(failures)(
      "ends every wait, with a failure or a connection: $failing failures, at most $max connections",
      ({ failing, max }) =>
        Effect.gen(function*() {
          const { pool } = yield* setup({ maxConnections: max }, {
            open: (attempt) => attempt <= failing ? "fail" : { slow: "1 second" }
          })
          const results = yield* crowd(pool, 10)
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* Fiber.join(results)).filter(Either.isLeft).length, failing)
          assert.strictEqual((yield* pool.stats).openFailed, failing)
        })
    )

    // F2
    it.scoped("fails every waiter in turn when all opens fail, each with an attempt of its own", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 2 }, { open: () => "fail" })
        const borrowers = yield* crowd(pool, 20)
        yield* TestClock.adjust("1 second")
        const results = yield* Fiber.join(borrowers)
        assert.deepStrictEqual(results.map(attemptOf), Array.from({ length: 20 }, (_, i) => i + 1))
        assert.strictEqual(connector.attempts, 20)
      }))

    // F2
    it.scoped("is not tried again when nobody waits", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => "fail" })
        yield* Effect.flip(pool.use(id))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("that died makes the waiter die, and the pool goes on", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({}, { open: (attempt) => attempt === 1 ? "die" : "ok" })
        const exit = yield* Effect.exit(pool.use(id))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.strictEqual(yield* pool.use(id), 1)
      }))

    it.scoped("that threw makes the waiter die, and the pool goes on", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make()
        let thrown = false
        const pool = yield* audited(
          connector,
          Pool.make({
            open: Effect.suspend(() => {
              if (thrown) return connector.open
              thrown = true
              throw new Error("thrown")
            })
          })
        )
        const exit = yield* Effect.exit(pool.use(id))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.strictEqual(yield* pool.use(id), 1)
      }))

    it.scoped("that interrupted itself makes the waiter die and does not interrupt it", () =>
      Effect.gen(function*() {
        const pool = yield* audited(ScriptedConnector.make(), Pool.make({ open: Effect.interrupt }))
        const exit = yield* Effect.exit(pool.use(() => Effect.void))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause) && !Cause.isInterrupted(exit.cause))
      }))

    it.scoped("closes what it had already opened", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make()
        const pool = yield* audited(connector, Pool.make({ open: failLate(connector) }))
        yield* Effect.flip(pool.use(id))
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    it.scoped("counts until what it had opened has closed", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ close: () => ({ slow: "1 second" }) })
        const pool = yield* audited(
          connector,
          Pool.make({ maxConnections: 1, open: failLate(connector) })
        )
        const borrowers = yield* crowd(pool, 2)
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual([connector.attempts, (yield* pool.stats).opening], [1, 1])
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(connector.attempts, 2)
        yield* Fiber.join(borrowers)
        yield* TestClock.adjust("1 second")
      }))
  })

  describe("an open that hangs", () => {
    // F5
    it.scoped("fails the oldest waiter after connectTimeout, and not a millisecond earlier", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ connectTimeout: "1 second" }, { open: () => "never" })
        const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("999 millis")
        assert.isNull(borrower.unsafePoll())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(borrower)
        assert.instanceOf(error, ConnectTimeoutError)
        assert.strictEqual(error.timeoutMillis, 1000)
      }))

    it.scoped("is given up after 5 seconds unless told otherwise", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({}, { open: () => "never" })
        const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust(4999)
        assert.isNull(borrower.unsafePoll())
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(borrower))._tag, "ConnectTimeoutError")
      }))

    // F5
    it.scoped("gives its place back, so that the next borrower is served", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1, connectTimeout: "1 second" }, {
          open: (attempt) => attempt === 1 ? "never" : "ok"
        })
        const { borrowers, served } = yield* lineUp(pool, ["a", "b"])
        yield* TestClock.adjust("1 second")
        yield* Fiber.awaitAll(borrowers)
        assert.deepStrictEqual(served, ["b"])
        assert.deepStrictEqual([connector.attempts, connector.live], [2, 1])
      }))

    // F5
    it.scoped("gives its place back after closeTimeout when it cannot be interrupted", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup(
          { maxConnecting: 1, connectTimeout: "1 second", closeTimeout: "2 seconds" },
          { open: (attempt) => attempt === 1 ? "stuck" : "ok" }
        )
        const first = yield* lineUp(pool, ["a", "b"])
        yield* TestClock.adjust("2 seconds")
        // Given up, it is still in flight: one that comes now may not open beside it.
        const second = yield* lineUp(pool, ["c"])
        yield* TestClock.adjust(999)
        assert.strictEqual(connector.attempts, 1)
        yield* TestClock.adjust(1)
        yield* Fiber.awaitAll([...first.borrowers, ...second.borrowers])
        assert.deepStrictEqual([...first.served, ...second.served], ["b", "c"])
      }))

    it.scoped("is closed and not lent when it ends after connectTimeout after all", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? { slow: "2 seconds" } : "ok" })
        const pool = yield* audited(
          connector,
          Pool.make({ connectTimeout: "1 second", open: Effect.uninterruptible(connector.open) })
        )
        const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Fiber.join(borrower))._tag, "ConnectTimeoutError")
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
        assert.strictEqual(yield* pool.use(id), 2)
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.opened, stats.openFailed], [1, 1])
      }))

    it.scoped("is closed and not lent when it ends after its place was given to another", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? { slow: "1 minute" } : "ok" })
        const pool = yield* audited(
          connector,
          Pool.make({
            maxConnecting: 1,
            connectTimeout: "1 second",
            closeTimeout: "1 second",
            open: Effect.uninterruptible(connector.open)
          })
        )
        const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(borrower)
        assert.strictEqual(yield* pool.use(id), 1)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(connector.log, ["open 1", "open 2", "close 2"])
        assert.strictEqual((yield* pool.stats).opened, 1)
      }))

    it.scoped("fails one waiter, and the others are served or fail in turn", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ maxConnections: 2, connectTimeout: "1 second" }, {
          open: (attempt) => attempt % 2 === 1 ? "never" : "fail"
        })
        const borrowers = yield* crowd(pool, 10)
        yield* TestClock.adjust("10 seconds")
        assert.isTrue((yield* Fiber.join(borrowers)).every(Either.isLeft))
      }))
  })

  describe("a borrower that goes away while its connection is opened", () => {
    // F3
    it.scoped("is interrupted at once, and the connection becomes idle", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
        const borrower = yield* forkSettled(pool.use(id))
        const exit = yield* Fiber.interrupt(borrower)
        assert.isTrue(Exit.isInterrupted(exit))
        assert.strictEqual((yield* pool.stats).opening, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pool.stats).idle, 1)
        assert.strictEqual(yield* pool.use(id), 1)
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("leaves its open to the next waiter", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({}, { open: () => ({ slow: "1 second" }) })
        const first = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(first)
        const second = yield* forkSettled(pool.use(id))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* Fiber.join(second), 1)
        assert.strictEqual(connector.attempts, 1)
      }))

    // F3
    it.scoped("ends by Effect.timeout although the open hangs and cannot be interrupted", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({}, { open: () => "stuck" })
        const borrower = yield* forkSettled(Effect.timeoutOption(pool.use(id), "200 millis"))
        yield* TestClock.adjust("200 millis")
        assert.isTrue(Option.isNone(yield* Fiber.join(borrower)))
        yield* TestClock.adjust("10 seconds")
      }))

    // F10
    it.scoped("having timed out, leaves a connection that the next borrower gets without waiting", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1, acquireTimeout: "100 millis" }, {
          open: () => ({ slow: "300 millis" })
        })
        const first = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("100 millis")
        assert.strictEqual((yield* Fiber.join(first))._tag, "PoolExhaustedError")
        yield* TestClock.adjust("200 millis")
        assert.strictEqual((yield* pool.stats).idle, 1)
        const connection = yield* pool.acquireWith({ timeout: 0 })
        yield* pool.release(connection)
        assert.strictEqual(connector.attempts, 1)
      }))

    it.scoped("leaves nothing behind when the open fails without it", () =>
      Effect.gen(function*() {
        const connector = ScriptedConnector.make({ open: () => ({ slow: "1 second" }) })
        const pool = yield* audited(connector, Pool.make({ open: failLate(connector) }))
        const borrower = yield* forkSettled(pool.use(id))
        yield* Fiber.interrupt(borrower)
        yield* TestClock.adjust("1 second")
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.opening, stats.idle, stats.openFailed, connector.live], [0, 0, 1, 0])
      }))
  })

  describe("opens that give equal values", () => {
    it.scoped("give as many connections", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        const ids = yield* pool.use((outer) => pool.use((inner) => Effect.succeed([outer, inner])))
        assert.deepStrictEqual(ids, ["x", "x"])
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("can be released as often as they were acquired", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        const leased = [yield* pool.acquire, yield* pool.acquire]
        yield* Effect.forEach(leased, (value) => pool.release(value))
        assert.strictEqual((yield* Effect.flip(pool.release("x")))._tag, "ConnectionNotFoundError")
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("can be dropped as often as there are connections", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        yield* pool.use(() => pool.use(() => Effect.void))
        yield* pool.drop("x")
        yield* pool.drop("x")
        assert.strictEqual((yield* Effect.flip(pool.drop("x")))._tag, "ConnectionNotFoundError")
        yield* settled
        assert.strictEqual((yield* pool.stats).closed.Dropped, 2)
      }))

    it.scoped("are all given back, whichever of them are leased by scope and whichever by hand", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues("x")
        yield* pool.use(() => Effect.flatMap(pool.acquire, (value) => pool.release(value)))
        yield* Effect.flatMap(pool.acquire, (value) => Effect.andThen(pool.use(() => Effect.void), pool.release(value)))
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
      }))

    it.scoped("may be undefined", () =>
      Effect.gen(function*() {
        const pool = yield* setupValues(undefined)
        const value = yield* pool.acquire
        yield* pool.drop(value)
        yield* settled
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.opened, stats.closed.Dropped], [1, 1])
        assert.strictEqual((yield* Effect.flip(pool.release(undefined)))._tag, "ConnectionNotFoundError")
      }))
  })
})

describe("a connection that ends between its open and its borrower's next step", () => {
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await new Promise<void>((next) => queueMicrotask(next))
  }

  it.scoped.each(["Disconnected", "Desync"] as const)(
    "is lent even so, as the next would most likely end the same way: %s",
    (reason) =>
      Effect.gen(function*() {
        for (let at = 0;; at++) {
          const { connector, pool } = yield* setup({ maxConnections: 1, closed: () => Effect.succeed(reason) })
          const scheduler = SteppingScheduler.make()
          const watch = scheduler.watch("all", { at, aside: (goOn) => void turns(200).then(goOn) })
          const lent = yield* Effect.withScheduler(pool.use((connection) => Effect.succeed(connection.id)), scheduler)
          yield* settled
          assert.deepStrictEqual([at, lent, connector.attempts], [at, 1, 1])
          assert.strictEqual((yield* pool.stats).closed[reason], 1)
          if (!watch.reached) break
        }
      })
  )
})
