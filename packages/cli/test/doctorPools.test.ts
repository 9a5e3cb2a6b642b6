import { Pool, PoolAdvice, type PoolStats } from "@socketpool/core"
import { fork, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import * as DoctorPools from "../src/internal/doctorPools.js"

const base = Effect.scoped(Effect.flatMap(Pool.make({ open: Effect.void, maxConnections: 10 }), (pool) => pool.stats))

/** Statistics after so many requests of 100 ms each, some refused. */
const after = (stats: PoolStats, ageMillis: number, served: number, refused: number): PoolStats => ({
  ...stats,
  ageMillis,
  acquired: served,
  useTime: { ...stats.useTime, count: served, totalMillis: served * 100 },
  failed: { ...stats.failed, Timeout: refused }
})

const snapshotOf = (stats: PoolStats, concurrency = 1) => ({
  at: 0,
  pools: [{ id: 1, name: "orders", stats, leases: [], advice: PoolAdvice.advise({ stats, concurrency }) }]
})

const found = (first: PoolStats, second: PoolStats, concurrency = 1) =>
  Effect.gen(function*() {
    let reads = 0
    const read = Effect.map(Clock.currentTimeMillis, (at) => ({
      at,
      snapshot: snapshotOf([first, second][reads++]!, concurrency)
    }))
    const checking = yield* fork(
      Effect.flatMap(read, (reading) => DoctorPools.check(Duration.seconds(10), read, reading))
    )
    yield* TestClock.adjust("9 seconds")
    assert.strictEqual(reads, 1)
    yield* TestClock.adjust("1 seconds")
    const [finding] = yield* Fiber.join(checking)
    return `${finding!.level} ${finding!.text}`
  })

describe("the check of running pools", () => {
  it.effect("fails a pool that refuses requests now, and not one that did so long ago", () =>
    Effect.gen(function*() {
      const stats = yield* base
      const healthy = after(stats, 3_600_000, 10_000, 0)
      assert.match(
        yield* found(healthy, after(stats, 3_610_000, 10_756, 244)),
        /^fail orders, in the last 10 s: .*24\.4 %/
      )
      const wasSick = after(stats, 3_600_000, 10_000, 3_000)
      assert.match(yield* found(wasSick, after(stats, 3_610_000, 10_200, 3_000)), /^ok orders, in the last 10 s/)
    }))

  it.effect("takes the whole life if nothing happens now, and then only warns of refusals", () =>
    Effect.gen(function*() {
      const stats = after(yield* base, 3_600_000, 7_560, 2_440)
      const text = yield* found(stats, { ...stats, ageMillis: 3_610_000 })
      assert.match(text, /^warn orders, since it was made 1 h 0 min ago: .*24\.4 % of the requests got no connection/)
    }))

  it.effect("fails a pool that refuses everything, although no size can be suggested", () =>
    Effect.gen(function*() {
      const stats = yield* base
      assert.match(yield* found(after(stats, 1_000, 0, 0), after(stats, 11_000, 0, 20)), /^fail orders.* 100 % of/)
    }))

  it.effect("spreads the load over the leases that a connection can have", () =>
    Effect.gen(function*() {
      const stats = yield* base
      const first = after(stats, 3_600_000, 360_000, 0)
      // 20 leases at once: too much for 10 connections of one lease each, and not for 10 of three.
      const second = after(stats, 3_610_000, 362_000, 0)
      assert.match(yield* found(first, second), /^warn /)
      assert.match(yield* found(first, second, 4), /^ok /)
    }))
})
