import { Pool, PoolAdvice, PoolSchemas, type PoolStats } from "@socketpool/core"
import { decode, encode, FastCheck, repeatN, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Rng } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { forkSettled, id, setup, warmUp } from "./setup.js"

/** The statistics of a pool that was asked so often a second, for leases so long, for so many seconds. */
const measured = (
  base: PoolStats,
  { holdMillis, perSecond, seconds, ...rest }:
    & { readonly perSecond: number; readonly holdMillis: number; readonly seconds: number }
    & Partial<PoolStats>
): PoolStats => {
  const requests = perSecond * seconds
  return {
    ...base,
    ageMillis: seconds * 1_000,
    acquired: requests,
    useTime: { ...base.useTime, count: requests, totalMillis: requests * holdMillis },
    ...rest
  }
}

const base = Effect.scoped(Effect.flatMap(Pool.make({ open: Effect.void, maxConnections: 10 }), (pool) => pool.stats))

const advice = (figures: Parameters<typeof measured>[1], concurrency = 1) =>
  Effect.map(base, (base) => PoolAdvice.advise({ stats: measured(base, figures), concurrency }))

/** The fraction of the requests that has to wait, when arrivals and holds are random: played, not computed. */
const playedWaits = (rng: Rng.Rng, servers: number, load: number, arrivals: number) => {
  const free = Array.from({ length: servers }, () => 0)
  let now = 0
  let waited = 0
  for (let i = 0; i < arrivals; i++) {
    now += -Math.log(1 - rng.next()) / load
    const next = free.indexOf(Math.min(...free))
    if (free[next]! > now) waited++
    free[next] = Math.max(free[next]!, now) - Math.log(1 - rng.next())
  }
  return waited / arrivals
}

