import { assert, describe, it } from "@effect/vitest"
import { PoolVerdict } from "@socketpool/core"

const judge = (facts: Partial<PoolVerdict.Facts>, stats: Partial<PoolVerdict.Facts["stats"]> = {}) => {
  const { tone, word } = PoolVerdict.judge({
    stats: { idle: 2, inUse: 2, pending: 0, ...stats },
    periodMillis: 10_000,
    acquired: 100,
    failed: 0,
    opensFail: false,
    suspectsLeak: false,
    ...facts
  })
  return `${tone} ${word}`
}

describe("the verdict", () => {
  const cases: ReadonlyArray<[string, ...Parameters<typeof judge>]> = [
    ["good healthy", {}],
    ["good healthy", { acquired: 0 }],
    ["warn leak suspected", { suspectsLeak: true }],
    ["warn waiting", { suspectsLeak: true }, { pending: 1 }],
    ["warn opens fail", { opensFail: true }, { pending: 1 }],
    ["warn refusing", { failed: 1 }],
    // 90 pending, and 92 of some 2,000 refused: it waits, and it is much worse than that.
    ["bad refusing", { acquired: 2_000, failed: 92 }, { pending: 90 }],
    ["bad refusing", { acquired: 0, failed: 5, suspectsLeak: true }],
    ["bad refusing", { failed: 50, opensFail: true }],
    ["bad stuck", { acquired: 0 }, { pending: 1 }],
    ["warn waiting", { acquired: 0, periodMillis: 1_000 }, { pending: 1 }],
    ["bad down", { acquired: 0, opensFail: true, failed: 1 }],
    ["bad down", { acquired: 0, opensFail: true }, { pending: 1 }],
    ["bad down", { opensFail: true }, { idle: 0, inUse: 0 }]
  ]
  it.each(cases)("is %s", (expected, facts, stats) => {
    assert.strictEqual(judge(facts, stats), expected)
  })
})
