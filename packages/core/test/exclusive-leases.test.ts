// Exclusive leases beside the rest of the pool: errors, reconnects, figures, and what happens between two steps.
import { type BorrowError, Pool, PoolExhaustedError } from "@socketpool/core"
import { disconnect, exitOf, fiberNumber, fork, showsAncestors, TestClock } from "@socketpool/test-seam"
import { assert, describe, expectTypeOf, it } from "@socketpool/test-seam/virtual"
import type { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { listen } from "./events.js"
import { stage } from "./exclusive/stage.js"
import { type Connection, forkSettled, id, type Options, type Script, settled, setup, type TestPool } from "./setup.js"

type OpenError = ScriptedConnector.ScriptedOpenError

/** A pool of two connections for two borrowers each. */
const shared = (options: Options = {}, script: Script = {}) =>
  setup({ concurrency: 2, maxConnections: 2, ...options }, script)

const verbs: ReadonlyArray<readonly [string, (pool: TestPool) => Effect.Effect<unknown, OpenError | BorrowError>]> = [
  ["exclusive", (pool) => Effect.scoped(pool.exclusive)],
  ["useExclusive", (pool) => pool.useExclusive(id)]
]

const assertExhausted = (reason: PoolExhaustedError["reason"], borrow: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(borrow)
    assert.instanceOf(error, PoolExhaustedError)
    assert.deepStrictEqual([error.reason, error.waitedMillis], [reason, 0])
  })

/** Asserts that an effect ends at once, so that a test of one that waits for ever fails and does not hang. */
const endsAtOnce = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const fiber = yield* forkSettled(effect)
    assert.isDefined(exitOf(fiber))
    return yield* Fiber.join(fiber)
  })

describe("a fiber that wants a connection alone", () => {
  // F15
  it.scoped.each(verbs)("by %s, and holds a lease of each, fails at once", ([_, verb]) =>
    Effect.gen(function*() {
      const { pool } = yield* shared()
      const other = yield* pool.acquire
      const fails = () => assertExhausted("SelfDeadlock", verb(pool))
      yield* endsAtOnce(pool.use(() => pool.useExclusive(fails)))
      yield* pool.release(other)
      yield* endsAtOnce(pool.useExclusive(() => pool.useExclusive(fails)))
    }))

  it.scoped("fails at once if its parent, which does not wait for it, has a lease too", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({ maxConnections: 1, concurrency: 3 })
      const nested = pool.use(() => assertExhausted("SelfDeadlock", pool.useExclusive(id)))
      const parent = yield* fork(pool.use(() => Effect.andThen(fork(nested), Effect.never)))
      yield* settled
      assert.deepInclude(yield* pool.stats, { leased: 1, pending: 0 })
      yield* Fiber.interrupt(parent)
    }))

  it.scoped("waits for the lease of a parent that goes on without it", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({ maxConnections: 1 })
      const gate = yield* Deferred.make<void>()
      const child = fork(disconnect(pool.useExclusive(id)))
      const parent = yield* fork(pool.use(() => Effect.tap(child, () => Deferred.await(gate))))
      yield* settled
      assert.deepInclude(yield* pool.stats, { pending: 1, exhausted: 0 })
      yield* Deferred.succeed(gate, void 0)
      yield* settled
      yield* Fiber.await(parent)
      assert.deepInclude(yield* pool.stats, { pending: 0, leased: 0 })
    }))

  /** A fiber has the only lease of the first connection, and wants another alone when told; others have the second. */
  const nested = (way: (inner: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const { pool } = yield* shared()
      const gate = yield* Deferred.make<void>()
      const seen: Array<number> = []
      const inner = pool.useExclusive(({ id }) => Effect.sync(() => seen.push(id)))
      const fiber = yield* forkSettled(pool.use(() => Effect.andThen(Deferred.await(gate), way(inner))))
      const [beside, ...others] = [yield* pool.acquire, yield* pool.acquire, yield* pool.acquire]
      yield* pool.release(beside)
      return {
        pool,
        go: Effect.andThen(Deferred.succeed(gate, void 0), settled),
        /** A newcomer finds a place beside the fiber; the others leave, and the fiber has what it wants. */
        ends: Effect.gen(function*() {
          const borrower = yield* forkSettled(pool.acquire)
          assert.isDefined(exitOf(borrower))
          const newcomer = yield* Fiber.join(borrower)
          assert.strictEqual(newcomer.id, 1)
          yield* Effect.forEach(others, (connection) => pool.release(connection))
          yield* settled
          assert.deepStrictEqual(seen, [2])
          yield* Fiber.join(fiber)
          yield* pool.release(newcomer)
        })
      }
    })

  it.scoped.each<readonly [string, Parameters<typeof nested>[0]]>([
    ["itself", (inner) => inner],
    ...showsAncestors ? [["with a timeout", Effect.timeout("1 hour")] as const] : []
  ])("inside a lease, %s, has another connection reserved than its own", ([_, way]) =>
    Effect.gen(function*() {
      const { ends, go } = yield* nested(way)
      yield* go
      yield* ends
    }))

  it.scoped("inside a lease has another reserved when one before it gives up, for whom its own was", () =>
    Effect.gen(function*() {
      const { ends, go, pool } = yield* nested((inner) => inner)
      const first = yield* forkSettled(pool.useExclusive(() => Effect.never))
      yield* go
      assert.strictEqual((yield* pool.stats).pending, 2)
      yield* Fiber.interrupt(first)
      yield* ends
    }))

  it.scoped("finds the queue as long as for any other borrower", () =>
    Effect.gen(function*() {
      const { play } = yield* stage({ maxConnections: 1, maxPending: 2 })
      yield* play(["+X +a +Y +b +Z", "X1 a? Y? b:QueueFull Z:QueueFull"])
    }))

  it.scoped("with a timeout of 0 does not wait, and has one opened for a later call", () =>
    Effect.gen(function*() {
      const { play } = yield* stage({ acquireTimeout: 0 })
      yield* play(["+X", "X:NoWait"], ["+Y", "X:NoWait Y1"], ["+a +b", "X:NoWait Y1 a:NoWait b2"])
    }))

  it.scoped("has it until its scope closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({ maxConnections: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        assert.strictEqual((yield* pool.exclusive).id, 1)
        const waiter = yield* forkSettled(pool.use(id))
        assert.isUndefined(exitOf(waiter))
      }))
      yield* settled
      assert.deepInclude(yield* pool.stats, { leased: 0, pending: 0, idle: 1 })
    }))
})

