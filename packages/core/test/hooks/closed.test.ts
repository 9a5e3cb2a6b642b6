import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber } from "effect"
import { forkSettled, id, lineUp, settled, setup, warmUp } from "../setup.js"
import { thrower } from "./setup.js"

describe("closed", () => {
  // F30
  it.scoped("closes an idle connection as soon as it completes", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: (connection) => connection.closed })
      yield* warmUp(pool, 3)
      connector.connection(2).kill()
      yield* settled
      assert.deepStrictEqual(connector.log.slice(3), ["close 2"])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  // F32
  it.scoped("leaves a leased connection to its holder, and closes it when it comes back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: (connection) => connection.closed })
      const connection = yield* pool.acquire
      connection.kill()
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1"])
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  it.scoped("has a waiter served by a new connection when the one handed to it has gone", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, closed: (connection) => connection.closed })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      connection.kill()
      yield* pool.release(connection)
      yield* settled
      assert.strictEqual(yield* Fiber.join(waiter), 2)
    }))

  const ends: ReadonlyArray<readonly [string, () => Effect.Effect<unknown, unknown>]> = [
    ["fails", () => Effect.fail("failed")],
    ["dies", () => Effect.die("defect")],
    ["throws", thrower]
  ]
  it.scoped.each(ends)(
    "that %s means that the peer is gone, and breaks nothing",
    ([_, closed]) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* setup({ closed })
        assert.strictEqual(yield* pool.use(id), 1)
        yield* settled
        assert.strictEqual(yield* pool.use(id), 2)
        yield* settled
        assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Disconnected], [0, 2])
      })
  )

  it.scoped("that completes at once fails nobody: a new connection is lent once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ closed: () => Effect.void, maxConnections: 2 })
      const { borrowers, served } = yield* lineUp(pool, ["a", "b", "c", "d"])
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["a", "b", "c", "d"])
      assert.strictEqual(connector.attempts, 4)
    }))

  it.scoped("is interrupted when the connection closes", () =>
    Effect.gen(function*() {
      const interrupted: Array<number> = []
      const { pool } = yield* setup({
        closed: (connection) =>
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(connection.id)))
      })
      yield* warmUp(pool, 2)
      yield* settled
      yield* pool.use((connection) => pool.drop(connection))
      yield* settled
      assert.strictEqual(interrupted.length, 1)
      yield* pool.close
      yield* settled
      assert.deepStrictEqual([...interrupted].sort(), [1, 2])
    }))
})
