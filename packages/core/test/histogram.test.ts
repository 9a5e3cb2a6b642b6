import { FastCheck } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Histogram } from "../src/internal/histogram.js"
import { bounds } from "../src/internal/metrics/instruments.js"
import { seeds } from "./search.js"

const [seed] = seeds("histogram", 1)

/** The most by which a percentile may be too high. */
const error = 0.18

const recorded = (durations: ReadonlyArray<number>) => {
  const histogram = new Histogram()
  for (const millis of durations) histogram.record(millis)
  return histogram.summary
}

/** The exact percentile: the smallest duration that is at least as long as this fraction of them. */
const exact = (durations: ReadonlyArray<number>, fraction: number) =>
  [...durations].sort((a, b) => a - b)[Math.ceil(durations.length * fraction) - 1]!

/** Asserts that every percentile is an upper bound of the exact one, and not much more. */
const assertBounds = (durations: ReadonlyArray<number>) => {
  const summary = recorded(durations)
  const found = [[0.5, summary.p50Millis], [0.95, summary.p95Millis], [0.99, summary.p99Millis]] as const
  for (const [fraction, percentile] of found) {
    const is = exact(durations, fraction)
    assert.isAtLeast(percentile, is * (1 - 1e-9))
    assert.isAtMost(percentile, is * (1 + error) + 1e-9)
    assert.isAtMost(percentile, summary.maxMillis)
  }
}

const lasting = (min: number, max: number) =>
  FastCheck.array(FastCheck.double({ min, max, noNaN: true }), { minLength: 1, maxLength: 300 })

describe("a histogram", () => {
  it("of nothing is zeros", () => {
    assert.deepStrictEqual(recorded([]), {
      count: 0,
      totalMillis: 0,
      maxMillis: 0,
      p50Millis: 0,
      p95Millis: 0,
      p99Millis: 0
    })
  })

  it("of one duration has it for every percentile", () => {
    assert.deepStrictEqual(recorded([123.4]), {
      count: 1,
      totalMillis: 123.4,
      maxMillis: 123.4,
      p50Millis: 123.4,
      p95Millis: 123.4,
      p99Millis: 123.4
    })
  })

  it("of zeros is zeros, however many", () => {
    assert.deepInclude(recorded([0, 0, 0]), { count: 3, maxMillis: 0, p50Millis: 0, p99Millis: 0 })
  })

  it("counts durations, adds them up and knows the longest", () => {
    FastCheck.assert(
      FastCheck.property(lasting(0, 100_000), (durations) => {
        const { count, maxMillis, totalMillis } = recorded(durations)
        assert.strictEqual(count, durations.length)
        assert.strictEqual(maxMillis, Math.max(...durations))
        assert.approximately(totalMillis, durations.reduce((sum, millis) => sum + millis, 0), 1e-3)
      }),
      { seed }
    )
  })

  it.each([
    ["milliseconds to minutes", lasting(0.0011, 600_000)],
    ["microseconds", lasting(0.0011, 1)],
    ["less than a microsecond", lasting(0.000_001, 0.001)],
    ["hours and days", lasting(3_600_000, 864_000_000)]
  ])("bounds percentiles from above, at most 18 percent too high: %s", (_, durations) => {
    FastCheck.assert(FastCheck.property(durations, assertBounds), { numRuns: 500, seed })
  })

  it("bounds percentiles at the very limits of its buckets so", () => {
    for (let bucket = 1; bucket < 120; bucket++) assertBounds([1e-3 * 2 ** (bucket / 4), 1e7])
  })

  it("does not forget the short ones for the long", () => {
    const { p50Millis, p95Millis, p99Millis } = recorded([...Array.from({ length: 98 }, () => 1), 1000, 2000])
    assert.isAtMost(p50Millis, 1.18)
    assert.isAtMost(p95Millis, 1.18)
    assert.isAtLeast(p99Millis, 1000)
    assert.isAtMost(p99Millis, 1180)
  })

  it("counts exactly how many took no longer than a bound", () => {
    FastCheck.assert(FastCheck.property(lasting(0, 20_000), (durations) => {
      const histogram = new Histogram()
      for (const millis of [...durations, ...bounds]) histogram.record(millis)
      const counted = bounds.map((bound) => [...durations, ...bounds].filter((millis) => millis <= bound).length)
      assert.deepStrictEqual(histogram.upTo(bounds), counted)
    }))
  })

  it("added to another is one of all durations", () => {
    FastCheck.assert(FastCheck.property(lasting(0, 20_000), lasting(0, 20_000), (some, others) => {
      const [first, second, all] = [new Histogram(), new Histogram(), new Histogram()]
      for (const millis of some) first.record(millis)
      for (const millis of others) second.record(millis)
      for (const millis of [...some, ...others]) all.record(millis)
      first.add(second)
      assert.deepStrictEqual(first.upTo(bounds), all.upTo(bounds))
      assert.approximately(first.total, all.total, 1e-6)
      assert.deepStrictEqual({ ...first.summary, totalMillis: 0 }, { ...all.summary, totalMillis: 0 })
      assert.deepStrictEqual([first.min, first.max], [all.min, all.max])
    }))
  })

  it("of nothing adds nothing, and takes what is added", () => {
    const [empty, one] = [new Histogram(), new Histogram()]
    one.record(5)
    one.add(empty)
    empty.add(one)
    for (const histogram of [empty, one]) {
      assert.deepStrictEqual([histogram.count, histogram.min, histogram.max], [1, 5, 5])
    }
  })
})