describe("a reconnect", () => {
  it.scoped("of an exclusive lease leads to a connection that nobody else has", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({ maxConnections: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        const next = yield* pool.reconnect(yield* pool.exclusive)
        assert.strictEqual(next.id, 2)
        const waiter = yield* forkSettled(pool.use(id))
        assert.isUndefined(exitOf(waiter))
      }))
      yield* settled
      assert.deepInclude(yield* pool.stats, { leased: 0, pending: 0 })
    }))

  it.scoped("of a shared lease does not wait behind that of an exclusive one for a place of a new connection", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* shared({ maxConnections: 3 }, { open: (attempt) => attempt < 4 ? "ok" : slow })
      const slow = { slow: "1 second" } as const
      /** Reconnects when told, and keeps the lease. */
      const holder = (borrow: TestPool["use"]) =>
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          const seen: Array<number> = []
          const anew = (connection: Connection) =>
            Effect.andThen(
              Deferred.await(gate),
              Effect.flatMap(
                pool.reconnect(connection),
                ({ id }) => Effect.andThen(Effect.sync(() => seen.push(id)), Effect.never)
              )
            )
          const fiber = yield* forkSettled(borrow(anew))
          return { fiber, seen, go: Effect.andThen(Deferred.succeed(gate, void 0), settled) }
        })
      const use: TestPool["use"] = (f) => pool.use(f)
      const first = yield* holder(use)
      const beside = yield* pool.acquire
      const alone = yield* holder((f) => pool.useExclusive(f))
      const last = yield* holder(use)
      const other = yield* pool.acquire
      assert.deepStrictEqual([beside.id, other.id], [1, 3])
      for (const { go } of [first, alone, last]) yield* go
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([first.seen, alone.seen, last.seen], [[4], [], [4]])
      yield* pool.release(beside)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(alone.seen, [5])
      yield* pool.release(other)
      yield* Fiber.interruptAll([first.fiber, alone.fiber, last.fiber])
      assert.strictEqual(connector.opened, 5)
    }))

  it.scoped("takes a place of a new connection although it is reserved for one who waits", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({}, { open: (attempt) => attempt < 3 ? "ok" : { slow: "1 second" } })
      const leases = [yield* pool.acquire, yield* pool.acquire, yield* pool.acquire, yield* pool.acquire]
      const anew = yield* Effect.forEach(leases, (connection) => fork(pool.reconnect(connection)))
      yield* settled
      yield* pool.resize({ max: 1 })
      yield* TestClock.adjust("1 second")
      const served = anew.map((fiber) => exitOf(fiber) !== undefined)
      assert.deepStrictEqual(served, [true, true, false, false])
      const alone = yield* forkSettled(pool.useExclusive(id))
      const next = yield* Fiber.join(anew[0]!)
      yield* pool.release(next)
      yield* settled
      assert.deepStrictEqual(anew.map((fiber) => exitOf(fiber) !== undefined), [true, true, true, false])
      yield* pool.release(next)
      yield* pool.release(next)
      yield* settled
      yield* pool.release(next)
      yield* Fiber.join(alone)
      yield* pool.resize({ max: 2 })
    }))
})

