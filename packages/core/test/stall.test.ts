// On the real clock: what the virtual one cannot show is that timers fire before the answers that came meanwhile.
import { Pool } from "@socketpool/core"
import { async, fork, repeatN } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber, type Scope } from "effect"
import * as fs from "node:fs"
import { type Connection, id } from "./setup.js"

/** Keeps the event loop from doing anything for 200 milliseconds. */
const stall = Effect.sync(() => {
  const end = performance.now() + 200
  while (performance.now() < end);
})

/** An answer of the operating system's: it comes during the stall, and the event loop reads it after that. */
const answer = async<void>((resume) => fs.stat(import.meta.dirname, () => resume(Effect.void)))

/** Lets every fiber run until it waits for the world outside, without a turn of the event loop. */
const begun = repeatN(Effect.promise(() => Promise.resolve()), 20)

/** A pool of one connection, whose open waits for an answer; its books are audited. */
const setupLive = (
  options: Partial<Pool.Options<Connection, ScriptedConnector.ScriptedOpenError, Scope.Scope>>,
  opening: Effect.Effect<void> = Effect.void
) =>
  Effect.gen(function*() {
    const connector = ScriptedConnector.make()
    const pool = yield* Pool.make({ maxConnections: 1, open: Effect.andThen(opening, connector.open), ...options })
    yield* Effect.addFinalizer(() =>
      Effect.map(pool.stats, (stats) => {
        assert.deepStrictEqual(connector.audit(stats), [])
        assert.deepStrictEqual([stats.inUse, stats.pending], [0, 0])
      })
    )
    // From here the event loop goes on with its timers, and reads what has come only after them.
    yield* async<void>((resume) => void setImmediate(() => resume(Effect.void)))
    return { connector, pool }
  })

// G12: event-loop stall
describe("when the event loop has stood still for longer than a time limit", () => {
  it.scopedLive("a waiter whose connection was opened meanwhile gets it", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupLive({ acquireTimeout: "100 millis" }, answer)
      const waiter = yield* fork(pool.use(id))
      yield* begun
      yield* stall
      assert.strictEqual(yield* Fiber.join(waiter), 1)
    }))

  it.scopedLive("a waiter with a timeout of its own whose connection was opened meanwhile gets it", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupLive({}, answer)
      const waiter = yield* fork(
        Effect.flatMap(pool.acquireWith({ timeout: "100 millis" }), (connection) => pool.release(connection))
      )
      yield* begun
      yield* stall
      yield* Fiber.join(waiter)
    }))

  it.scopedLive("a waiter gets the connection whose holder had its answer meanwhile", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupLive({ acquireTimeout: "100 millis" })
      const holder = yield* fork(pool.use(() => answer))
      yield* begun
      const waiter = yield* fork(pool.use(id))
      yield* begun
      yield* stall
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      yield* Fiber.join(holder)
    }))

  it.scopedLive("an open that was answered meanwhile is not given up", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupLive({ connectTimeout: "100 millis" }, answer)
      const waiter = yield* fork(pool.use(id))
      yield* begun
      yield* stall
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      assert.strictEqual(connector.attempts, 1)
    }))

  it.scopedLive("a close whose lease came back meanwhile takes nothing by force", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupLive({ drainTimeout: "100 millis" })
      const seen: Array<boolean> = []
      const holder = yield* fork(
        pool.use((connection) => Effect.map(answer, () => void seen.push(connection.alive)))
      )
      yield* begun
      const closing = yield* fork(pool.close)
      yield* begun
      yield* stall
      yield* Fiber.joinAll([holder, closing])
      assert.deepStrictEqual(seen, [true])
      assert.strictEqual(connector.closed, 1)
    }))

  it.scopedLive("a connection that answered validate meanwhile is lent", () =>
    Effect.gen(function*() {
      let asked = 0
      const { connector, pool } = yield* setupLive({
        validate: () => {
          asked++
          return Effect.as(answer, true)
        },
        validateAfterIdle: 0,
        validateTimeout: "100 millis"
      })
      yield* pool.use(id)
      const borrower = yield* fork(pool.use(id))
      yield* begun
      yield* stall
      assert.strictEqual(yield* Fiber.join(borrower), 1)
      assert.deepStrictEqual([asked, connector.attempts], [1, 1])
    }))

  it.scopedLive("a connection that was made ready for the next borrower meanwhile is kept", () =>
    Effect.gen(function*() {
      let returns = 0
      const { connector, pool } = yield* setupLive({
        closeTimeout: "100 millis",
        onRelease: () => Effect.as(++returns === 1 ? answer : Effect.void, "keep")
      })
      yield* pool.use(id)
      yield* begun
      yield* stall
      assert.strictEqual(yield* pool.use(id), 1)
      assert.deepStrictEqual([returns, connector.attempts], [2, 1])
      yield* begun
    }))

  it.scopedLive("a waiter for whom nothing came fails even so", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupLive({ acquireTimeout: "100 millis" })
      const error = yield* pool.use(() =>
        Effect.gen(function*() {
          const waiter = yield* fork(Effect.flip(pool.use(id)))
          yield* begun
          yield* stall
          return yield* Fiber.join(waiter)
        })
      )
      assert.strictEqual(error._tag, "PoolExhaustedError")
    }))
})
