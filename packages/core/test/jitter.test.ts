import { Pool } from "@socketpool/core"
import { TestClock, withDraws, withSeed } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Schedule } from "effect"
import { audited, id, setup, warmUp } from "./setup.js"

/** When connections closed, in seconds, if the pool is left alone for so long. */
const ages = (connector: ScriptedConnector.ScriptedConnector, seconds: number) =>
  Effect.gen(function*() {
    const closed: Array<number> = []
    for (let second = 1; second <= seconds; second++) {
      yield* TestClock.adjust("1 second")
      while (closed.length < connector.closed) closed.push(second)
    }
    return closed
  })

const reaped = { connectionTTL: "100 seconds", reapSchedule: Schedule.spaced("1 second") } as const

describe("ttlJitter", () => {
  it.scoped("cuts off the fraction of connectionTTL that is drawn, out of the fraction that may be", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* withDraws(0, 0.5, 0.75)(setup({ ...reaped, ttlJitter: 0.4 }))
      yield* warmUp(pool, 3)
      assert.deepStrictEqual(yield* ages(connector, 101), [70, 80, 100])
    }))

  it.scoped("is a tenth unless told otherwise", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const pool = yield* withDraws(0.5)(audited(connector, Pool.make({ open: connector.open, ...reaped })))
      yield* pool.use(id)
      assert.deepStrictEqual(yield* ages(connector, 101), [95])
    }))

  it.scoped("of 0 draws nothing", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* withDraws(0.5)(setup({ ...reaped, ttlJitter: 0 }))
      yield* pool.use(id)
      assert.deepStrictEqual(yield* ages(connector, 101), [100])
    }))

  it.scoped("of 1 may take the whole life", () =>
    Effect.gen(function*() {
      const { pool } = yield* withDraws(1, 0)(setup({ ...reaped, ttlJitter: 1 }))
      assert.deepStrictEqual([yield* pool.use(id), yield* pool.use(id), yield* pool.use(id)], [1, 2, 2])
    }))

  // F37
  it.scoped("is drawn once for each connection, however often that is lent", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* withDraws(0.5, 0, 0, 0)(setup({ ...reaped, ttlJitter: 0.5 }))
      for (let i = 0; i < 74; i++) {
        assert.strictEqual(yield* pool.use(id), 1)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(connector.live, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 0)
    }))

  // F37
  it.scoped("spreads the ends of connections born together over the part that may be cut off, and no further", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* withSeed("spread")(
        setup({ ...reaped, ttlJitter: 0.5, maxConnecting: 100 })
      )
      yield* warmUp(pool, 100)
      const closed = yield* ages(connector, 101)
      assert.lengthOf(closed, 100)
      assert.isAtLeast(closed[0]!, 50)
      assert.isAtMost(closed[0]!, 53)
      assert.isAtLeast(closed[99]!, 97)
      assert.isAtMost(closed[99]!, 100)
      for (let quarter = 0; quarter < 4; quarter++) {
        const ends = closed.filter((at) => at > 50 + 12.5 * quarter && at <= 50 + 12.5 * (quarter + 1))
        assert.isAtLeast(ends.length, 10)
      }
    }))

  it.scoped("is drawn from the Random that the pool was built with, not from the borrower's", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* withDraws(0.5)(setup({ ...reaped, ttlJitter: 0.5 }))
      yield* withDraws(1)(pool.use(id))
      assert.deepStrictEqual(yield* ages(connector, 101), [75])
    }))
})