describe("the figures", () => {
  it.scoped("count those who want a connection alone among those who wait, and show their leases", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared({ name: "orders", maxConnections: 1 })
      const { events } = yield* listen(pool)
      const gate = yield* Deferred.make<void>()
      const holder = yield* forkSettled(pool.useExclusive(() => Deferred.await(gate)))
      const alone = yield* fork(pool.useExclusive(id))
      yield* TestClock.adjust("2 seconds")
      const other = yield* fork(pool.use(id))
      yield* TestClock.adjust("1 second")
      const { leased, oldestWaitMillis, pending } = yield* pool.stats
      assert.deepStrictEqual({ leased, oldestWaitMillis, pending }, { leased: 1, oldestWaitMillis: 3_000, pending: 2 })
      assert.deepStrictEqual(
        (yield* pool.leases).map((lease) => [lease.connectionId, lease.holder.fiber, lease.holder.heldMillis]),
        [[1, `#${fiberNumber(holder)}`, 3_000]]
      )
      yield* Deferred.succeed(gate, void 0)
      yield* Fiber.joinAll([alone, other])
      yield* settled
      assert.deepStrictEqual(
        events.map((event) => event._tag === "Borrowed" ? event.waitedMillis : event._tag),
        ["Opened", 0, "Released", 3_000, "Released", 1_000, "Released"]
      )
      assert.deepInclude(yield* pool.stats, { acquired: 3, waited: 3, pending: 0, oldestWaitMillis: 0 })
    }))
})

// F26
describe("a borrower whose connection is lost between the hand-off and its next step", () => {
  /** A borrower is handed a place of the second connection, which is dropped at once. Others hold the rest. */
  const lost = (meanwhile: (pool: TestPool) => Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const { connector, pool } = yield* shared({}, { open: (attempt) => attempt < 3 ? "ok" : { slow: "1 second" } })
      const leases = [yield* pool.acquire, yield* pool.acquire, yield* pool.acquire, yield* pool.acquire]
      const waiter = yield* forkSettled(pool.use(id))
      yield* meanwhile(pool)
      yield* settled
      // In one turn, so that the borrower sees nothing of it.
      yield* Effect.sync(() => {
        Effect.runSync(pool.release(leases[2]!))
        Effect.runSync(pool.release(leases[0]!))
        Effect.runSync(pool.drop(leases[3]!))
      })
      yield* settled
      assert.strictEqual(connector.opened, 2)
      assert.strictEqual(exitOf(waiter)?._tag, "Success")
      assert.strictEqual(yield* Fiber.join(waiter), 1)
      yield* pool.release(leases[1]!)
      yield* TestClock.adjust("1 second")
    })

  it.scoped("gets a place beside other holders at once", () => lost(() => Effect.void))

  it.scoped("gets one of a connection reserved for a borrower behind it", () =>
    lost((pool) => fork(pool.useExclusive(id))))
})

describe("the accessors", () => {
  class Cache extends Pool.Service<Cache, Connection, OpenError>()("test/ExclusiveCache") {}

  it.scoped("of a tag lend a connection alone", () =>
    Effect.gen(function*() {
      const { pool } = yield* shared()
      const program = Cache.useExclusive((first) =>
        Effect.scoped(Effect.map(Cache.exclusive, (second) => [first.id, second.id]))
      )
      assert.deepStrictEqual(yield* Effect.provideService(program, Cache, pool), [1, 2])
    }))

  it("have the types of get and use", () => {
    expectTypeOf<TestPool["exclusive"]>().toEqualTypeOf<TestPool["get"]>()
    expectTypeOf<TestPool["useExclusive"]>().toEqualTypeOf<TestPool["use"]>()
    expectTypeOf(Cache.exclusive).toEqualTypeOf<
      Effect.Effect<Connection, OpenError | BorrowError, Cache | Scope.Scope>
    >()
    expectTypeOf(Cache.useExclusive).toEqualTypeOf(Cache.use)
  })
})
