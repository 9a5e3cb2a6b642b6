import { Pool } from "@socketpool/core"
import { fork, hasDies } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber } from "effect"
import { audited, type Connection, settled } from "../setup.js"

describe("lease", () => {
  interface View {
    readonly id: number
    readonly of: Connection
  }
  const setupViews = (options: Partial<Pool.Options<View, ScriptedConnector.ScriptedOpenError>> = {}) => {
    const connector = ScriptedConnector.make()
    return Effect.map(
      audited(
        connector,
        Pool.make<View, ScriptedConnector.ScriptedOpenError, never>({
          open: Effect.map(connector.open, (connection) => ({ id: connection.id, of: connection })),
          lease: ({ of }) => ({ id: of.id, of }),
          ...options
        })
      ),
      (pool) => ({ connector, pool })
    )
  }

  it.scoped("gives every lease a view of its own of the same connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupViews()
      const views = [yield* pool.use(Effect.succeed), yield* pool.use(Effect.succeed)]
      assert.notStrictEqual(views[0], views[1])
      assert.strictEqual(views[0]!.of, views[1]!.of)
    }))

  it.scoped("has release take the view", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupViews()
      const view = yield* pool.acquire
      assert.strictEqual((yield* Effect.flip(pool.release({ ...view })))._tag, "ConnectionNotFoundError")
      yield* pool.release(view)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("has drop take the view", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      yield* pool.use((view) => pool.drop(view))
      yield* settled
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("has invalidate take the view", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      yield* pool.use((view) => pool.invalidate(view))
      yield* settled
      assert.strictEqual(connector.live, 0)
    }))

  // F61, G1: double release
  it.scoped("leaves a view unknown to release and drop once another holds the connection, and invalidate waits", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setupViews()
      const stale = yield* pool.use(Effect.succeed)
      yield* pool.use(() =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(pool.release(stale)))._tag, "ConnectionNotFoundError")
          assert.strictEqual((yield* Effect.flip(pool.drop(stale)))._tag, "ConnectionNotFoundError")
          yield* pool.invalidate(stale)
          assert.strictEqual((yield* pool.stats).inUse, 1)
        })
      )
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  it.scoped("that throws makes the borrower die and closes the connection", () =>
    Effect.gen(function*() {
      let broken = true
      const { connector, pool } = yield* setupViews({
        lease: ({ of }) => {
          if (broken) throw new Error("thrown by a hook")
          return { id: of.id, of }
        }
      })
      const exit = yield* Effect.exit(pool.use(Effect.succeed))
      assert.isTrue(Exit.isFailure(exit) && hasDies(exit.cause))
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Invalid], [0, 1])
      broken = false
      assert.strictEqual((yield* pool.use(Effect.succeed)).id, 2)
    }))

  it.scoped("that throws for one waiter leaves the others in the queue to be served", () =>
    Effect.gen(function*() {
      let throwing = false
      const { pool } = yield* setupViews({
        maxConnections: 1,
        lease: ({ of }) => {
          if (throwing) {
            throwing = false
            throw new Error("thrown by a hook")
          }
          return { id: of.id, of }
        }
      })
      const view = yield* pool.acquire
      const waiters = yield* Effect.forEach([1, 2, 3], () => fork(Effect.exit(pool.use(Effect.succeed))))
      yield* settled
      throwing = true
      yield* pool.release(view)
      const exits = yield* Fiber.joinAll(waiters)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [false, true, true])
    }))

  it.scoped("may give equal views", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const pool = yield* audited(
        connector,
        Pool.make({ open: Effect.as(connector.open, "connection"), lease: () => "view" })
      )
      yield* pool.use((outer) =>
        pool.use((inner) => Effect.sync(() => assert.deepStrictEqual([outer, inner], ["view", "view"])))
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.idle, stats.inUse], [2, 0])
    }))

  it.scoped("leaves onRelease the connection itself", () =>
    Effect.gen(function*() {
      const seen: Array<View> = []
      const { pool } = yield* setupViews({
        onRelease: (connection) => {
          seen.push(connection)
          return Effect.succeed("keep")
        }
      })
      const views = [yield* pool.use(Effect.succeed), yield* pool.use(Effect.succeed)]
      assert.strictEqual(seen[0], seen[1])
      assert.isFalse(views.includes(seen[0]!))
    }))
})
