import { assert, describe, it } from "@effect/vitest"
import { Histogram } from "../src/demo/histogram.js"

const recorded = (durations: Iterable<number>): Histogram => {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

describe("a histogram", () => {
  it("has no percentile while it is empty", () => {
    assert.strictEqual(new Histogram().percentile(50), undefined)
  })

  it("gives the one duration for every percentile", () => {
    const histogram = recorded([12.5])
    assert.deepStrictEqual([1, 50, 99, 100].map((percent) => histogram.percentile(percent)), [12.5, 12.5, 12.5, 12.5])
  })

  it("gives percentiles to within 2 %, in whatever order the durations came", () => {
    const durations = Array.from({ length: 10_000 }, (_, index) => (index * 7919 % 10_000 + 1) / 10)
    const histogram = recorded(durations)
    for (const [percent, exact] of [[50, 500], [90, 900], [99, 990]] as const) {
      const estimate = histogram.percentile(percent)!
      assert.isTrue(estimate >= exact * 0.999 && estimate <= exact * 1.021, `p${percent} is ${estimate}`)
    }
    assert.deepStrictEqual([histogram.count, histogram.max, histogram.percentile(100)], [10_000, 1000, 1000])
  })

  it("holds the rare long duration apart from the many short ones", () => {
    const histogram = recorded([...Array.from({ length: 99 }, () => 1), 5000])
    assert.isAtMost(histogram.percentile(99)!, 1.021)
    assert.strictEqual(histogram.percentile(99.5), 5000)
  })

  it("takes no time at all for the shortest there is", () => {
    assert.isAtMost(recorded([0, 0, 0]).percentile(50)!, 0.001)
  })
})
