import { Overload, type PoolEvent, type PoolExhaustedError } from "@socketpool/core"
import { exitOf, fork, result, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Rng } from "@socketpool/testing"
import { Effect, Exit, Fiber, Stream } from "effect"
import { type Options, settled, setup, type TestPool } from "./setup.js"

const target = 50
const interval = 100

const policies = {
  fifo: Overload.fifo,
  adaptiveLifo: Overload.adaptiveLifo(),
  codel: Overload.codel()
}

/** A borrower of one connection for some time. */
const borrow = (pool: TestPool, served: Array<number>, n: number, holds: number) =>
  fork(result(pool.use(() => Effect.andThen(Effect.sync(() => served.push(n)), Effect.sleep(holds)))))

/** Borrowers 1 to `count` come one each 10 ms and hold for 20 ms: twice what the only connection can serve. */
const come = (pool: TestPool, count: number) =>
  Effect.gen(function*() {
    const served: Array<number> = []
    const fibers: Array<Effect.Effect.Success<ReturnType<typeof borrow>>> = []
    for (let n = 1; n <= count; n++) {
      fibers.push(yield* borrow(pool, served, n, 20))
      yield* TestClock.adjust(10)
    }
    return { served, fibers }
  })

/** They come, and all of them end. */
const twofold = (pool: TestPool, count: number) =>
  Effect.gen(function*() {
    const { fibers, served } = yield* come(pool, count)
    yield* TestClock.adjust("1 minute")
    const results = yield* Effect.forEach(fibers, Fiber.join)
    return {
      served,
      errors: results.flatMap((one) => one._tag === "Failure" ? [one.failure as PoolExhaustedError] : [])
    }
  })

describe("a pool that is overloaded", () => {
  it.scoped("serves in the order of arrival, by default", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1 })
      const { served } = yield* twofold(pool, 40)
      assert.deepStrictEqual(served, Array.from({ length: 40 }, (_, i) => i + 1))
      assert.isFalse("overloadedMillis" in (yield* pool.stats))
    }))

  it.scoped("serves the newest first with adaptiveLifo, and everybody in the end", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, overload: policies.adaptiveLifo })
      const { errors, served } = yield* twofold(pool, 40)
      const turn = served.findIndex((n, i) => n !== i + 1)
      // At first in order: the wait exceeds 50 ms from the 7th on, and does so for 100 ms then.
      assert.isAtLeast(turn, 7)
      assert.isAtMost(turn, 13)
      assert.isAbove(served[turn]!, 2 * turn - 2)
      // The oldest come last, the youngest of them first.
      assert.deepStrictEqual(served.slice(-5), [...served.slice(-5)].sort((a, b) => b - a))
      assert.deepStrictEqual([...served].sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i + 1))
      assert.deepStrictEqual(errors, [])
      assert.strictEqual((yield* pool.stats).failed.Shed, 0)
    }))

  it.scoped("sheds the oldest with codel, keeps the order of the others, and says why", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ name: "orders", maxConnections: 1, overload: policies.codel })
      const { errors: shed, served } = yield* twofold(pool, 60)
      assert.deepStrictEqual(served, [...served].sort((a, b) => a - b))
      const { failed } = yield* pool.stats
      assert.isAbove(shed.length, 5)
      assert.strictEqual(failed.Shed, shed.length)
      assert.strictEqual(served.length + shed.length, 60)
      const [first] = shed
      assert.strictEqual(first!.reason, "Shed")
      assert.isAbove(first!.waitedMillis, 2 * target)
      assert.strictEqual(first!.overload!.targetMillis, target)
      assert.isAbove(first!.overload!.leastWaitMillis, target)
      assert.isAtLeast(first!.overload!.overloadedMillis, interval)
      assert.include(
        first!.message,
        `Pool "orders": shed after ${first!.waitedMillis} ms, because the pool is overloaded: in the last ` +
          `${first!.overload!.overloadedMillis} ms every borrower had waited for ${
            first!.overload!.leastWaitMillis
          } ms ` +
          "or longer, and the target is 50 ms"
      )
      assert.include(first!.message, "Try to send less, raise maxConnections, or raise the target of overload.")
    }))

  it.scoped("tells when it begins and ends, and for how long it was", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, overload: policies.codel })
      const events: Array<PoolEvent> = []
      yield* fork(Stream.runForEach(pool.notices, (event) => Effect.sync(() => events.push(event))))
      yield* settled
      yield* twofold(pool, 60)
      const told = events.filter(({ _tag }) => _tag === "Overloaded" || _tag === "Recovered")
      assert.isAtLeast(told.length, 2)
      told.forEach(({ _tag }, i) => assert.strictEqual(_tag, i % 2 === 0 ? "Overloaded" : "Recovered"))
      assert.strictEqual(told.at(-1)!._tag, "Recovered")
      const lengths = told.flatMap((event) => event._tag === "Recovered" ? [event.overloadedMillis] : [])
      assert.strictEqual((yield* pool.stats).overloadedMillis, lengths.reduce((a, b) => a + b))
      // Each lasts from its event to the other.
      for (let i = 0; i < told.length; i += 2) assert.strictEqual(told[i + 1]!.at - told[i]!.at, lengths[i / 2])
      const shed = events.filter((event) => event._tag === "Exhausted" && event.reason === "Shed")
      assert.strictEqual(shed.length, (yield* pool.stats).failed.Shed)
    }))

  it.scoped("has recovered when it closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, overload: policies.adaptiveLifo })
      const { fibers } = yield* come(pool, 40)
      assert.isAbove((yield* pool.stats).overloadedMillis!, 0)
      const closing = yield* fork(pool.close)
      yield* settled
      const { overloadedMillis } = yield* pool.stats
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.stats).overloadedMillis, overloadedMillis)
      yield* Effect.forEach(fibers, Fiber.join)
      yield* Fiber.join(closing)
    }))
})

