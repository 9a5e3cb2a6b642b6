import { type ConnectError, type Connection as Socket, type ConnectionPool, Pool } from "@socketpool/core"
import { collect, fork, tag, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Cause, Effect, Exit, Fiber, type Layer, Option, type Scope, Stream } from "effect"
import { audited, forkSettled, id, settled, setup } from "./setup.js"

class Cache
  extends Pool.Service<Cache, ScriptedConnector.ScriptedConnection, ScriptedConnector.ScriptedOpenError>()("test/Cache")
{}

class Queue
  extends Pool.Service<Queue, ScriptedConnector.ScriptedConnection, ScriptedConnector.ScriptedOpenError>()("test/Queue")
{}

/** Runs a program with a `Cache`, whose books are audited. */
const withCache = <A, E>(program: Effect.Effect<A, E, Cache | Scope.Scope>) =>
  Effect.flatMap(setup(), ({ pool }) => Effect.provideService(program, Cache, pool))

describe("a tag made by Pool.Service", () => {
  it.scoped("gives the pool itself", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup()
      assert.strictEqual(yield* Effect.provideService(Cache, Cache, pool), pool)
    }))

  it.scoped("leases with connection until the scope closes", () =>
    withCache(Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        assert.strictEqual((yield* Cache.connection).id, 1)
        assert.strictEqual((yield* Cache.stats).inUse, 1)
      }))
      assert.strictEqual((yield* Cache.stats).idle, 1)
    })))

  it.scoped("leases with use", () =>
    withCache(Effect.gen(function*() {
      assert.strictEqual(yield* Cache.use(id), 1)
      assert.strictEqual(yield* Effect.flip(Cache.use(() => Effect.fail("typed"))), "typed")
    })))

  it.scoped("leases with acquire until release", () =>
    withCache(Effect.gen(function*() {
      const connection = yield* Cache.acquire
      assert.strictEqual(yield* Cache.size, 1)
      yield* Cache.release(connection)
      assert.strictEqual((yield* Effect.flip(Cache.release(connection)))._tag, "ConnectionNotFoundError")
    })))

  it.scoped("leases with acquireWith until drop", () =>
    withCache(Effect.gen(function*() {
      const connection = yield* Cache.acquireWith({ timeout: "1 second" })
      yield* Cache.drop(connection)
      yield* settled
      assert.strictEqual((yield* Cache.stats).closed.Dropped, 1)
    })))

  it.scoped("invalidates with invalidate", () =>
    withCache(Effect.gen(function*() {
      yield* Cache.use((connection) => Cache.invalidate(connection))
      yield* settled
      assert.strictEqual((yield* Cache.stats).closed.Invalid, 1)
    })))

  it.scoped("drops expired connections with dropExpired", () =>
    withCache(Effect.gen(function*() {
      yield* Cache.use(id)
      yield* TestClock.adjust("599 seconds")
      assert.strictEqual(yield* Cache.dropExpired, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Cache.dropExpired, 1)
    })))

  it.scoped("replaces a connection with reconnect", () =>
    withCache(Effect.gen(function*() {
      const fresh = yield* Cache.reconnect(yield* Cache.acquire)
      assert.strictEqual(fresh.id, 2)
      yield* Cache.release(fresh)
      assert.strictEqual((yield* Cache.stats).closed.Dropped, 1)
    })))

  it.scoped("begins a new generation with clear", () =>
    withCache(Effect.gen(function*() {
      yield* Cache.use(id)
      yield* Cache.clear
      assert.strictEqual(yield* Cache.use(id), 2)
      assert.strictEqual((yield* Cache.stats).closed.Cleared, 1)
    })))

  it.scoped("changes the limits with resize, and waits for the floor with awaitReady", () =>
    withCache(Effect.gen(function*() {
      yield* Cache.resize({ min: 2, max: 3 })
      yield* Cache.awaitReady
      const { idle, maxConnections, minConnections } = yield* Cache.stats
      assert.deepStrictEqual([idle, minConnections, maxConnections], [2, 2, 3])
    })))

  it.scoped("tells what happens with events", () =>
    withCache(Effect.gen(function*() {
      const listener = yield* forkSettled(collect(Cache.events))
      yield* Cache.use(id)
      yield* Cache.close
      const events = yield* Fiber.join(listener)
      assert.deepStrictEqual([...events].map((event) => event._tag), [
        "Opened",
        "Borrowed",
        "Released",
        "Draining",
        "Closed",
        "PoolClosed"
      ])
    })))

  it.scoped("says who has what with leases, drops by number with dropById, and tells that with notices", () =>
    withCache(Effect.gen(function*() {
      const notices = yield* fork(Stream.runHead(Stream.filter(Cache.notices, ({ _tag }) => _tag === "Closed")))
      yield* settled
      yield* Cache.acquire
      const [lease] = yield* Cache.leases
      assert.strictEqual(lease?.connectionId, 1)
      yield* Cache.dropById(1)
      assert.strictEqual((yield* Effect.flip(Cache.dropById(1)))._tag, "ConnectionNotFoundError")
      assert.deepInclude((yield* Fiber.join(notices)).pipe(Option.getOrThrow), { reason: "Dropped" })
    })))

  it.scoped("suggests a size with advise", () =>
    withCache(Effect.gen(function*() {
      assert.deepInclude(yield* Cache.advise, { isFounded: false, maxConnections: 200 })
    })))

  it.scoped("closes with close", () =>
    withCache(Effect.gen(function*() {
      yield* Cache.close
      assert.strictEqual((yield* Effect.flip(Cache.acquire))._tag, "PoolClosedError")
    })))

  it.effect("opens and closes the pool with its layer", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      yield* Cache.use(id).pipe(Effect.provide(Cache.layer({ open: connector.open })))
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))

  it.effect("gives `open` what the layer's surroundings provide", () =>
    Effect.gen(function*() {
      class Url extends tag<Url, string>()("test/Url") {}
      class Clients extends Pool.Service<Clients, string>()("test/Clients") {}
      const layer: Layer.Layer<Clients, never, Url> = Clients.layer({ open: Url })
      const program = Clients.use((client) => Effect.succeed(client))
      assert.strictEqual(
        yield* program.pipe(Effect.provide(layer), Effect.provideService(Url, "cache:6379")),
        "cache:6379"
      )
    }))

  it.effect("dies of wrong options in its layer", () =>
    Effect.gen(function*() {
      const layer = Cache.layer({ open: ScriptedConnector.make().open, maxConnections: 0 })
      const exit = yield* Effect.exit(Effect.provide(Cache.size, layer))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof RangeError)
    }))

  it.scoped("keeps its pool apart from that of another tag", () =>
    Effect.gen(function*() {
      const cache = yield* setup()
      const queue = yield* setup()
      const program = Effect.zip(
        Cache.use((connection) => Effect.map(Queue.stats, (stats) => [connection.id, stats.inUse])),
        Queue.use(id)
      )
      const lent = yield* program.pipe(
        Effect.provideService(Cache, cache.pool),
        Effect.provideService(Queue, queue.pool)
      )
      assert.deepStrictEqual(lent, [[1, 0], 1])
    }))
})

