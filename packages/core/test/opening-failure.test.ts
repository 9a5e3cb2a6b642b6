import { Pool } from "@socketpool/core"
import { hasDies, hasFailed, hasInterrupts, type Result, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"
import { audited, crowd, failLate, id, settled, setup } from "./setup.js"

const attemptOf = (outcome: Result<unknown, unknown>): unknown =>
  outcome._tag === "Failure" && outcome.failure instanceof ScriptedConnector.ScriptedOpenError
    ? outcome.failure.attempt
    : outcome

describe("opening", () => {
  describe("a failed open", () => {
    it.scoped("fails the oldest waiter with the connector's error and nobody else", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ maxConnections: 1 }, {
          open: (attempt) => attempt === 1 ? "fail" : "ok"
        })
        const borrowers = yield* crowd(pool, 3)
        const [first, ...rest] = yield* Fiber.join(borrowers)
        assert.strictEqual(attemptOf(first!), 1)
        assert.deepStrictEqual(rest, [{ _tag: "Success", success: 1 }, { _tag: "Success", success: 1 }])
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
          assert.strictEqual((yield* Fiber.join(results)).filter(hasFailed).length, failing)
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
        assert.isTrue(Exit.isFailure(exit) && hasDies(exit.cause))
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
        assert.isTrue(Exit.isFailure(exit) && hasDies(exit.cause))
        assert.strictEqual(yield* pool.use(id), 1)
      }))

    it.scoped("that interrupted itself makes the waiter die and does not interrupt it", () =>
      Effect.gen(function*() {
        const pool = yield* audited(ScriptedConnector.make(), Pool.make({ open: Effect.interrupt }))
        const exit = yield* Effect.exit(pool.use(() => Effect.void))
        assert.isTrue(Exit.isFailure(exit) && hasDies(exit.cause) && !hasInterrupts(exit.cause))
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
})
