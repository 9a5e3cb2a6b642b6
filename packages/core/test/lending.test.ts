import { fork, hasDies, provideScope, TestClock, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Scope } from "effect"
import { forkSettled, id, settled, setup, warmUp } from "./setup.js"

describe("lending", () => {
  it.scoped("opens a connection for the first borrower and lends it again to the next", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      assert.deepStrictEqual([yield* pool.use(id), yield* pool.use(id)], [1, 1])
      assert.deepStrictEqual(connector.log, ["open 1"])
    }))

  // H1: double hand-out
  it.scoped("lends to one borrower at a time", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const hold = Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.get
        assert.isFalse(connection.held)
        connection.held = true
        yield* yieldNow
        connection.held = false
      }))
      yield* Effect.all(Array.from({ length: 20 }, () => hold), { concurrency: "unbounded" })
      assert.isAtMost(connector.attempts, 20)
    }))

  // F18
  it.scoped("never opens more than maxConnections, however many borrow and however long opens take", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(
        { maxConnections: 7, maxConnecting: 7, acquireTimeout: "1 hour" },
        { open: (attempt) => ({ slow: (attempt * 37) % 50 + 1 }) }
      )
      const borrowers = yield* fork(
        Effect.forEach(Array.from({ length: 1000 }), () => pool.use(() => yieldNow), {
          concurrency: "unbounded",
          discard: true
        })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(borrowers)
      assert.strictEqual(connector.peak, 7)
      assert.strictEqual((yield* pool.stats).acquired, 1000)
    }))

  // F19
  it.scoped("has room for 200 connections unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const leased = yield* Effect.all(Array.from({ length: 200 }, () => pool.acquire), { concurrency: "unbounded" })
      const oneMore = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
      assert.strictEqual(oneMore._tag, "PoolExhaustedError")
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      assert.strictEqual(connector.peak, 200)
    }))

  it.scoped("lends the connection used last", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const [first, second, third] = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      yield* pool.release(third)
      yield* pool.release(first)
      yield* pool.release(second)
      assert.strictEqual(yield* pool.use(id), second.id)
    }))

  it.scoped("lends the connection idle for longest when the order is fifo", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ order: "fifo" })
      const [first, second, third] = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      yield* pool.release(third)
      yield* pool.release(first)
      yield* pool.release(second)
      const lent = [yield* pool.acquire, yield* pool.acquire, yield* pool.acquire]
      assert.deepStrictEqual(lent.map((connection) => connection.id), [third.id, first.id, second.id])
      yield* Effect.forEach(lent, (connection) => pool.release(connection))
    }))

  describe("use", () => {
    it.scoped("gives what its effect gives", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        assert.strictEqual(yield* pool.use(() => Effect.succeed("answer")), "answer")
      }))

    it.scoped("holds the connection for as long as its effect runs", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const during = yield* pool.use(() => pool.stats)
        const after = yield* pool.stats
        assert.deepStrictEqual([during.inUse, during.idle], [1, 0])
        assert.deepStrictEqual([after.inUse, after.idle], [0, 1])
      }))

    it.scoped("fails as its effect fails, and keeps the connection", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        assert.strictEqual(yield* Effect.flip(pool.use(() => Effect.fail("typed"))), "typed")
        yield* pool.use(id)
        assert.deepStrictEqual(connector.log, ["open 1"])
      }))

    it.scoped("dies as its effect dies, and closes the connection", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const exit = yield* Effect.exit(pool.use(() => Effect.die("defect")))
        assert.deepStrictEqual(exit, Exit.die("defect"))
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
        assert.strictEqual((yield* pool.stats).closed.Discarded, 1)
      }))

    it.scoped("dies with what its function throws, and closes the connection", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const exit = yield* Effect.exit(pool.use((): Effect.Effect<void> => {
          throw new Error("thrown")
        }))
        assert.isTrue(Exit.isFailure(exit) && hasDies(exit.cause))
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    // F33
    it.scoped("closes the connection when it is interrupted", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const borrower = yield* forkSettled(pool.use(() => Effect.never))
        yield* Fiber.interrupt(borrower)
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
        assert.strictEqual((yield* pool.stats).closed.Discarded, 1)
      }))

    it.scoped("does not run its effect again when it fails", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        let runs = 0
        yield* Effect.ignore(pool.use(() => {
          runs++
          return Effect.fail("once")
        }))
        assert.strictEqual(runs, 1)
      }))

    it.scoped("lends to a use within a use a second connection", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const ids = yield* pool.use((outer) => pool.use((inner) => Effect.succeed([outer.id, inner.id])))
        assert.deepStrictEqual(ids, [1, 2])
      }))
  })

  describe("get", () => {
    it.scoped("leases until the scope closes", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const scope = yield* Scope.make()
        yield* provideScope(pool.get, scope)
        assert.strictEqual((yield* pool.stats).inUse, 1)
        yield* Scope.close(scope, Exit.void)
        const after = yield* pool.stats
        assert.deepStrictEqual([after.inUse, after.idle], [0, 1])
      }))

    it.scoped("leases as many connections as it is called within one scope", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        yield* Effect.scoped(Effect.gen(function*() {
          const ids = [(yield* pool.get).id, (yield* pool.get).id]
          assert.deepStrictEqual(ids, [1, 2])
        }))
        assert.strictEqual((yield* pool.stats).idle, 2)
      }))

    it.scoped("keeps the connection when the scope closes with a typed failure", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        yield* Effect.ignore(Effect.scoped(Effect.andThen(pool.get, Effect.fail("typed"))))
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1"])
      }))

    it.scoped("closes the connection when the scope closes with a defect", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        yield* Effect.exit(Effect.scoped(Effect.andThen(pool.get, Effect.die("defect"))))
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    // F33
    it.scoped("closes the connection when the scope closes with an interruption", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const borrower = yield* forkSettled(Effect.scoped(Effect.andThen(pool.get, Effect.never)))
        yield* Fiber.interrupt(borrower)
        yield* settled
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    it.scoped("gives the connection straight back when the scope has closed already", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const scope = yield* Scope.make()
        yield* Scope.close(scope, Exit.void)
        yield* provideScope(pool.get, scope)
        const after = yield* pool.stats
        assert.deepStrictEqual([after.inUse, after.idle], [0, 1])
      }))
  })

  describe("acquire", () => {
    it.scoped("leases until release", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const connection = yield* pool.acquire
        assert.strictEqual((yield* pool.stats).inUse, 1)
        yield* pool.release(connection)
        const after = yield* pool.stats
        assert.deepStrictEqual([after.inUse, after.idle], [0, 1])
      }))

    it.scoped("can be released by another fiber than the one that took it", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const connection = yield* Fiber.join(yield* fork(pool.acquire))
        yield* pool.release(connection)
        assert.strictEqual((yield* pool.stats).idle, 1)
      }))

    it.scoped("makes the acquire of an acquireUseRelease that loses nothing to an interruption", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup()
        const borrower = yield* forkSettled(
          Effect.acquireUseRelease(
            pool.acquire,
            () => Effect.never,
            (connection) => Effect.orDie(pool.release(connection))
          )
        )
        yield* Fiber.interrupt(borrower)
        const after = yield* pool.stats
        assert.deepStrictEqual([after.inUse, after.idle], [0, 1])
      }))
  })

  // F48
  it.scoped("costs the borrower no wait for a close that hangs", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { close: () => ({ slow: "1 hour" }) })
      const connection = yield* pool.acquire
      yield* pool.invalidate(connection)
      yield* pool.release(connection)
      assert.strictEqual((yield* pool.stats).closing, 1)
      yield* TestClock.adjust("1 hour")
    }))

  it.scoped("lends idle connections to borrowers that come while others are opening", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { open: (attempt) => attempt > 2 ? { slow: "1 second" } : "ok" })
      yield* warmUp(pool, 2)
      const borrowers = yield* forkSettled(
        Effect.forEach([1, 2, 3], () => pool.use(() => Effect.never), { concurrency: "unbounded" })
      )
      const during = yield* pool.stats
      assert.deepStrictEqual([during.inUse, during.opening, during.pending], [2, 1, 1])
      yield* Fiber.interrupt(borrowers)
      yield* TestClock.adjust("1 second")
    }))
})