describe("advice", () => {
  it.effect("follows from arrivals and holds by Little's law", () =>
    Effect.gen(function*() {
      const { arrivalsPerSecond, holdMillis, isFounded, load, measuredMillis, utilization } = yield* advice({
        perSecond: 40,
        holdMillis: 50,
        seconds: 100
      })
      assert.deepStrictEqual(
        { arrivalsPerSecond, holdMillis, isFounded, load, measuredMillis, utilization },
        { arrivalsPerSecond: 40, holdMillis: 50, isFounded: true, load: 2, measuredMillis: 100_000, utilization: 0.2 }
      )
    }))

  // Load 1: Erlang's tables give C(4, 1) = 0.0204 and C(5, 1) = 0.0038.
  it.effect("is the least size with which 1 % have to wait", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* advice({ perSecond: 10, holdMillis: 100, seconds: 100 })).maxConnections, 5)
    }))

  for (const load of [0.2, 3, 12]) {
    it.effect(`is what a played queue bears out, with a load of ${load}`, () =>
      Effect.gen(function*() {
        const { maxConnections } = yield* advice({ perSecond: load * 10, holdMillis: 100, seconds: 1_000 })
        const waits = (servers: number) => playedWaits(Rng.make(7), servers, load, 400_000)
        assert.isAtMost(waits(maxConnections), 0.011)
        assert.isAtLeast(waits(maxConnections - 1), 0.0105)
      }))
  }

  it.effect("counts those who got none among the arrivals", () =>
    Effect.gen(function*() {
      const { failed: none } = yield* base
      const { arrivalsPerSecond, failed, reasons } = yield* advice({
        perSecond: 10,
        holdMillis: 100,
        seconds: 100,
        failed: { ...none, Timeout: 900, OpenFailed: 100 }
      })
      assert.deepStrictEqual([arrivalsPerSecond, failed], [20, 0.5])
      assert.include(reasons.join("\n"), "50 % of the requests got no connection, most of them with Timeout.")
    }))

  it.effect("says when the order of arrival wastes work, unless the pool looks for overload", () =>
    Effect.gen(function*() {
      const figures = { perSecond: 400, holdMillis: 25, seconds: 10, waited: 3_900, cancelled: 4_000 }
      const said = ({ reasons }: PoolAdvice.PoolAdvice) => reasons.some((reason) => reason.includes("adaptiveLifo"))
      const { failed } = yield* base
      assert.include(
        (yield* advice(figures)).reasons.join("\n"),
        "4000 requests gave up while they waited, and 4000 were served, in the order of arrival"
      )
      assert.isTrue(said(yield* advice({ ...figures, cancelled: 0, failed: { ...failed, Timeout: 1_001 } })))
      assert.isFalse(said(yield* advice({ ...figures, cancelled: 1_000 })))
      assert.isFalse(said(yield* advice({ ...figures, waited: 2_000 })))
      assert.isFalse(said(yield* advice({ ...figures, overloadedMillis: 0 })))
    }))

  it.effect("shares connections among the leases that each can have", () =>
    Effect.gen(function*() {
      const figures = { perSecond: 10, holdMillis: 100, seconds: 100 }
      assert.strictEqual((yield* advice(figures, 3)).maxConnections, 2)
      assert.strictEqual((yield* advice(figures, 5)).maxConnections, 1)
    }))

  it.effect("keeps connections open that take longer to open than they are held", () =>
    Effect.gen(function*() {
      const { openTime } = yield* base
      const figures = { perSecond: 40, holdMillis: 50, seconds: 100 }
      const slow = { ...openTime, count: 10, totalMillis: 2_000 }
      const quick = { ...openTime, count: 10, totalMillis: 20 }
      assert.strictEqual((yield* advice({ ...figures, openTime: slow })).minConnections, 2)
      assert.strictEqual((yield* advice({ ...figures, openTime: quick })).minConnections, 0)
    }))

  it.effect("tells bursts, waits for opens and leaks from a lack of connections", () =>
    Effect.gen(function*() {
      const { openTime, waitTime } = yield* base
      // 5 connections are enough for it, and 10 are allowed.
      const figures = {
        perSecond: 10,
        holdMillis: 100,
        seconds: 100,
        waited: 200,
        waitTime: { ...waitTime, totalMillis: 8_000 }
      }
      const bursts = yield* advice(figures)
      assert.deepInclude(bursts, { maxConnections: 10, minConnections: 0 })
      assert.include(bursts.reasons.join("\n"), "come in bursts, so do not lower maxConnections")
      assert.include(bursts.reasons.join("\n"), "20 % of the served requests waited, on average 40 ms.")

      const opens = yield* advice({
        ...figures,
        opened: 150,
        openTime: { ...openTime, count: 150, totalMillis: 6_000 }
      })
      assert.deepInclude(opens, { maxConnections: 5, minConnections: 5 })
      assert.include(opens.reasons.join("\n"), "connections to open, which takes 40 ms: keep 5 open (minConnections).")

      const present = yield* advice({ ...figures, opened: 150, minConnections: 5 })
      assert.deepInclude(present, { maxConnections: 10, minConnections: 5 })

      const leaks = yield* advice({ ...figures, waited: 0, leaksSuspected: 3 })
      assert.include(leaks.reasons.join("\n"), "look for those first")
    }))

  it.effect("never says to raise or keep what it does not suggest", () =>
    Effect.gen(function*() {
      const stats = yield* base
      const count = FastCheck.nat(2_000)
      FastCheck.assert(FastCheck.property(
        FastCheck.record({
          perSecond: FastCheck.integer({ min: 1, max: 200 }),
          holdMillis: FastCheck.integer({ min: 1, max: 300 }),
          waited: count,
          opened: count,
          openMillis: FastCheck.integer({ min: 1, max: 300 }),
          minConnections: FastCheck.nat(30),
          refused: count,
          reason: FastCheck.constantFrom("Timeout", "QueueFull", "NoWait", "OpenFailed")
        }),
        ({ openMillis, opened, reason, refused, ...figures }) => {
          const found = PoolAdvice.advise({
            stats: measured(stats, {
              ...figures,
              seconds: 10,
              maxConnections: 30,
              opened,
              openTime: { ...stats.openTime, count: opened, totalMillis: opened * openMillis },
              failed: { ...stats.failed, [reason]: refused }
            })
          })
          const text = found.reasons.join("\n")
          const kept = /keep (\d+) open \(minConnections\)/.exec(text)?.[1]
          assert.strictEqual(
            kept === undefined ? undefined : Number(kept),
            found.isFounded && found.minConnections > figures.minConnections ? found.minConnections : undefined,
            text
          )
          assert.isAtMost(found.minConnections, found.maxConnections)
          if (text.includes("do not lower maxConnections")) assert.isAtLeast(found.maxConnections, 30)
          // A pool that had too few connections for its requests is never told to take fewer.
          if (found.maxConnections < 30) {
            assert.isTrue(refused <= 0.02 * figures.perSecond * 10 || opened > 0 || reason === "OpenFailed", text)
          }
          assert.strictEqual(text.includes("got no connection"), refused > 0)
        }
      ))
    }))

  it.effect("reports refusals and leaks even if no size can be suggested", () =>
    Effect.gen(function*() {
      const { failed: none } = yield* base
      const { isFounded, reasons } = yield* advice({
        perSecond: 0,
        holdMillis: 0,
        seconds: 100,
        failed: { ...none, OpenFailed: 500 },
        leaksSuspected: 1
      })
      assert.isFalse(isFounded)
      assert.deepStrictEqual(reasons, [
        "No lease has ended in the measured time, so there is no advice.",
        "100 % of the requests got no connection, most of them with OpenFailed. No pool size cures that.",
        "Some leases were held for longer than leakThreshold: look for those first. No pool size cures a leak."
      ])
    }))

  it.effect("is about the time since earlier statistics, if they are given", () =>
    Effect.gen(function*() {
      const earlier = measured(yield* base, { perSecond: 1, holdMillis: 1_000, seconds: 1_000 })
      const later: PoolStats = {
        ...earlier,
        ageMillis: earlier.ageMillis + 10_000,
        acquired: earlier.acquired + 400,
        useTime: { ...earlier.useTime, count: 1_400, totalMillis: earlier.useTime.totalMillis + 20_000 }
      }
      const { arrivalsPerSecond, holdMillis, load } = PoolAdvice.advise({ stats: later, since: earlier })
      assert.deepStrictEqual({ arrivalsPerSecond, holdMillis, load }, {
        arrivalsPerSecond: 40,
        holdMillis: 50,
        load: 2
      })
      const waits = {
        ...earlier,
        waited: 500,
        waitTime: { ...earlier.waitTime, totalMillis: 500_000, p99Millis: 9_999 }
      }
      const { reasons } = PoolAdvice.advise({
        stats: {
          ...later,
          waited: 504,
          waitTime: { ...waits.waitTime, totalMillis: 500_008 },
          openTime: { ...later.openTime, count: 4, totalMillis: 100 },
          opened: 4
        },
        since: waits
      })
      assert.include(reasons.join("\n"), "1 % of the served requests waited, on average 2 ms.")
    }))

  it.scoped("is what is set as long as too little was measured, and says so", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 7, minConnections: 2 })
      const first = yield* pool.advise
      assert.deepInclude(first, { isFounded: false, maxConnections: 7, minConnections: 2 })
      assert.match(first.reasons.join("\n"), /Only 0 requests were measured/)
      yield* repeatN(pool.use(id), 98)
      assert.isFalse((yield* pool.advise).isFounded)
    }))

  it.scoped("of a pool is about its own life and concurrency", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 4, concurrency: 2 })
      yield* warmUp(pool, 1)
      for (let i = 0; i < 200; i++) {
        const user = yield* forkSettled(pool.use(() => Effect.sleep("10 millis")))
        yield* TestClock.adjust("10 millis")
        yield* Fiber.join(user)
      }
      const found = yield* pool.advise
      assert.approximately(found.load, 1, 0.01)
      assert.approximately(found.utilization, 1 / 8, 0.01)
      assert.strictEqual(found.maxConnections, 3)
      const encoded = yield* encode(PoolSchemas.PoolAdvice, found)
      assert.deepStrictEqual(yield* decode(PoolSchemas.PoolAdvice, encoded), found)
    }))
})

