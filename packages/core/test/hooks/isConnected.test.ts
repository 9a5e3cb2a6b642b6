import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { id, settled, setup, warmUp } from "../setup.js"
import { isAlive, thrower } from "./setup.js"

describe("isConnected", () => {
  // F27
  it.scoped("keeps an idle connection that has gone from being lent", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* pool.use(id)
      connector.connection(1).kill()
      assert.strictEqual(yield* pool.use(id), 2)
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  // F27
  it.scoped("has all idle connections that have gone passed over at once", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* warmUp(pool, 10)
      for (let n = 2; n <= 10; n++) connector.connection(n).kill()
      assert.strictEqual(yield* pool.use(id), 1)
      assert.strictEqual(connector.attempts, 10)
    }))

  // F32
  it.scoped("keeps a connection that went while it was leased from being lent again", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: isAlive })
      yield* pool.use((connection) => Effect.sync(connection.kill))
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  // F23
  it.scoped("closes the connection when it throws about one to be lent", () =>
    Effect.gen(function*() {
      let broken = false
      const { connector, pool } = yield* setup({ isConnected: () => broken ? thrower() : true })
      yield* pool.use(id)
      broken = true
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 2])
    }))

  // F23
  it.scoped("closes the connection when it throws about one that comes back, and the borrower does not notice", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: thrower })
      assert.strictEqual(yield* pool.use(() => Effect.succeed("answer")), "answer")
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
    }))
})
