import { Pool } from "@socketpool/core"
import { fork, unlogged } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect } from "effect"
import { type Options } from "./setup.js"

describe("very many connections that close at once", () => {
  const many = 2_000
  type Limits = Pick<Options, "closeTimeout" | "idleTimeout">

  /** A pool with so many idle connections, and how many have closed since the event loop last turned. */
  const crowded = (options: Limits) =>
    Effect.gen(function*() {
      const count = { closed: 0, inTurn: 0, mostInTurn: 0 }
      const turn = () => {
        count.inTurn = 0
        next = setImmediate(turn)
      }
      let next = setImmediate(turn)
      yield* Effect.addFinalizer(() => Effect.sync(() => clearImmediate(next)))
      const close = () => {
        count.closed++
        count.mostInTurn = Math.max(count.mostInTurn, ++count.inTurn)
      }
      const open = Effect.acquireRelease(Effect.sync(() => ({})), () => Effect.sync(close))
      const pool = yield* Pool.make({ open, maxConnections: many, ...options })
      yield* Effect.scoped(Effect.all(Array.from({ length: many }, () => pool.get), { concurrency: "unbounded" }))
      return { count, pool }
    })

  const nextTurn = Effect.promise(() => new Promise<void>((next) => setImmediate(next)))

  const allClosed = (count: { closed: number }) => Effect.repeat(nextTurn, { until: () => count.closed === many })

  type Crowded = Effect.Effect.Success<ReturnType<typeof crowded>>["pool"]
  const ways: ReadonlyArray<readonly [string, Limits, (pool: Crowded) => Effect.Effect<void>]> = [
    ["clear", {}, (pool) => pool.clear],
    ["close", {}, (pool) => pool.close],
    ["resize", {}, (pool) => pool.resize({ max: 1 }).pipe(Effect.andThen(pool.clear))],
    ["idleTimeout", { idleTimeout: "50 millis" }, () => Effect.void]
  ]
  it.scopedLive.each(ways)(
    "leave the event loop its turns, and close once each: %s",
    ([, options, close]) =>
      Effect.gen(function*() {
        const { count, pool } = yield* crowded(options)
        yield* fork(close(pool))
        yield* allClosed(count)
        assert.isAtMost(count.mostInTurn, 500)
        yield* pool.close
        assert.strictEqual(count.closed, many)
      })
  )

  it.scopedLive("all have their finalizers run, also those whose time to close is over before it was their turn", () =>
    Effect.gen(function*() {
      const { count, pool } = yield* crowded({ closeTimeout: 1 })
      yield* pool.close
      assert.strictEqual(yield* pool.size, 0)
      yield* allClosed(count)
      yield* nextTurn
      assert.strictEqual(count.closed, many)
    }).pipe(unlogged))
})
