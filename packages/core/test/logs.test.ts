import { type LogEntry, onlyLogger, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, settled, setup, warmUp } from "./setup.js"

/** Everything that is logged by a pool that is made in an effect, and while it runs. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<{ level: string; annotations: LogEntry["annotations"]; message: string }> = []
    const logger = onlyLogger(({ annotations, level, message }) =>
      lines.push({ level, annotations, message: String(message) })
    )
    return Effect.provide(Effect.as(effect, lines), logger)
  })

describe("the log of a pool", () => {
  it.scoped("is empty as long as the pool is healthy, whatever the level", () =>
    Effect.gen(function*() {
      const lines = yield* logged(Effect.scoped(Effect.gen(function*() {
        const { pool } = yield* setup({ minConnections: 2, maxConnections: 3, idleTimeout: "1 minute", maxUses: 3 })
        yield* warmUp(pool, 3)
        yield* warmUp(pool, 3)
        yield* pool.use((connection) => pool.reconnect(connection))
        yield* pool.clear
        yield* pool.resize({ max: 5 })
        yield* TestClock.adjust("1 hour")
        yield* pool.close
      })))
      assert.deepStrictEqual(lines, [])
    }))

  it.scoped("names the pool and the connection when opening fails and nobody waits for it", () =>
    Effect.gen(function*() {
      const lines = yield* logged(Effect.scoped(Effect.gen(function*() {
        yield* setup({ minConnections: 1, name: "orders" }, { open: (attempt) => attempt === 1 ? "fail" : "ok" })
        yield* settled
      })))
      assert.deepStrictEqual(lines, [{
        level: "WARN",
        annotations: { module: "socketpool", pool: "orders", connectionId: 1 },
        message: "Pool \"orders\": a connection could not be opened in the background"
      }])
    }))

  it.scoped("warns of a leak, and tells its return at a lower level", () =>
    Effect.gen(function*() {
      const lines = yield* logged(Effect.scoped(Effect.gen(function*() {
        const { pool } = yield* setup({ leakThreshold: "1 second", name: "orders" })
        const holder = yield* forkSettled(pool.use(() => Effect.sleep("2 seconds")))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(holder)
        yield* settled
      })))
      assert.deepStrictEqual(lines.map(({ annotations, level }) => [level, annotations]), [
        ["WARN", { module: "socketpool", pool: "orders", connectionId: 1 }],
        ["INFO", { module: "socketpool", pool: "orders", connectionId: 1 }]
      ])
    }))
})
