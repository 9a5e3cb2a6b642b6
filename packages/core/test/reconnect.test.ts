import { Pool } from "@socketpool/core"
import { exitOf, provideScope, result, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { audited, type Connection, forkSettled, id, lineUp, settled, setup } from "./setup.js"

describe("reconnect", () => {
  it.scoped("closes the old connection and gives a new one", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const old = yield* pool.acquire
      const fresh = yield* pool.reconnect(old)
      yield* settled
      assert.deepStrictEqual([old.id, fresh.id, old.alive, fresh.alive], [1, 2, false, true])
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.leased, stats.inUse, stats.closed.Dropped], [1, 1, 1])
      yield* pool.release(fresh)
      assert.deepStrictEqual([(yield* pool.stats).idle, connector.live], [1, 1])
    }))

  it.scoped("gives one that is newly opened, although another is idle", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const old = yield* pool.acquire
      yield* pool.use(id)
      const fresh = yield* pool.reconnect(old)
      assert.deepStrictEqual([fresh.id, connector.live, (yield* pool.stats).idle], [3, 2, 1])
      yield* pool.release(fresh)
    }))

  it.scoped("counts no second lease, and times both spells of use", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({}, { open: (attempt) => attempt === 1 ? "ok" : { slow: "1 second" } })
      const old = yield* pool.acquire
      const before = yield* pool.stats
      yield* TestClock.adjust("2 seconds")
      const moving = yield* forkSettled(pool.reconnect(old))
      yield* TestClock.adjust("1 second")
      const fresh = yield* Fiber.join(moving)
      yield* TestClock.adjust("3 seconds")
      yield* pool.release(fresh)
      const { acquired, useTime, waited } = yield* pool.stats
      assert.deepStrictEqual([acquired, waited, useTime.totalMillis], [before.acquired, before.waited, 5000])
    }))

  it.scoped("has the end of the scope end the lease of the new connection", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* Effect.scoped(Effect.gen(function*() {
        const old = yield* pool.get
        assert.strictEqual((yield* pool.reconnect(old)).id, 2)
      }))
      assert.deepStrictEqual([(yield* pool.stats).idle, connector.live, yield* pool.use(id)], [1, 1, 2])
    }))

  it.scoped("has the end of use end the lease of the new connection, by its exit", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* pool.use((old) => pool.reconnect(old))
      assert.deepStrictEqual([(yield* pool.stats).idle, connector.live], [1, 1])
      yield* Effect.exit(pool.use((old) => Effect.andThen(pool.reconnect(old), Effect.die("defect"))))
      yield* settled
      assert.deepStrictEqual([connector.log, (yield* pool.stats).closed.Discarded], [
        ["open 1", "open 2", "close 1", "open 3", "close 2", "close 3"].sort((a, b) =>
          connector.log.indexOf(a) - connector.log.indexOf(b)
        ),
        1
      ])
    }))

  it.scoped("knows the old connection no more", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      const old = yield* pool.acquire
      const fresh = yield* pool.reconnect(old)
      for (const verb of [pool.release(old), pool.reconnect(old), pool.drop(old)]) {
        assert.strictEqual((yield* Effect.flip(verb))._tag, "ConnectionNotFoundError")
      }
      assert.strictEqual((yield* pool.stats).leased, 1)
      yield* pool.release(fresh)
    }))

  it.scoped("can be called again and again", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      let connection = yield* pool.acquire
      for (let i = 0; i < 5; i++) connection = yield* pool.reconnect(connection)
      assert.strictEqual(connection.id, 6)
      yield* pool.release(connection)
      assert.deepStrictEqual([connector.closed, connector.peak], [5, 1])
    }))

  it.scoped("lets the new connection be dropped, after which the end of the scope has nothing to do", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* Effect.scoped(Effect.gen(function*() {
        const fresh = yield* pool.reconnect(yield* pool.get)
        yield* pool.drop(fresh)
      }))
      yield* settled
      assert.deepStrictEqual([connector.closed, connector.live, (yield* pool.stats).closed.Dropped], [2, 0, 2])
    }))

  it.scoped("ends one view and gives another", () =>
    Effect.gen(function*() {
      let views = 0
      const { pool } = yield* setup({ lease: (connection) => ({ ...connection, id: connection.id * 100 + ++views }) })
      const old = yield* pool.acquire
      const fresh = yield* pool.reconnect(old)
      assert.deepStrictEqual([old.id, fresh.id], [101, 202])
      assert.strictEqual((yield* Effect.flip(pool.release(old)))._tag, "ConnectionNotFoundError")
      yield* pool.release(fresh)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("fails for a connection that is not leased", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const connection = yield* pool.acquire
      yield* pool.release(connection)
      const stranger: Connection = { ...connection }
      for (const unknown of [connection, stranger]) {
        const error = yield* Effect.flip(pool.reconnect(unknown))
        assert.deepInclude(error, { _tag: "ConnectionNotFoundError", operation: "reconnect" })
      }
      assert.deepStrictEqual([connector.attempts, (yield* pool.stats).idle], [1, 1])
    }))

  it.scoped("succeeds for one of two who ask for the same lease", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      const old = yield* pool.acquire
      const both = yield* Effect.all([result(pool.reconnect(old)), result(pool.reconnect(old))], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(both.map((outcome) => outcome._tag).sort(), ["Failure", "Success"])
      assert.strictEqual(connector.attempts, 2)
      yield* Effect.forEach(both, (outcome) => outcome._tag === "Success" ? pool.release(outcome.success) : Effect.void)
    }))
})

