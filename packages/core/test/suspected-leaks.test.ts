import { Pool } from "@socketpool/core"
import { addLogger, fiberNumber, fork, repeatN, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Duration, Effect, Fiber } from "effect"
import { listen } from "./events.js"
import { audited, countingClock, forkSettled, id, lineUp, type Options, type Script, settled, setup } from "./setup.js"

/** Runs a test over a pool that suspects a leak after a minute; notes the events and what is logged. */
const suspicious = <A, E, R>(
  test: (made: Effect.Effect.Success<ReturnType<typeof setupHeard>>) => Effect.Effect<A, E, R>,
  options: Options = {},
  script: Script = {}
) => {
  const logged: Array<string> = []
  const layer = addLogger("info", ({ message }) => logged.push(String(message)))
  return Effect.provide(Effect.flatMap(setupHeard(logged, options, script), test), layer)
}

const setupHeard = (logged: ReadonlyArray<string>, options: Options, script: Script) =>
  Effect.gen(function*() {
    const made = yield* setup({ name: "orders", leakThreshold: "1 minute", ...options }, script)
    const { events } = yield* listen(made.pool)
    const leaks = () => events.filter((event) => event._tag === "LeakSuspected" || event._tag === "LeakReturned")
    return { ...made, leaks, logged }
  })

describe("a lease held for longer than leakThreshold", () => {
  it.scoped("is told once, by an event and a warning that name who took it and when", () =>
    suspicious(({ leaks, pool, logged }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("5 seconds")
        const holder = yield* forkSettled(Effect.withSpan(pool.use(() => Effect.sleep("3 minutes")), "checkout"))
        yield* TestClock.adjust("59999 millis")
        assert.deepStrictEqual([leaks(), logged], [[], []])
        yield* TestClock.adjust("1 millis")
        const fiber = `#${fiberNumber(holder)}`
        const expected = {
          _tag: "LeakSuspected",
          pool: "orders",
          at: 65_000,
          connectionId: 1,
          holder: { fiber, span: "checkout", heldMillis: 60_000 }
        }
        assert.deepStrictEqual(leaks() as ReadonlyArray<unknown>, [expected])
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(leaks(), 1)
        assert.lengthOf(logged, 1)
        assert.include(logged[0], `Pool "orders"`)
        assert.include(logged[0], `fiber ${fiber} in span "checkout"`)
        assert.include(logged[0], "1970-01-01T00:00:05.000Z")
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(holder)
      })
    ))

  it.scoped("is told a second time when it has come back", () =>
    suspicious(({ leaks, pool, logged }) =>
      Effect.gen(function*() {
        const connection = yield* pool.acquire
        yield* TestClock.adjust("90 seconds")
        yield* pool.release(connection)
        yield* settled
        const returned = leaks()[1]!
        assert.deepInclude(returned, { _tag: "LeakReturned", at: 90_000, connectionId: 1 })
        assert.strictEqual("holder" in returned && returned.holder.heldMillis, 90_000)
        assert.lengthOf(logged, 2)
        assert.include(logged[1], "come back")
        assert.include(logged[1], "90000 ms")
      })
    ))

  it.scoped("takes nothing from its holder", () =>
    suspicious(({ connector, leaks, pool }) =>
      Effect.gen(function*() {
        const connection = yield* pool.acquire
        const { borrowers, served } = yield* lineUp(pool, ["waiter"])
        yield* TestClock.adjust("10 minutes")
        assert.lengthOf(leaks(), 1)
        assert.deepStrictEqual([connection.alive, (yield* pool.stats).leased, served], [true, 1, []])
        yield* pool.release(connection)
        assert.deepStrictEqual(yield* Fiber.joinAll(borrowers), [1])
        assert.strictEqual(connector.attempts, 1)
      }), { maxConnections: 1, acquireTimeout: Infinity, connectionTTL: Infinity }))

  it.scoped("is told to have come back when its connection is dropped", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        const connection = yield* pool.acquire
        yield* TestClock.adjust("2 minutes")
        yield* pool.drop(connection)
        yield* settled
        assert.deepStrictEqual(leaks().map((event) => event._tag), ["LeakSuspected", "LeakReturned"])
      })
    ))

  it.scoped("is told to have come back when it is taken back by force at the end of the drain", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        yield* pool.acquire
        yield* TestClock.adjust("2 minutes")
        const closing = yield* forkSettled(pool.close)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(closing)
        yield* settled
        assert.deepStrictEqual(leaks().map((event) => event._tag), ["LeakSuspected", "LeakReturned"])
      })
    ))

  it.scoped("is counted, once, and each by itself", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        const first = yield* pool.acquire
        yield* TestClock.adjust("30 seconds")
        const second = yield* pool.acquire
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual([(yield* pool.stats).leaksSuspected, leaks().length], [1, 1])
        yield* TestClock.adjust("30 seconds")
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.leaksSuspected, stats.leased, leaks().length], [2, 2, 2])
        yield* pool.release(second)
        yield* pool.release(first)
      })
    ))

  it.scoped("is named in the errors of those who find the pool exhausted", () =>
    suspicious(({ pool }) =>
      Effect.gen(function*() {
        const [first, second] = [yield* pool.acquire, yield* pool.acquire]
        yield* TestClock.adjust("2 minutes")
        const error = yield* Effect.flip(pool.acquireWith({ timeout: 0 }))
        assert.deepInclude(error, { _tag: "PoolExhaustedError", heldByCaller: 2 })
        assert.include(error.message, "for 120000 ms")
        yield* pool.release(first)
        yield* pool.release(second)
      }), { maxConnections: 2 }))

  it.scoped("is told anew when it was reconnected and held for as long again", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        const old = yield* pool.acquire
        yield* TestClock.adjust("1 minute")
        const fresh = yield* pool.reconnect(old)
        yield* TestClock.adjust("59999 millis")
        assert.deepStrictEqual(leaks().map((event) => event._tag), ["LeakSuspected", "LeakReturned"])
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(leaks()[2], { _tag: "LeakSuspected", connectionId: 2 })
        yield* pool.release(fresh)
      })
    ))

  it.scoped("is not told to come back twice when it was reconnected and ends in time", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        const old = yield* pool.acquire
        yield* TestClock.adjust("1 minute")
        yield* pool.release(yield* pool.reconnect(old))
        yield* settled
        assert.deepStrictEqual(leaks().map((event) => event._tag), ["LeakSuspected", "LeakReturned"])
      })
    ))

  it.scoped("is told of a connection that was idle before as of any other", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        yield* pool.use(id)
        yield* TestClock.adjust("30 seconds")
        const connection = yield* pool.acquire
        yield* TestClock.adjust("59999 millis")
        assert.deepStrictEqual(leaks(), [])
        yield* TestClock.adjust("1 millis")
        assert.lengthOf(leaks(), 1)
        yield* pool.release(connection)
      })
    ))
})