describe("nobody is shed", () => {
  /** Waits for 200 ms in the queue of one connection, and then for 30 ms more each, until the queue is done. */
  const slowly = (options: Options, count: number, holds: number) =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, overload: policies.codel, ...options })
      const served: Array<number> = []
      const fibers: ReadonlyArray<RunningFiber<unknown, unknown>> = yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (n) => borrow(pool, served, n, holds)
      )
      yield* TestClock.adjust("1 minute")
      yield* Effect.forEach(fibers, Fiber.join)
      return { served, stats: yield* pool.stats }
    })

  it.scoped("of a queue that gets short within the interval", () =>
    Effect.gen(function*() {
      const { served, stats } = yield* slowly({}, 10, 14)
      assert.strictEqual(served.length, 10)
      assert.strictEqual(stats.failed.Shed, 0)
    }))

  it.scoped("while the pool can still open connections", () =>
    Effect.gen(function*() {
      const growing = yield* slowly({ maxConnections: 50, maxConnecting: 1 }, 12, 200)
      assert.strictEqual(growing.stats.failed.Shed, 0)
      assert.strictEqual(growing.stats.overloadedMillis, 0)
    }).pipe(Effect.scoped))

  it.scoped("that is the last in the queue, however long it has waited", () =>
    Effect.gen(function*() {
      const { served, stats } = yield* slowly({}, 4, 300)
      // The first two are served late, the third is shed, and the last remains.
      assert.strictEqual(stats.failed.Shed + served.length, 4)
      assert.isTrue(served.includes(3))
    }))

  it.scoped("that reconnects", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, overload: policies.codel }, {
        open: (attempt) => attempt === 1 ? "ok" : { slow: "1 second" }
      })
      const moved = yield* fork(pool.use((one) => Effect.andThen(Effect.sleep(500), pool.reconnect(one))))
      const crowd = yield* fork(twofold(pool, 40))
      yield* TestClock.adjust("2 minutes")
      assert.isTrue(Exit.isSuccess(exitOf(moved)!))
      yield* Fiber.join(crowd)
      assert.isAbove((yield* pool.stats).failed.Shed, 0)
    }))
})

describe("bad options of Overload name the option, the value and the rule:", () => {
  it("a target of 0, an interval that is no duration, an unknown option, and what is no Overload", () => {
    assert.throws(() => Overload.codel({ target: 0 }), "Overload.codel: target must be a duration of more than 0")
    assert.throws(() => Overload.adaptiveLifo({ interval: "soon" as never }), "Overload.adaptiveLifo: interval must be")
    assert.throws(() => Overload.codel({ targets: 1 } as never), "targets is not an option: did you mean target?")
  })

  it.scoped("what is no Overload", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(setup({ overload: "codel" as never }))
      assert.include(
        String(Exit.isFailure(exit) && exit.cause),
        `Pool.make: overload must be an Overload, but is "codel"`
      )
    }))
})

/**
 * The part of the connections' time that went to callers that got their answer. There are ten connections, leases of
 * 25 ms on average, independent arrivals, and callers that give up after 400 ms. The server goes on with what it has
 * begun.
 */
const goodput = (overload: Overload.Overload, load: number, options: Options = {}) =>
  Effect.gen(function*() {
    const [connections, holds, patience, length] = [10, 25, 400, 4_000]
    const { pool } = yield* setup({ maxConnections: connections, maxConnecting: connections, overload, ...options })
    const rng = Rng.make(7)
    const exponential = (mean: number) => -Math.log(1 - rng.between(0, 999_999) / 1e6) * mean
    let now = 0
    let offered = 0
    let good = 0
    const caller = Effect.suspend(() => {
      const begin = now
      const millis = Math.ceil(exponential(holds))
      offered += millis
      const work = pool.use(() => Effect.uninterruptible(Effect.sleep(millis)))
      return Effect.matchCause(Effect.timeout(work, patience), {
        onFailure: () => {},
        onSuccess: () => {
          if (now - begin <= patience && now <= length) good += millis
        }
      })
    })
    for (let next = 0; now < length; now += 2) {
      for (; next <= now; next += exponential(holds / (load * connections))) yield* fork(caller)
      yield* TestClock.adjust(2)
    }
    now = Infinity
    yield* TestClock.adjust("1 minute")
    return Math.round(100 * good / Math.min(offered, connections * length))
  }).pipe(Effect.scoped)

describe("goodput, in percent of what is possible, with callers that give up after 400 ms", () => {
  const cases = [
    { load: 2, fifo: [0, 50], adaptiveLifo: [95, 100], codel: [95, 100] },
    { load: 1.1, fifo: [0, 100], adaptiveLifo: [95, 100], codel: [95, 100] },
    { load: 0.8, fifo: [97, 100], adaptiveLifo: [97, 100], codel: [97, 100] }
  ] as const

  it.effect.each(cases)("at $load times the load", ({ load, ...bounds }) =>
    Effect.gen(function*() {
      const figures: Record<string, number> = {}
      for (const [name, overload] of Object.entries(policies)) figures[name] = yield* goodput(overload, load)
      figures["maxPending: 20"] = yield* goodput(Overload.fifo, load, { maxPending: 20 })
      process.stdout.write(`goodput at ${load} times the load, in %: ${JSON.stringify(figures)}\n`)
      for (const [name, [least, most]] of Object.entries(bounds)) {
        assert.isAtLeast(figures[name]!, least, name)
        assert.isAtMost(figures[name]!, most, name)
      }
    }))
})