describe("a size for an expected load", () => {
  // A. K. Erlang's tables: C(4, 1) = 0.0204, C(5, 1) = 0.0038, C(2, 1) = 1/3.
  it("follows Erlang's tables", () => {
    const load = { arrivalsPerSecond: 100, hold: "10 millis" } as const
    assert.strictEqual(PoolAdvice.size(load).maxConnections, 5)
    const found = PoolAdvice.forecast({ ...load, maxConnections: 2 })
    assert.closeTo(found.waited, 1 / 3, 1e-12)
    assert.closeTo(found.meanWaitMillis, 10 / 3, 1e-9)
    assert.closeTo(found.percentileMillis, 10 * Math.log(100 / 3), 1e-9)
    assert.deepInclude(found, { load: 1, utilization: 0.5 })
    assert.closeTo(PoolAdvice.forecast({ ...load, maxConnections: 4 }).waited, 0.0204, 5e-5)
  })

  it("is what a played queue bears out", () => {
    const rng = Rng.make(11)
    const free = [0, 0, 0]
    const waits: Array<number> = []
    let now = 0
    for (let i = 0; i < 400_000; i++) {
      now += -Math.log(1 - rng.next()) / 2
      const next = free.indexOf(Math.min(...free))
      waits.push(Math.max(0, free[next]! - now))
      free[next] = Math.max(free[next]!, now) - Math.log(1 - rng.next())
    }
    waits.sort((a, b) => a - b)
    const { meanWaitMillis, percentileMillis } = PoolAdvice.forecast({
      arrivalsPerSecond: 2_000,
      hold: "1 millis",
      maxConnections: 3,
      percentile: 95
    })
    assert.closeTo(waits.reduce((a, b) => a + b, 0) / waits.length / meanWaitMillis, 1, 0.03)
    assert.closeTo(waits[Math.floor(0.95 * waits.length)]! / percentileMillis, 1, 0.03)
  })

  it("is the smallest that keeps the wanted wait, for every load", () => {
    FastCheck.assert(FastCheck.property(
      FastCheck.record({
        arrivalsPerSecond: FastCheck.double({ min: 0.1, max: 5_000, noNaN: true }),
        hold: FastCheck.double({ min: 0.01, max: 100, noNaN: true }),
        maxWait: FastCheck.constantFrom(0, 0.5, 10),
        percentile: FastCheck.constantFrom(50, 99, 99.9),
        concurrency: FastCheck.integer({ min: 1, max: 5 })
      }),
      ({ maxWait, ...load }) => {
        const found = PoolAdvice.size({ ...load, maxWait })
        assert.isAtMost(found.percentileMillis, maxWait)
        assert.deepStrictEqual(PoolAdvice.forecast({ ...load, maxConnections: found.maxConnections }), found)
        if (found.maxConnections === 1) return
        const fewer = PoolAdvice.forecast({ ...load, maxConnections: found.maxConnections - 1 })
        assert.isAbove(fewer.percentileMillis, maxWait)
      }
    ))
  })

  it.effect("agrees with the advice from measurements", () =>
    Effect.gen(function*() {
      const measured = yield* advice({ perSecond: 120, holdMillis: 50, seconds: 100 })
      assert.strictEqual(PoolAdvice.size({ arrivalsPerSecond: 120, hold: 50 }).maxConnections, measured.maxConnections)
    }))

  it("knows a queue that grows without limit, and very large pools", () => {
    assert.deepInclude(PoolAdvice.forecast({ arrivalsPerSecond: 100, hold: "10 millis", maxConnections: 1 }), {
      utilization: 1,
      waited: 1,
      meanWaitMillis: Infinity,
      percentileMillis: Infinity
    })
    const vast = PoolAdvice.forecast({ arrivalsPerSecond: 1, hold: 1, maxConnections: Number.MAX_SAFE_INTEGER })
    assert.deepInclude(vast, { waited: 0, meanWaitMillis: 0, percentileMillis: 0 })
    // Halfin and Whitt: load + beta x sqrt(load), where beta = 2.375 makes 1 % wait.
    const large = PoolAdvice.size({ arrivalsPerSecond: 1_000_000, hold: "1 second" })
    assert.closeTo(large.maxConnections, 1_002_375, 5)
  })

  it("refuses more leases than anybody has, naming the option and the rule", () => {
    assert.throws(
      () => PoolAdvice.size({ arrivalsPerSecond: 1_000_000, hold: "1 minute" }),
      "PoolAdvice.size: hold must be such that arrivalsPerSecond times hold is at most 1000000 leases at once"
    )
  })
})
