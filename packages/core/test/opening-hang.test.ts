import { ConnectTimeoutError, Pool } from "@socketpool/core"
import { exitOf, hasFailed, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { audited, crowd, forkSettled, id, lineUp, setup } from "./setup.js"

describe("opening", () => {
  describe("an open that hangs", () => {
    // F5
    it.scoped("fails the oldest waiter after connectTimeout, and not a millisecond earlier", () =>
      Effect.gen(function*() {
        const { pool } = yield* setup({ connectTimeout: "1 second" }, { open: () => "never" })
        const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(exitOf(borrower))
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
        assert.isUndefined(exitOf(borrower))
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
        assert.isTrue((yield* Fiber.join(borrowers)).every(hasFailed))
      }))
  })
})
