import { assert, describe, it } from "@effect/vitest"
import type { PoolStats } from "@socketpool/core"
import { Histogram } from "../src/demo/histogram.js"
import { liveLine, type View } from "../src/demo/liveLine.js"
import { emptyStats } from "./fixtures.js"

const stats: PoolStats = { ...emptyStats, maxConnections: 8, inUse: 8, pending: 287 }
const waits = new Histogram()
waits.record(12)
const view: View = { elapsedMillis: 5_040, stats, served: 123_456, failed: 1_484, waits }

describe("the live line", () => {
  it("says it all when there is room", () => {
    assert.strictEqual(
      liveLine(view, 119),
      " 5.0 s  in use 8/8  idle 0  pending 287  served 123,456  failed 1,484  wait p50 12 p99 12 ms"
    )
  })

  it("says what matters on 80 columns", () => {
    assert.strictEqual(
      liveLine(view, 79),
      " 5.0 s  in use 8/8  idle 0  pending 287  served 123,456  wait p50 12 p99 12 ms"
    )
  })

  it("is never longer than it may be", () => {
    for (let width = 0; width < 130; width++) assert.isAtMost(liveLine(view, width).length, width)
  })

  it("has no waits to show while nothing is served", () => {
    assert.match(liveLine({ ...view, waits: new Histogram() }, 119), /wait p50 - p99 - ms$/)
  })
})
