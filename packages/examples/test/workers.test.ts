import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PrimeCounters, PrimeCountersLive, program } from "../src/workers.js"

describe("a pool of worker threads", () => {
  it.live("counts on maxConnections threads", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* program, [1229, 2262, 3245, 4203])
      const { inUse, opened } = yield* PrimeCounters.stats
      assert.strictEqual(inUse, 0)
      assert.isAtMost(opened, 2)
    }).pipe(Effect.provide(PrimeCountersLive)))

  it.live("closes a thread whose borrower was interrupted, and replaces it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* PrimeCounters.use((counter) => counter.primesBelow(10)), 4)
      yield* Effect.timeoutOption(PrimeCounters.use((counter) => counter.primesBelow(Infinity)), "20 millis")
      assert.strictEqual(yield* PrimeCounters.use((counter) => counter.primesBelow(100)), 25)
      const { closed, closing, idle, inUse, opened } = yield* PrimeCounters.stats
      assert.deepStrictEqual({ opened, idle, inUse }, { opened: 2, idle: 1, inUse: 0 })
      assert.strictEqual(closed.Discarded + closing, 1)
    }).pipe(Effect.provide(PrimeCountersLive)))

  it.live("does not lend a thread that has ended", () =>
    Effect.gen(function*() {
      const thread = yield* PrimeCounters.use((counter) => Effect.succeed(counter.thread))
      yield* Effect.promise(() => thread.terminate())
      assert.strictEqual(yield* PrimeCounters.use((counter) => counter.primesBelow(10)), 4)
      const { closed, closing, idle, inUse, opened } = yield* PrimeCounters.stats
      assert.deepStrictEqual({ opened, idle, inUse }, { opened: 2, idle: 1, inUse: 0 })
      assert.strictEqual(closed.Disconnected + closing, 1)
    }).pipe(Effect.provide(PrimeCountersLive)))
})