describe("while it reconnects", () => {
  it.scoped("a lease keeps its place: the cap holds, and the old connection closes before the new one opens", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 }, {
        close: (n) => n === 1 ? { slow: "2 seconds" } : "ok"
      })
      const old = yield* pool.acquire
      const moving = yield* forkSettled(pool.reconnect(old))
      assert.deepStrictEqual([connector.attempts, (yield* pool.stats).reconnecting], [1, 1])
      yield* TestClock.adjust("2 seconds")
      yield* pool.release(yield* Fiber.join(moving))
      assert.deepStrictEqual([connector.log, connector.peak], [["open 1", "close 1", "open 2"], 1])
    }))

  it.scoped("a lease does not wait for the old connection to close where there is room", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, { close: (n) => n === 1 ? { slow: "2 seconds" } : "ok" })
      const moving = yield* forkSettled(pool.reconnect(yield* pool.acquire))
      assert.isDefined(exitOf(moving))
      yield* pool.release(yield* Fiber.join(moving))
      yield* TestClock.adjust("2 seconds")
    }))

  it.scoped("it goes before those who wait in the queue", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 })
      const old = yield* pool.acquire
      const { borrowers, served } = yield* lineUp(pool, ["first", "second"])
      const fresh = yield* pool.reconnect(old)
      yield* settled
      assert.deepStrictEqual([served, connector.attempts], [[], 2])
      yield* pool.release(fresh)
      assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [2, 2])
    }))

  it.scoped("it is not served by a connection that comes back: that goes to the queue", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, {
        open: (attempt) => attempt === 3 ? { slow: "1 second" } : "ok"
      })
      const [old, other] = [yield* pool.acquire, yield* pool.acquire]
      const moving = yield* forkSettled(pool.reconnect(old))
      const waiter = yield* forkSettled(pool.use(id))
      yield* pool.release(other)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
      assert.isUndefined(exitOf(moving))
      yield* TestClock.adjust("1 second")
      const fresh = yield* Fiber.join(moving)
      assert.strictEqual(fresh.id, 3)
      yield* pool.release(fresh)
    }))

  it.scoped("those who were promised its place wait on in their order", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 2 }, {
        open: (attempt) => attempt === 2 ? { slow: "1 second" } : "ok"
      })
      const old = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      // The connection that opens for the waiter is the next to be open: it serves the one who reconnects.
      const moving = yield* forkSettled(pool.reconnect(old))
      yield* TestClock.adjust("1 second")
      yield* pool.release(yield* Fiber.join(moving))
      yield* Fiber.join(waiter)
      assert.strictEqual((yield* pool.stats).pending, 0)
    }))

  it.scoped("a connection that others use too closes when the last of them has released it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ concurrency: 2 })
      const [mine, theirs] = [yield* pool.acquire, yield* forkSettled(pool.acquire)]
      const shared = yield* Fiber.join(theirs)
      assert.strictEqual(shared, mine)
      const fresh = yield* pool.reconnect(mine)
      assert.deepStrictEqual([fresh.id, connector.log], [2, ["open 1", "open 2"]])
      // It has room, but must not be lent again.
      assert.strictEqual(yield* pool.use(id), 2)
      yield* pool.release(shared)
      yield* settled
      assert.deepStrictEqual([connector.log, (yield* pool.stats).closed.Dropped], [["open 1", "open 2", "close 1"], 1])
      yield* pool.release(fresh)
    }))

  it.scoped("clear is called: it gets a connection opened from then on", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 }, { open: (attempt) => attempt === 2 ? "never" : "ok" })
      const moving = yield* forkSettled(pool.reconnect(yield* pool.acquire))
      yield* pool.clear
      const fresh = yield* Fiber.join(moving)
      assert.strictEqual(fresh.id, 2)
      yield* pool.release(fresh)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))
})

