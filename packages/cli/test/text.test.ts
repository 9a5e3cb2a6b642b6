import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { histogram, Samples } from "../src/internal/samples.js"
import { count, duration, figure, table, wrap } from "../src/internal/text.js"

describe("numbers", () => {
  it("are formatted for people", () => {
    assert.deepStrictEqual([0, 999, 1_234_567].map(count), ["0", "999", "1,234,567"])
    assert.deepStrictEqual([0, 0.01234, 12.34, 1_234.5].map(figure), ["0", "0.0123", "12.3", "1,235"])
    assert.deepStrictEqual(
      [0, 0.25, 12.34, 999, 1_500, 61_000, 7_260_000].map(duration),
      ["0 ms", "250 us", "12.3 ms", "999 ms", "1.5 s", "1 min 1 s", "2 h 1 min"]
    )
  })
})

describe("wrapping", () => {
  it("breaks lines between words, and only if they are too long", () => {
    assert.deepStrictEqual(wrap("to be or not to be", 9), ["to be or", "not to be"])
    assert.deepStrictEqual(wrap("to be or not to be", 9, 2), ["to be or", "  not to", "  be"])
    assert.deepStrictEqual(wrap("to be", Infinity), ["to be"])
    assert.deepStrictEqual(wrap("incomprehensible as it is", 6), ["incomprehensible", "as it", "is"])
  })
})

describe("a table", () => {
  const columns = [
    { head: "POOL", align: "left" },
    { head: "USED", align: "right" },
    { head: "EXTRA", align: "right", rank: 2 },
    { head: "MORE", align: "left", rank: 1 }
  ] as const
  const rows = [["orders", "12", "3", "a b"], ["x", "3", "44444", "c"]]

  it("has columns as wide as their content", () => {
    assert.deepStrictEqual(table(columns, rows), [
      "POOL    USED  EXTRA  MORE",
      "orders    12      3  a b",
      "x          3  44444  c"
    ])
  })

  it("leaves out columns of a high rank if they do not fit, and then cuts names", () => {
    assert.deepStrictEqual(table(columns, rows, 20), ["POOL    USED  MORE", "orders    12  a b", "x          3  c"])
    assert.deepStrictEqual(table(columns, rows, 12), ["POOL    USED", "orders    12", "x          3"])
    assert.deepStrictEqual(table(columns, rows, 10), ["POOL  USED", "ord~    12", "x        3"])
  })
})

describe("samples", () => {
  it("have exact percentiles", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.nat(1_000), { minLength: 1 }), (all) => {
      const samples = new Samples()
      for (const one of all) samples.add(one)
      const sorted = [...all].sort((a, b) => a - b)
      const { count, max, p50, p99 } = samples.summary
      assert.deepStrictEqual(
        { count, max, p50, p99 },
        {
          count: all.length,
          max: sorted.at(-1)!,
          p50: sorted[Math.ceil(all.length / 2) - 1]!,
          p99: sorted[Math.ceil(all.length * 0.99) - 1]!
        }
      )
    }))
  })

  it("fall into exactly one step of the histogram each", () => {
    const times = FastCheck.array(FastCheck.double({ min: 1e-3, max: 1e4, noNaN: true }), { minLength: 1 })
    FastCheck.assert(FastCheck.property(times, (all) => {
      const sorted = [...all].sort((a, b) => a - b)
      const found = histogram(sorted, 12)
      assert.strictEqual(found.reduce((sum, { count }) => sum + count, 0), all.length)
      assert.strictEqual(found.at(-1)!.upTo, sorted.at(-1))
      let before = 0
      for (const { count, upTo } of found.slice(0, -1)) {
        assert.strictEqual(sorted.filter((one) => one <= upTo).length, before + count)
        before += count
      }
    }))
  })

  it("are zero without a sample", () => {
    assert.deepStrictEqual(new Samples().summary, { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
    assert.deepStrictEqual(histogram([], 12), [])
  })
})