describe("the tag Pool", () => {
  const setupSockets = Effect.gen(function*() {
    const connector = ScriptedConnector.make()
    // Only its identity matters here.
    const open = Effect.map(connector.open, (connection) => connection as unknown as Socket)
    const pool: ConnectionPool<Socket, ConnectError> = yield* audited(
      connector,
      Pool.make({ open: Effect.orDie(open) })
    )
    return { connector, pool }
  })

  it.scoped("has the same accessors for a pool of sockets", () =>
    Effect.gen(function*() {
      const { pool } = yield* setupSockets
      yield* Effect.provideService(
        Effect.gen(function*() {
          const [first, second] = [yield* Effect.scoped(Pool.connection), yield* Pool.use(Effect.succeed)]
          assert.strictEqual(first, second)
          const acquired = [yield* Pool.acquire, yield* Pool.acquireWith({ timeout: "1 second" })]
          yield* Pool.release(acquired[0]!)
          yield* Pool.drop(acquired[1]!)
          yield* Pool.invalidate(first)
          assert.strictEqual(yield* Pool.dropExpired, 0)
          yield* settled
          assert.strictEqual(yield* Pool.size, 0)
          assert.strictEqual((yield* Pool.stats).acquired, 4)
          yield* Pool.close
        }),
        Pool,
        pool
      )
    }))

  it.effect("provides a pool of sockets with its layer", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const open = Effect.map(Effect.orDie(connector.open), (connection) => connection as unknown as Socket)
      yield* Pool.use(() => Effect.void).pipe(Effect.provide(Pool.layer({ open })))
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
    }))
})

it.scoped("a pool made in a region that cannot be interrupted interrupts its opens as any other", () =>
  Effect.gen(function*() {
    const connector = ScriptedConnector.make({ open: (attempt) => attempt === 1 ? "never" : "ok" })
    const pool = yield* audited(
      connector,
      Effect.uninterruptible(Pool.make({ open: connector.open, maxConnections: 1, connectTimeout: "1 second" }))
    )
    const borrower = yield* forkSettled(Effect.flip(pool.use(id)))
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* Fiber.join(borrower))._tag, "ConnectTimeoutError")
    assert.strictEqual((yield* pool.stats).opening, 0)
    assert.strictEqual(yield* pool.use(id), 1)
  }))
