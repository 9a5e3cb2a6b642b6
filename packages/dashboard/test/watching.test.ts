// Figures of the last minute, and errors by kind: without a server.
import { decode, fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import { History } from "../src/History.js"
import { Failures } from "../src/internal/failures.js"
import { resolve } from "../src/internal/options.js"
import { PoolRecord } from "../src/internal/record.js"
import { watch } from "../src/internal/watch.js"
import { Backend } from "./fixtures/backend.js"

/** Holds a connection for some time of the test's clock. */
const hold = (pool: Effect.Effect.Success<ReturnType<Backend["pool"]>>, millis: number) =>
  Effect.gen(function*() {
    const fiber = yield* fork(pool.use(() => Effect.sleep(millis)))
    yield* yieldNow
    yield* TestClock.adjust(millis)
    yield* Fiber.join(fiber)
  })

describe("the last minute", () => {
  it.scoped("has its own percentiles, which a bad hour before does not spoil", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ maxConnections: 1, connectionTTL: "10 hours" })
      const record = new PoolRecord(1, pool, 0)
      for (let i = 0; i < 30; i++) {
        yield* hold(pool, 4_000)
        yield* record.figures
      }
      expect((yield* record.figures).recent.useTime.p50Millis).toBe(4_000)
      for (let i = 0; i < 70; i++) {
        yield* hold(pool, 1_000)
        yield* record.figures
      }
      const { recent, stats } = yield* record.figures
      expect(stats.useTime).toMatchObject({ count: 100, p95Millis: 4_000 })
      expect(recent.millis).toBeGreaterThanOrEqual(60_000)
      expect(recent.millis).toBeLessThanOrEqual(66_000)
      expect(recent.acquired).toBe(recent.millis / 1_000)
      expect(recent.useTime).toEqual({
        count: recent.acquired,
        totalMillis: recent.millis,
        maxMillis: 1_000,
        p50Millis: 1_000,
        p95Millis: 1_000,
        p99Millis: 1_000
      })
    }))

  it.scoped("is the whole life of a pool that is younger", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool()
      yield* hold(pool, 30_000)
      const { recent, stats } = yield* new PoolRecord(1, pool, 0).figures
      expect(recent).toMatchObject({ millis: 30_000, acquired: 1, opened: 1, useTime: stats.useTime })
    }))

  it.scoped("begins when the dashboard first sees an older pool", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool()
      yield* hold(pool, 61_000)
      const record = new PoolRecord(1, pool, 0)
      expect((yield* record.figures).recent).toMatchObject({ millis: 0, acquired: 0, useTime: { p50Millis: 0 } })
      yield* hold(pool, 2_000)
      expect((yield* record.figures).recent).toMatchObject({
        millis: 2_000,
        acquired: 1,
        useTime: { p50Millis: 2_000 }
      })
    }))

  it.scoped("of failures has each reason", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ maxConnections: 1 })
      const record = new PoolRecord(1, pool, 0)
      yield* record.figures
      yield* pool.use(() => Effect.exit(pool.acquireWith({ timeout: 0 })))
      expect((yield* record.figures).recent.failed).toMatchObject({ NoWait: 1, Timeout: 0 })
    }))
})

const failed = (error: string, at = 0) => ({ _tag: "OpenFailed", pool: "orders", connectionId: at, at, error }) as const

describe("failures", () => {
  it("of one kind are counted, and the last is shown", () => {
    const failures = new Failures()
    failures.add(failed("connect ECONNREFUSED 10.0.0.7:5432", 1))
    failures.add({ _tag: "Exhausted", pool: "orders", at: 2, reason: "Timeout", waitedMillis: 1_000 })
    failures.add(failed("connect ECONNREFUSED 10.0.0.8:5432", 3))
    failures.add({ _tag: "Exhausted", pool: "orders", at: 4, reason: "Timeout", waitedMillis: 1_234.5 })
    failures.add({ _tag: "Exhausted", pool: "orders", at: 5, reason: "QueueFull", waitedMillis: 0 })
    failures.add(failed("connect ECONNREFUSED 10.0.0.7:5433", 6))
    expect(failures.toArray()).toEqual([
      { ...failed("connect ECONNREFUSED 10.0.0.8:5432", 3), count: 1, firstAt: 3 },
      { _tag: "Exhausted", pool: "orders", at: 4, reason: "Timeout", waitedMillis: 1_234.5, count: 2, firstAt: 2 },
      { _tag: "Exhausted", pool: "orders", at: 5, reason: "QueueFull", waitedMillis: 0, count: 1, firstAt: 5 },
      { ...failed("connect ECONNREFUSED 10.0.0.7:5433", 6), count: 2, firstAt: 1 }
    ])
    expect(new Failures(failures.toArray()).toArray()).toEqual(failures.toArray())
  })

  it("of the kinds that were seen last are kept, however many there are", () => {
    const failures = new Failures()
    failures.add(failed("first"))
    for (let i = 0; i < 1_000; i++) {
      failures.add(failed("always", i))
      failures.add(failed(`with an id of its own: ${"abcdefghij"[i % 10]!.repeat(i)}`, i))
    }
    const groups = failures.toArray()
    expect(groups).toHaveLength(20)
    expect(groups.find(({ _tag, ...group }) => "error" in group && group.error === "always")!.count).toBe(1_000)
    expect(JSON.stringify(groups)).not.toContain("first\"")
  })
})

it.scoped("the history of failures matches its schema, and the snapshot has the last failed open", () =>
  Effect.gen(function*() {
    const backend = new Backend()
    const watching = yield* watch(resolve({ history: "1 hour" }))
    const pool = yield* backend.pool({ name: "orders" })
    yield* watching.snapshot
    yield* yieldNow
    backend.isUp = false
    yield* Effect.exit(pool.use(() => Effect.void))
    yield* yieldNow
    const error = "ConnectError: connect ECONNREFUSED 10.0.0.7:5432"
    const history = yield* decode(History, yield* watching.history)
    expect(history.pools[0]!.failures).toMatchObject([{ _tag: "OpenFailed", count: 1, error }])
    expect((yield* watching.snapshot).pools[0]!.openFailure).toMatchObject({ error })
    backend.isUp = true
    yield* pool.use(() => Effect.void)
    yield* yieldNow
    expect((yield* watching.snapshot).pools[0]!.openFailure).toBeUndefined()
  }))
