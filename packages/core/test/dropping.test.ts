import { ConnectionNotFoundError } from "@socketpool/core"
import { exitOf, provideScope, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type Connection, forkSettled, id, lineUp, settled, setup, type TestPool, warmUp } from "./setup.js"

/** Asserts that an operation finds no connection, and changes none of the pool's numbers. */
const assertNotFound = (
  pool: TestPool,
  operation: "release" | "drop",
  effect: Effect.Effect<unknown, ConnectionNotFoundError>
) =>
  Effect.gen(function*() {
    const before = yield* pool.stats
    assert.deepStrictEqual(yield* Effect.flip(effect), new ConnectionNotFoundError({ pool: pool.name, operation }))
    assert.deepStrictEqual(yield* pool.stats, before)
  })

type Ending = (pool: TestPool) => Effect.Effect<Connection, unknown, Scope.Scope>

const released: Ending = (pool) => Effect.tap(pool.acquire, (connection) => pool.release(connection))
const dropped: Ending = (pool) => Effect.tap(pool.acquire, (connection) => pool.drop(connection))
const scoped: Ending = (pool) => Effect.scoped(pool.get)
const foreign: Ending = () => Effect.flatMap(setup(), (other) => other.pool.get)

// F61, F65, G1: double release
it.scoped.each(
  [
    ["release", "was released before", released],
    ["release", "was dropped before", dropped],
    ["release", "was leased by a scope which has closed", scoped],
    ["release", "is leased from another pool", foreign],
    ["drop", "was dropped before", dropped],
    ["drop", "is leased from another pool", foreign]
  ] as ReadonlyArray<readonly ["release" | "drop", string, Ending]>
)("%s finds no connection that %s", ([operation, _, end]) =>
  Effect.gen(function*() {
    const { pool } = yield* setup()
    const connection = yield* end(pool)
    yield* assertNotFound(pool, operation, pool[operation](connection))
    yield* settled
    yield* assertNotFound(pool, operation, pool[operation](connection))
  }))

describe("drop", () => {
  it.scoped("closes an idle connection", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      yield* pool.drop(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.idle, stats.closed.Dropped], [0, 1])
    }))

  it.scoped("closes a leased connection under its holder", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.drop(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.inUse, stats.closed.Dropped], [0, 1])
    }))

  it.scoped("leaves nothing to do for the scope that leased it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const scope = yield* Scope.make()
      const connection = yield* provideScope(pool.get, scope)
      yield* pool.drop(connection)
      yield* settled
      const before = yield* pool.stats
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* pool.stats, before)
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  it.scoped("leaves nothing to do for the use that leased it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      assert.strictEqual(yield* pool.use((connection) => Effect.as(pool.drop(connection), "answer")), "answer")
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  it.scoped("frees the place once the connection has closed", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, { close: () => ({ slow: "1 second" }) })
      yield* pool.use((connection) => pool.drop(connection))
      const borrower = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(exitOf(borrower))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(borrower), 2)
    }))

  // F48
  it.scoped("frees the place after closeTimeout when the close hangs", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2, closeTimeout: "1 second" }, {
        close: (n) => n === 1 ? { slow: "1 minute" } : "ok"
      })
      yield* pool.use((connection) => pool.drop(connection))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* pool.stats).closing, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([(yield* pool.stats).closing, (yield* pool.stats).closed.Dropped], [0, 1])
      yield* TestClock.adjust("1 minute")
    }))

  it.scoped("returns at once although the close hangs", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { close: () => ({ slow: "1 minute" }) })
      yield* pool.use((connection) => pool.drop(connection))
      yield* TestClock.adjust("1 minute")
    }))

  // F57
  it.scoped("closes no other connection", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* warmUp(pool, 3)
      const connection = yield* pool.acquire
      yield* pool.drop(connection)
      yield* settled
      assert.deepStrictEqual([connector.live, yield* pool.size], [2, 2])
      assert.isFalse(connection.alive)
    }))

  it.scoped("finds a connection that is just coming back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ onRelease: () => Effect.as(Effect.sleep("1 second"), "keep") })
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      yield* pool.drop(connection)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Dropped, 1)
    }))
})

describe("release", () => {
  it.scoped("leaves nothing to do for the scope that leased the connection", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const scope = yield* Scope.make()
      yield* pool.release(yield* provideScope(pool.get, scope))
      const next = yield* pool.acquire
      yield* Scope.close(scope, Exit.void)
      // Leased anew by somebody else, it was not for that scope to give back.
      assert.strictEqual((yield* pool.stats).inUse, 1)
      yield* pool.release(next)
    }))

  // F61, G1: double release
  it.scoped("a second time takes nothing from the waiter that was served by the first", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["a", "b"])
      yield* pool.release(connection)
      yield* assertNotFound(pool, "release", pool.release(connection))
      yield* Fiber.joinAll(borrowers)
      assert.deepStrictEqual(served, ["a", "b"])
      assert.strictEqual(connector.attempts, 1)
    }))

  // F61, G1: double release
  it.scoped("a second time takes nothing from another who has leased the connection for a scope or an effect since", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      for (const lease of [pool.use(() => Effect.never), Effect.scoped(Effect.andThen(pool.get, Effect.never))]) {
        const other = yield* forkSettled(lease)
        yield* assertNotFound(pool, "release", pool.release(connection))
        yield* Fiber.interrupt(other)
      }
    }))

  it.scoped("ends early what the same fiber has leased for an effect", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const ids = yield* pool.use((connection) => Effect.andThen(pool.release(connection), pool.use(id)))
      assert.strictEqual(ids, 1)
      assert.deepStrictEqual(connector.log, ["open 1"])
    }))

  // F32
  it.scoped("of a leased connection that is gone closes it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ isConnected: (connection) => connection.alive })
      const connection = yield* pool.acquire
      connection.kill()
      yield* pool.release(connection)
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Disconnected], [1, 1])
    }))
})

describe("invalidate", () => {
  it.scoped("closes an idle connection now", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      yield* pool.invalidate(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Invalid, 1)
    }))

  it.scoped("closes a leased connection when it comes back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.invalidate(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1"])
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  // F17
  it.scoped("keeps the connections under maxConnections although leased ones are replaced", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 2, minConnections: 2 })
      yield* settled
      const leased = [yield* pool.acquire, yield* pool.acquire]
      yield* Effect.forEach(leased, (connection) => pool.invalidate(connection))
      const waiters = yield* forkSettled(Effect.forEach([1, 2, 3], () => pool.use(id), { concurrency: "unbounded" }))
      yield* Effect.forEach(leased, (connection) => pool.release(connection))
      yield* Fiber.join(waiters)
      assert.strictEqual(connector.peak, 2)
    }))

  it.scoped("may be called twice", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* pool.use((connection) => Effect.andThen(pool.invalidate(connection), pool.invalidate(connection)))
      yield* settled
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  it.scoped("ignores a connection that the pool does not have", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const other = yield* setup()
      yield* other.pool.use((connection) => pool.invalidate(connection))
      assert.strictEqual((yield* pool.stats).opened, 0)
    }))

  it.scoped("closes a connection that is just coming back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ onRelease: () => Effect.as(Effect.sleep("1 second"), "keep") })
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      yield* pool.invalidate(connection)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))
})
