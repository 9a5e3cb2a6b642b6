import { FastCheck } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { LastMinute } from "../src/internal/lastMinute.js"
import { histogram, Samples } from "../src/internal/samples.js"
import { Screen, sparkline } from "../src/internal/screen.js"
import { count, duration, figure, table, wrap } from "../src/internal/text.js"
import { recorded } from "./fixtures/screen.js"

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
    const long = [["n".repeat(60), "12", "3", "a b"]]
    assert.deepStrictEqual(table(columns, long, 60), [
      "POOL                  USED  EXTRA  MORE",
      "nnnnnnnnnnnnnnnnnnn~    12      3  a b"
    ])
    assert.deepStrictEqual(table(columns, rows, 10), ["POOL  USED", "ord~    12", "x        3"])
  })
})

describe("the last minute", () => {
  it("counts answers by the second, oldest first, and forgets what is older", () => {
    const minute = new LastMinute()
    assert.deepStrictEqual(minute.answers(5_000), Array.from({ length: 59 }, () => 0))
    for (let at = 0; at < 100_000; at += 500) {
      if (at < 50_000 || at >= 60_000) minute.answered(at)
      else minute.failed(at)
    }
    const answers = minute.answers(100_000)
    assert.lengthOf(answers, 59)
    assert.deepStrictEqual([answers[0], answers[9], answers[18], answers[19], answers[58]], [2, 0, 0, 2, 2])
    assert.deepInclude(minute.lastSecond(60_200), { answered: 0, failed: 2 })
  })

  it("is drawn as a line that shows a recovery", () => {
    const draw = (device: Parameters<typeof recorded>[0]) =>
      Effect.runSync(Effect.provide(
        Effect.map(Screen, (screen) => sparkline(screen, [0, 0, 1, 50, 100, 100])),
        recorded(device).layer
      ))
    assert.strictEqual(draw({ hasBlocks: true }), "▁▁▂▅██")
    assert.strictEqual(draw({ hasBlocks: false }), "__.=##")
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
