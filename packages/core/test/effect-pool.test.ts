import { Pool } from "@socketpool/core"
import {
  type DurationInput,
  exitOf,
  fork,
  forkDaemon,
  provideScope,
  repeatN,
  TestClock,
  toJson,
  wasInterrupted
} from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, pipe, Pool as EffectPool, Schedule, Scope } from "effect"
import { type Connection, forkSettled, id, settled, setup } from "./setup.js"

type Item = EffectPool.Pool<Connection, unknown>

/** The options of effect's own pools, in the words of its `makeWithTTL`. */
interface Settings {
  readonly min: number
  readonly max: number
  readonly concurrency?: number
  /** The time that an item may be idle, or the age that it may reach. */
  readonly timeToLive?: DurationInput
  readonly timeToLiveStrategy?: "creation" | "usage"
}

type Make = (
  acquire: ScriptedConnector.ScriptedConnector["open"],
  settings: Settings
) => Effect.Effect<Item, never, Scope.Scope>

const makeEffects: Make = (acquire, { concurrency, max, min, timeToLive, timeToLiveStrategy }) =>
  timeToLive === undefined && min === max ?
    EffectPool.make({ acquire, size: max, concurrency }) :
    EffectPool.makeWithTTL({
      acquire,
      min,
      max,
      concurrency,
      timeToLive: timeToLive ?? "1 hour",
      timeToLiveStrategy
    })

const makeOurs: Make = (open, { concurrency, max, min, timeToLive, timeToLiveStrategy }) =>
  Pool.make({
    open,
    minConnections: min,
    maxConnections: max,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(timeToLive === undefined ?
      {} :
      timeToLiveStrategy === "creation" ?
      { connectionTTL: timeToLive, ttlJitter: 0, reapSchedule: Schedule.spaced("1 second") } :
      { idleTimeout: timeToLive })
  })

const size = (max: number): Settings => ({ min: max, max })

const get10 = (pool: Item) => Effect.all(Array.from({ length: 10 }, () => EffectPool.get(pool)))

