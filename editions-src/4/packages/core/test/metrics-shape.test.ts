// A snapshot of Effect 4's metrics as exporters find it.
import { Pool } from "@socketpool/core"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Effect, Metric } from "effect"

const snapshotOf = (name: string) => Effect.map(Metric.snapshot, (all) => all.filter(({ id }) => id === name))

describe("a histogram of a pool", () => {
  it.scopedLive("has the buckets of one that Effect has made itself", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ name: "shape", open: Effect.succeed(1) })
      yield* pool.use(() => Effect.sleep("30 millis"))
      const own = Metric.histogram("socketpool.test.shape", { boundaries: Metric.boundariesFromIterable([0.01, 1]) })
      yield* Metric.update(own, 0.03)
      const [theirs] = yield* snapshotOf("socketpool.test.shape")
      const ours = (yield* snapshotOf("db.client.connection.use_time"))
        .find(({ attributes }) => attributes?.["db.client.connection.pool.name"] === "shape")
      const states = [theirs!, ours!].map(({ state }) => state as Metric.HistogramState)
      for (const { buckets, count } of states) {
        const bounds = buckets.map(([bound]) => bound)
        expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
        expect([count, buckets.at(-1)]).toEqual([1, [Infinity, 1]])
      }
    }))
})