describe("no leak is suspected", () => {
  it.scoped("of leases that end in time, however many follow one another", () =>
    suspicious(({ leaks, pool, logged }) =>
      Effect.gen(function*() {
        const holder = yield* forkSettled(repeatN(pool.use(() => Effect.sleep("50 seconds")), 3))
        yield* TestClock.adjust("200 seconds")
        yield* Fiber.join(holder)
        assert.deepStrictEqual([leaks(), logged, (yield* pool.stats).leaksSuspected], [[], [], 0])
      })
    ))

  it.scoped("of a connection that onRelease takes long to look at", () =>
    suspicious(({ leaks, pool }) =>
      Effect.gen(function*() {
        yield* pool.use(() => Effect.sleep("50 seconds")).pipe(fork)
        yield* TestClock.adjust("120 seconds")
        assert.deepStrictEqual(leaks(), [])
      }), { onRelease: () => Effect.as(Effect.sleep("1 minute"), "keep"), closeTimeout: "2 minutes" }))

  it.scoped("of a borrower that waits", () =>
    suspicious(
      ({ leaks, pool }) =>
        Effect.gen(function*() {
          const borrower = yield* forkSettled(pool.use(id))
          yield* TestClock.adjust("5 minutes")
          yield* Fiber.join(borrower)
          assert.deepStrictEqual(leaks(), [])
        }),
      { acquireTimeout: Infinity, connectTimeout: Infinity },
      { open: () => ({ slow: "4 minutes" }) }
    ))

  it.scoped("unless leakThreshold is set", () =>
    suspicious(({ leaks, pool, logged }) =>
      Effect.gen(function*() {
        const connection = yield* pool.acquire
        yield* TestClock.adjust("5 minutes")
        yield* pool.release(connection)
        assert.deepStrictEqual([leaks(), logged], [[], []])
      }), { leakThreshold: Infinity }))

  it.scoped("and no timer runs while nothing is leased", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const { asleep, clock } = yield* countingClock
      const make = Pool.make({ open: connector.open, leakThreshold: "1 minute", connectionTTL: Duration.infinity })
      const pool = yield* audited(connector, withClock(make, clock))
      yield* settled
      assert.strictEqual(asleep(), 0)
      const [first, second] = [yield* pool.acquire, yield* pool.acquire]
      yield* settled
      assert.strictEqual(asleep(), 1)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(asleep(), 0)
      yield* pool.release(first)
      yield* pool.release(second)
      yield* pool.use(id)
      yield* settled
      assert.strictEqual(asleep(), 0)
    }))
})
