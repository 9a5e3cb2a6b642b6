import { exitOf, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber } from "effect"
import { assertEndsAfter, forkSettled, type Options, type Script, settled, setup } from "./setup.js"

describe("close", () => {
  describe("with leases out", () => {
    const setupLeased = (options: Options = {}, script: Script = {}) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup(options, script)
        const connection = yield* pool.acquire
        const closing = yield* forkSettled(pool.close)
        return { connector, pool, connection, closing }
      })

    it.scoped("waits for them to come back", () =>
      Effect.gen(function*() {
        const { closing, connection, connector, pool } = yield* setupLeased()
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual([exitOf(closing), connector.live], [undefined, 1])
        yield* pool.release(connection)
        yield* Fiber.join(closing)
        assert.deepStrictEqual([connector.closed, (yield* pool.stats).closed.PoolClosed], [1, 1])
      }))

    it.scoped("lets the work of their holders end", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup()
        const holder = yield* forkSettled(pool.use(() => Effect.delay(Effect.sync(() => connector.live), "5 seconds")))
        const closing = yield* forkSettled(pool.close)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* Fiber.join(holder), 1)
        yield* Fiber.join(closing)
        assert.strictEqual(connector.live, 0)
      }))

    // F47
    it.scoped("closes their connections by force after drainTimeout", () =>
      Effect.gen(function*() {
        const { closing, connection, connector, pool } = yield* setupLeased({ drainTimeout: "1 second" })
        yield* assertEndsAfter(closing, 1000)
        assert.deepStrictEqual([connector.closed, (yield* pool.stats).closed.PoolClosed], [1, 1])
        assert.strictEqual((yield* Effect.flip(pool.release(connection)))._tag, "ConnectionNotFoundError")
      }))

    // F47
    it.scoped("closes their connections by force after 10 seconds unless told otherwise", () =>
      Effect.gen(function*() {
        const { closing } = yield* setupLeased()
        yield* assertEndsAfter(closing, 10_000)
      }))

    it.scoped("closes their connections at once when drainTimeout is 0", () =>
      Effect.gen(function*() {
        const { closing, connector } = yield* setupLeased({ drainTimeout: 0 })
        yield* settled
        assert.deepStrictEqual([exitOf(closing), connector.live], [Exit.void, 0])
      }))

    // F48, G2: finalizer hangs
    it.scoped("ends within drainTimeout and closeTimeout when their finalizers hang", () =>
      Effect.gen(function*() {
        const { closing } = yield* setupLeased({ drainTimeout: "1 second", closeTimeout: "2 seconds" }, {
          close: () => ({ slow: "1 hour" })
        })
        yield* assertEndsAfter(closing, 3000)
        yield* TestClock.adjust("1 hour")
      }))

    it.scoped("closes each once when its holder ends after the force", () =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ drainTimeout: "1 second" })
        const holder = yield* forkSettled(Effect.scoped(Effect.andThen(pool.get, Effect.sleep("1 minute"))))
        const closing = yield* forkSettled(pool.close)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.joinAll([holder, closing])
        assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      }))

    it.scoped("keeps them for as long as a connection that has expired is leased", () =>
      Effect.gen(function*() {
        const { closing, connection, connector, pool } = yield* setupLeased({ connectionTTL: "1 second" })
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(connector.live, 1)
        yield* pool.release(connection)
        yield* Fiber.join(closing)
      }))

    it.scoped("leaves it to them to drop their connections", () =>
      Effect.gen(function*() {
        const { closing, connection, pool } = yield* setupLeased()
        yield* pool.drop(connection)
        yield* Fiber.join(closing)
        assert.strictEqual((yield* pool.stats).closed.Dropped, 1)
      }))
  })
})
