import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { id, settled, setup } from "../setup.js"
import { thrower } from "./setup.js"

describe("isExpired", () => {
  it.scoped("keeps an idle connection from being lent", () =>
    Effect.gen(function*() {
      const expired = new Set<number>()
      const { pool } = yield* setup({ isExpired: (connection) => expired.has(connection.id) })
      yield* pool.use(id)
      expired.add(1)
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("keeps a connection that comes back from being lent again", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ isExpired: () => true })
      assert.deepStrictEqual([yield* pool.use(id), yield* pool.use(id)], [1, 2])
    }))

  it.scoped("closes the connection when it throws", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isExpired: thrower })
      yield* pool.use(id)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
    }))
})