describe("a lease that reconnects", () => {
  it.scoped("is not cut by clear when it has just been served: it gets a connection opened from then on", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const connector = ScriptedConnector.make()
      const wait = Effect.suspend(() => connector.attempts === 1 ? Deferred.await(gate) : Effect.void)
      const pool = yield* audited(connector, Pool.make({ open: Effect.andThen(wait, connector.open) }))
      const moving = yield* forkSettled(pool.reconnect(yield* pool.acquire))
      // The opener goes on first, then this, then the one who reconnects.
      yield* forkSettled(Effect.andThen(Deferred.await(gate), pool.clear))
      yield* Deferred.succeed(gate, void 0)
      const fresh = yield* Fiber.join(moving)
      assert.strictEqual(fresh.id, 3)
      yield* pool.release(fresh)
    }))
})

describe("a lease whose scope closes while it reconnects", () => {
  it.scoped("ends, and who reconnects hears that there is none any more", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 1 }, {
        open: (attempt) => attempt === 2 ? { slow: "1 second" } : "ok"
      })
      const scope = yield* Scope.make()
      const old = yield* provideScope(pool.get, scope)
      const moving = yield* forkSettled(Effect.flip(pool.reconnect(old)))
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* Fiber.join(moving), { _tag: "ConnectionNotFoundError", operation: "reconnect" })
      assert.strictEqual((yield* pool.stats).reconnecting, 0)
      // The connection that was opening for it serves others.
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([(yield* pool.stats).idle, connector.attempts, yield* pool.use(id)], [1, 2, 2])
    }))

  // Found by the simulation: without a timeout they waited for ever.
  it.scoped("is not kept from it by another that reconnects too, on a connection that both had", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, concurrency: 2, acquireTimeout: Infinity })
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      const fresh = yield* Effect.all([pool.reconnect(first), pool.reconnect(second)], { concurrency: 2 })
      assert.deepStrictEqual(fresh.map((connection) => connection.id), [2, 2])
      yield* Effect.forEach(fresh, (connection) => pool.release(connection))
    }))

  it.scoped("is not kept from it by idle connections that take all the room: the longest idle gives way", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ maxConnections: 2, concurrency: 2, acquireTimeout: Infinity })
      const leased = yield* Effect.all([pool.acquire, pool.acquire, pool.acquire])
      yield* pool.release(leased[2])
      const fresh = yield* pool.reconnect(leased[0])
      assert.strictEqual(fresh.id, 3)
      assert.include(connector.log, "close 2")
      assert.strictEqual((yield* pool.stats).closed.Surplus, 1)
      yield* Effect.forEach([fresh, leased[1]], (connection) => pool.release(connection))
    }))
})
