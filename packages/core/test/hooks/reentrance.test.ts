import { fork } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Deferred, Effect, Fiber } from "effect"
import { type Connection, id, settled, setup, type TestPool, warmUp } from "../setup.js"

describe("a hook that uses the pool", () => {
  type Act = (pool: TestPool, connection: Connection) => Effect.Effect<unknown, unknown>

  /** An `isConnected` that, armed, also does something with the pool, once. */
  const reentrant = (act: Act) => {
    let target: TestPool | undefined
    const isConnected = (connection: Connection): boolean => {
      const pool = target
      target = undefined
      if (pool !== undefined) Effect.runSync(Effect.ignore(act(pool, connection)))
      return connection.alive
    }
    return { isConnected, arm: (pool: TestPool) => target = pool }
  }

  const acts: ReadonlyArray<readonly [string, Act]> = [
    ["releases the connection", (pool, connection) => pool.release(connection)],
    ["drops the connection", (pool, connection) => pool.drop(connection)],
    ["invalidates the connection", (pool, connection) => pool.invalidate(connection)],
    ["has expired connections dropped", (pool) => pool.dropExpired],
    ["borrows without waiting", (pool) => Effect.flatMap(pool.acquireWith({ timeout: 0 }), (c) => pool.release(c))],
    ["looks at the numbers", (pool) => pool.stats],
    ["closes the pool", (pool) => Effect.sync(() => Effect.runFork(pool.close))]
  ]

  it.scoped.each(acts)(
    "when a connection is about to be lent, and %s, breaks nothing",
    ([_, act]) =>
      Effect.gen(function*() {
        const { arm, isConnected } = reentrant(act)
        const { connector, pool } = yield* setup({ maxConnections: 2, isConnected })
        yield* warmUp(pool, 2)
        arm(pool)
        const wrong: Array<string> = []
        const hold = <E>(connection: Connection, effect: Effect.Effect<unknown, E>) => {
          if (connection.held) wrong.push(`${connection.id} was lent twice`)
          connection.held = true
          return Effect.ensuring(
            effect,
            Effect.sync(() => {
              if (!connection.alive) wrong.push(`${connection.id} was closed while it was leased`)
              connection.held = false
            })
          )
        }
        yield* Effect.exit(pool.use((outer) => hold(outer, pool.use((inner) => hold(inner, settled)))))
        assert.deepStrictEqual(wrong, [])
        yield* settled
        assert.deepStrictEqual(connector.audit(yield* pool.stats), [])
      })
  )

  it.scoped.each(acts)(
    "when a connection comes back to a waiter, and %s, breaks nothing",
    ([_, act]) =>
      Effect.gen(function*() {
        const { arm, isConnected } = reentrant(act)
        const { connector, pool } = yield* setup({ maxConnections: 2, isConnected })
        const leased = [yield* pool.acquire, yield* pool.acquire]
        const waiters = yield* Effect.forEach([1, 2, 3], () => fork(Effect.exit(pool.use(id))))
        yield* settled
        arm(pool)
        yield* Effect.forEach(leased, (connection) => Effect.ignore(pool.release(connection)))
        yield* Fiber.joinAll(waiters)
        yield* settled
        assert.deepStrictEqual(connector.audit(yield* pool.stats), [])
      })
  )

  it.scoped("from onRelease borrows another connection while its own comes back", () =>
    Effect.gen(function*() {
      const self: { pool?: TestPool } = {}
      const borrowed = yield* Deferred.make<number>()
      const { pool } = yield* setup({
        maxConnections: 2,
        onRelease: (connection) =>
          connection.id === 1 ?
            Effect.as(
              Effect.flatMap(Effect.exit(Effect.orDie(self.pool!.use(id))), (exit) => Deferred.done(borrowed, exit)),
              "keep"
            ) :
            Effect.succeed("keep")
      })
      self.pool = pool
      yield* pool.use(id)
      assert.strictEqual(yield* Deferred.await(borrowed), 2)
      yield* settled
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))
})