// A user of effect's own pools must find the same here, so the same tests run on both.
describe.each<[string, Make]>([
  ["effect's own pool", makeEffects],
  ["a pool of ours", makeOurs]
])("%s", (_, make) => {
  const prepare = (settings: Settings, script: Parameters<typeof ScriptedConnector.make>[0] = {}) =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make(script)
      yield* Effect.addFinalizer(() => Effect.sync(() => assert.strictEqual(connector.live, 0)))
      const scope = yield* Scope.make()
      const pool = yield* provideScope(make(connector.open, settings), scope)
      const close = Scope.close(scope, Exit.void)
      yield* Effect.addFinalizer(() => close)
      // A lease that a failed test leaves must not keep the close waiting for a clock that stands still.
      yield* Effect.addFinalizer(() => forkDaemon(TestClock.adjust("1 minute")))
      yield* settled
      return { close, connector, pool }
    })

  it.scoped("is an effect Pool", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare({ min: 0, max: 1 })
      assert.isTrue(EffectPool.isPool(pool))
      assert.isTrue(Effect.isEffect(pool))
    }))

  it.scoped("opens as many at the start as there are at least", () =>
    Effect.gen(function*() {
      const { connector } = yield* prepare(size(10))
      assert.strictEqual(connector.live, 10)
    }))

  it.scoped("opens none at the start when there may be none", () =>
    Effect.gen(function*() {
      const { connector } = yield* prepare({ min: 0, max: 10 })
      assert.strictEqual(connector.attempts, 0)
    }))

  it.scoped("lends with Pool.get until the scope closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare(size(1))
      const scope = yield* Scope.make()
      yield* provideScope(EffectPool.get(pool), scope)
      const waiter = yield* forkSettled(Effect.scoped(EffectPool.get(pool)))
      assert.isUndefined(exitOf(waiter))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiter)).id, 1)
    }))

  it.scoped("lends when it is yielded", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare(size(1))
      yield* Effect.scoped(Effect.gen(function*() {
        const item = yield* pool
        assert.strictEqual(item.id, 1)
      }))
    }))

  it.scoped("can be piped as the effect that it is", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare(size(1))
      assert.strictEqual(yield* pipe(pool, Effect.map((item) => item.id), Effect.scoped), 1)
      assert.strictEqual(yield* pool.pipe(Effect.map((item) => item.id), Effect.scoped), 1)
    }))

  it.scoped("lends what came back, and opens no more for it", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare(size(10))
      yield* repeatN(Effect.scoped(EffectPool.get(pool)), 99)
      assert.strictEqual(connector.attempts, 10)
    }))

  it.scoped("makes a borrower wait when all are lent, who can be interrupted", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare(size(10))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* get10(pool)
        const waiter = yield* forkSettled(Effect.scoped(EffectPool.get(pool)))
        assert.isUndefined(exitOf(waiter))
        assert.isTrue(wasInterrupted(yield* Effect.andThen(Fiber.interrupt(waiter), Fiber.await(waiter))))
      }))
      yield* Effect.scoped(get10(pool))
    }))

  it.scoped("opens more than there are at least while more are borrowed, up to the most there may be", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare({ min: 10, max: 15 })
      const gate = yield* Deferred.make<void>()
      const borrower = Effect.scoped(Effect.andThen(EffectPool.get(pool), Deferred.await(gate)))
      const borrowers = yield* Effect.forEach(Array.from({ length: 20 }), () => fork(borrower))
      yield* settled
      assert.deepStrictEqual([connector.live, connector.peak], [15, 15])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(borrowers)
      assert.strictEqual(connector.attempts, 15)
    }))

  it.scoped.each([10, 0])(
    "closes those idle for timeToLive, down to as many as there are at least: %i",
    (min) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* prepare({ min, max: 15, timeToLive: "60 seconds" })
        yield* Effect.scoped(Effect.all(Array.from({ length: 15 }, () => EffectPool.get(pool)), {
          concurrency: "unbounded"
        }))
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(connector.live, 15)
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(connector.live, min)
      })
  )

  it.scoped("closes those that are older than timeToLive, lent ones when they come back, and makes up for them", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare({
        ...size(2),
        timeToLive: "60 seconds",
        timeToLiveStrategy: "creation"
      })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* EffectPool.get(pool)
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual(connector.closed, 1)
      }))
      yield* settled
      assert.deepStrictEqual([connector.closed, connector.live], [2, 2])
    }))

  it.scoped("lends one to as many at once as its concurrency says", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare({ min: 0, max: 2, concurrency: 3 })
      const ids: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const borrower = Effect.scoped(Effect.flatMap(EffectPool.get(pool), (item) => {
        ids.push(item.id)
        return Deferred.await(gate)
      }))
      const borrowers = yield* Effect.forEach(Array.from({ length: 7 }), () => fork(borrower))
      yield* settled
      assert.deepStrictEqual([ids.length, connector.attempts], [6, 2])
      assert.strictEqual(ids.filter((id) => id === 1).length, 3)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(borrowers)
    }))

  it.scoped.each(["data first", "data last"])(
    "closes an idle one that is invalidated, and opens another: %s",
    (style) =>
      Effect.gen(function*() {
        const { connector, pool } = yield* prepare(size(3))
        yield* (style === "data first" ?
          EffectPool.invalidate(pool, connector.connection(1)) :
          EffectPool.invalidate(connector.connection(1))(pool))
        yield* settled
        assert.deepStrictEqual([connector.closed, connector.live], [1, 3])
        const lent = yield* Effect.scoped(Effect.all(Array.from({ length: 3 }, () => EffectPool.get(pool))))
        assert.deepStrictEqual(lent.map((item) => item.id).sort(), [2, 3, 4])
      })
  )

  it.scoped("closes a lent one that is invalidated when it comes back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare({ min: 0, max: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* EffectPool.invalidate(pool, yield* EffectPool.get(pool))
        yield* settled
        assert.strictEqual(connector.closed, 0)
      }))
      yield* settled
      assert.strictEqual(connector.closed, 1)
      assert.strictEqual((yield* Effect.scoped(EffectPool.get(pool))).id, 2)
    }))

  it.scoped("serves whoever comes when all have been invalidated", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* prepare(size(2))
      yield* EffectPool.invalidate(pool, connector.connection(1))
      yield* EffectPool.invalidate(pool, connector.connection(2))
      const lent = yield* Effect.scoped(EffectPool.get(pool))
      assert.include([3, 4], lent.id)
    }))

  it.scoped("gives the borrower the error with which opening failed", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare({ min: 0, max: 1 }, { open: () => "fail" })
      const errors = yield* Effect.all([1, 2, 3].map(() => Effect.flip(Effect.scoped(EffectPool.get(pool)))))
      assert.deepStrictEqual(errors, [1, 2, 3].map((attempt) => new ScriptedConnector.ScriptedOpenError({ attempt })))
    }))

  it.scoped("serves a borrower that tries again until opening succeeds", () =>
    Effect.gen(function*() {
      const { pool } = yield* prepare({ min: 0, max: 1 }, { open: (attempt) => attempt < 10 ? "fail" : "ok" })
      assert.strictEqual((yield* Effect.eventually(Effect.scoped(EffectPool.get(pool)))).id, 1)
    }))

  it.scoped("closes all it has when its scope closes", () =>
    Effect.gen(function*() {
      const { close, connector } = yield* prepare(size(10))
      yield* close
      assert.deepStrictEqual([connector.live, connector.closed], [0, 10])
    }))

  it.scoped("waits for those that are lent when its scope closes", () =>
    Effect.gen(function*() {
      const { close, connector, pool } = yield* prepare(size(2))
      const scope = yield* Scope.make()
      yield* provideScope(EffectPool.get(pool), scope)
      const closing = yield* forkSettled(close)
      assert.deepStrictEqual([exitOf(closing), connector.live], [undefined, 1])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(closing)
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("leaves nothing open when its scope closes under many borrowers", () =>
    Effect.gen(function*() {
      const { close, connector, pool } = yield* prepare(size(10))
      const borrowers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        fork(Effect.scoped(EffectPool.get(pool))))
      yield* close
      yield* Fiber.awaitAll(borrowers)
      assert.deepStrictEqual([connector.live, connector.closed], [0, connector.opened])
    }))
})

it.scoped("a pool shows its name and its numbers", () =>
  Effect.gen(function*() {
    const { pool } = yield* setup({ name: "orders" })
    yield* pool.use(id)
    const shown = { _id: "@socketpool/core/Pool", name: "orders", stats: yield* pool.stats }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(pool)), shown)
    assert.deepStrictEqual(JSON.parse(String(pool)), shown)
    assert.deepStrictEqual(toJson(pool), shown)
  }))
