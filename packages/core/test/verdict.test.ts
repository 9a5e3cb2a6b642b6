import { PoolVerdict } from "@socketpool/core"
import { assert, describe, it } from "@socketpool/test-seam/virtual"

const judge = (facts: Partial<PoolVerdict.Facts>) => {
  const { tone, word } = PoolVerdict.judge({
    connections: 4,
    oldestWaitMillis: 0,
    periodMillis: 10_000,
    acquired: 1_000,
    refused: 0,
    opensFail: false,
    suspectsLeak: false,
    ...facts
  })
  return `${tone} ${word}`
}

describe("the verdict", () => {
  const cases: ReadonlyArray<[string, Partial<PoolVerdict.Facts>]> = [
    ["good healthy", {}],
    ["good healthy", { acquired: 0, connections: 0 }],
    ["warn leak suspected", { suspectsLeak: true }],
    ["warn waiting", { suspectsLeak: true, oldestWaitMillis: 4_999 }],
    ["bad waiting", { opensFail: true, oldestWaitMillis: 5_000 }],
    ["warn waiting", { acquired: 0, oldestWaitMillis: 1_999 }],
    ["warn waiting", { acquired: 0, oldestWaitMillis: 2_000, periodMillis: 1_000 }],
    ["bad stuck", { acquired: 0, oldestWaitMillis: 2_000, refused: 5 }],
    ["warn refusing", { acquired: 1_000, refused: 9 }],
    ["bad refusing", { acquired: 990, refused: 10 }],
    // 90 pending, and 9.2 of some 200 a second refused: it waits, and it is much worse than that.
    ["bad refusing", { acquired: 2_000, refused: 92, oldestWaitMillis: 9_600 }],
    ["bad refusing", { acquired: 0, refused: 5, suspectsLeak: true }],
    ["bad refusing", { refused: 50, opensFail: true }],
    ["warn opens fail", { opensFail: true, refused: 1, oldestWaitMillis: 1 }],
    ["warn overloaded", { overloadedMillis: 100, oldestWaitMillis: 80, refused: 1 }],
    ["bad overloaded", { overloadedMillis: 100, refused: 50 }],
    ["bad overloaded", { overloadedMillis: 100, oldestWaitMillis: 5_000 }],
    ["warn opens fail", { overloadedMillis: 100, opensFail: true }],
    ["bad stuck", { overloadedMillis: 100, acquired: 0, oldestWaitMillis: 2_000 }],
    ["bad down", { acquired: 0, opensFail: true, refused: 1 }],
    ["bad down", { opensFail: true, connections: 0 }]
  ]
  it.each(cases)("is %s", (expected, facts) => {
    assert.strictEqual(judge(facts), expected)
  })
})
