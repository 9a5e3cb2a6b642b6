import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Inspectable, pipe, Pool as EffectPool, Scope } from "effect"
import { id, settled, setup } from "./setup.js"

/** A function that knows only effect's own pools. */
const lendTwice = <A, E>(pool: EffectPool.Pool<A, E>) =>
  Effect.all([Effect.scoped(EffectPool.get(pool)), Effect.scoped(pool)])

describe("as an effect Pool", () => {
  it.scoped("is one", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      assert.isTrue(EffectPool.isPool(pool))
      assert.isTrue(Effect.isEffect(pool))
    }))

  it.scoped("serves a function that takes one", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const lent = yield* lendTwice(pool)
      assert.deepStrictEqual(lent.map((connection) => connection.id), [1, 1])
    }))

  it.scoped("leases with Pool.get until the scope closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const scope = yield* Scope.make()
      yield* Scope.extend(EffectPool.get(pool), scope)
      assert.strictEqual((yield* pool.stats).inUse, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("leases when it is yielded", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const during = yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool
        return { id: connection.id, inUse: (yield* pool.stats).inUse }
      }))
      assert.deepStrictEqual(during, { id: 1, inUse: 1 })
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("closes what Pool.invalidate names when it comes back, and opens another", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* EffectPool.get(pool)
        yield* EffectPool.invalidate(pool, connection)
        yield* settled
        assert.strictEqual(connector.live, 1)
      }))
      yield* settled
      assert.strictEqual(yield* pool.use(id), 2)
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
    }))

  it.scoped("can be piped", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      assert.strictEqual(yield* pipe(pool, Effect.map((connection) => connection.id), Effect.scoped), 1)
      assert.strictEqual(yield* pool.pipe(Effect.map((connection) => connection.id), Effect.scoped), 1)
    }))

  it.scoped("fails a borrower after close instead of interrupting it, the one thing in which it differs", () =>
    Effect.gen(function*() {
      // F14
      const { pool } = yield* setup()
      yield* pool.close
      assert.strictEqual((yield* Effect.flip(Effect.scoped(EffectPool.get(pool))))._tag, "PoolClosedError")
    }))
})

it.scoped("a pool shows its name and its numbers", () =>
  Effect.gen(function*() {
    const { pool } = yield* setup({ name: "orders" })
    yield* pool.use(id)
    const shown = { _id: "@socketpool/core/Pool", name: "orders", stats: yield* pool.stats }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(pool)), shown)
    assert.deepStrictEqual(JSON.parse(String(pool)), shown)
    assert.deepStrictEqual(Inspectable.toJSON(pool), shown)
  }))
