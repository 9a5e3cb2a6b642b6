import { exitOf, fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber, Schedule } from "effect"
import { type Connection, type Options, setup, type TestPool } from "./setup.js"

/** Events that may befall a connection under its holder. */
const accidents: ReadonlyArray<(pool: TestPool, connection: Connection) => Effect.Effect<unknown, unknown>> = [
  (pool, connection) => pool.invalidate(connection),
  (pool, connection) => pool.drop(connection),
  (_, connection) => Effect.sync(connection.kill),
  (pool, connection) => pool.reconnect(connection),
  (pool) => pool.clear,
  (pool) => pool.dropExpired,
  (pool, connection) => Effect.andThen(yieldNow, pool.release(connection)),
  () => Effect.die("defect"),
  () => Effect.sleep("30 millis")
]

const settings: ReadonlyArray<readonly [string, Options]> = [
  ["of one lease each", { maxConnections: 5 }],
  ["of three leases each", { maxConnections: 2, concurrency: 3 }],
  ["with a floor", { maxConnections: 5, minConnections: 3 }],
  ["with nothing but a floor", { maxConnections: 5, minConnections: 5 }],
  ["that are validated", {
    maxConnections: 5,
    validateAfterIdle: 0,
    validate: (connection) => Effect.delay(Effect.sync(() => connection.alive), "1 millis")
  }],
  ["that are made ready", { maxConnections: 5, onRelease: () => Effect.as(Effect.sleep("1 millis"), "keep") }]
]

describe("while connections are invalidated, dropped, replaced, cleared and lost, and expire under their holders", () => {
  // F17, H1: double hand-out
  it.scoped.each(settings)(
    "there are never more than maxConnections, nor more holders than there may be: %s",
    ([_, options]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({
          maxConnecting: 3,
          acquireTimeout: "1 hour",
          connectionTTL: "25 millis",
          idleTimeout: "15 millis",
          maxUses: 7,
          isConnected: (connection) => connection.alive,
          reapSchedule: Schedule.spaced("10 millis"),
          ...options
        }, {
          open: (attempt) => attempt % 5 === 0 ? "fail" : { slow: attempt % 3 },
          close: (n) => ({ slow: n % 4 })
        })
        const problems: Array<string> = []
        const holders = new Map<Connection, number>()
        const hold = (connection: Connection, by: 1 | -1) =>
          Effect.sync(() => {
            const now = (holders.get(connection) ?? 0) + by
            holders.set(connection, now)
            if (now > (options.concurrency ?? 1)) problems.push(`${connection.id} has ${now} holders`)
          })
        const look = Effect.map(pool.stats, (stats) => problems.push(...connector.audit(stats)))
        const borrower = (n: number) =>
          Effect.exit(pool.use((connection) =>
            Effect.gen(function*() {
              yield* hold(connection, 1)
              yield* look
              yield* Effect.sleep(n % 4)
              yield* hold(connection, -1)
              yield* accidents[n % 11]?.(pool, connection) ?? Effect.void
              yield* look
            })
          ))
        const borrowers = yield* fork(
          Effect.forEach(Array.from({ length: 60 }, (_, n) => n), borrower, { concurrency: 20, discard: true })
        )
        for (let turn = 0; turn < 500 && exitOf(borrowers) === undefined; turn++) {
          yield* TestClock.adjust(1)
          yield* look
        }
        yield* Fiber.join(borrowers)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(problems, [])
        assert.strictEqual(connector.peak, options.maxConnections)
      }),
    20_000
  )
})
