// F59: a closed pool's metrics
import { Pool, PoolMetrics } from "@socketpool/core"
import { metricFigures, provideScope, repeatN, tagMetrics } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Exit, Scope } from "effect"
import { id, setup } from "./setup.js"

const series = () => metricFigures().map(({ name, tags }) => `${name} ${Object.values(tags)}`)

/** The lines of Prometheus about pools of this name. */
const exposed = (name: string) =>
  Effect.map(PoolMetrics.prometheus, (text) => text.split("\n").filter((line) => line.includes(`"${name}"`)))

const make = (name: string) =>
  Effect.tap(
    Pool.make({ open: Effect.succeed({}), name, minConnections: 1, attributes: { tenant: name } }),
    (pool) => pool.use(() => Effect.void)
  )

describe("a closed pool", () => {
  it.effect("leaves no series, whatever its name, attributes and tags", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(make("the first of all"))
      const before = series()
      yield* Effect.forEach(Array.from({ length: 300 }), (_, i) =>
        tagMetrics({ tenant: `tag-${i}` })(Effect.scoped(make(`tenant-${i}`))))
      assert.deepStrictEqual(series(), before)
      assert.notInclude(yield* PoolMetrics.prometheus, "tenant-")
      assert.deepStrictEqual(
        (yield* Pool.running).filter(({ name }) =>
          name.startsWith("tenant-")
        ),
        []
      )
    }))

  it.scoped("is forgotten by a scope that stays open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const size = () => (scope as unknown as { state: { finalizers?: Map<unknown, unknown> } }).state.finalizers?.size
      const pools = yield* Effect.forEach(["a", "b", "c"], (name) => provideScope(make(name), scope))
      assert.strictEqual(size(), 3)
      yield* pools[1]!.close
      assert.strictEqual(size(), 2)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.forEach(pools, (pool) => pool.close)
      assert.deepStrictEqual((yield* Pool.running).filter((pool) => new Set<unknown>(pools).has(pool)), [])
    }))

  it.scoped("takes nothing from another of its name: no count of theirs falls", () =>
    Effect.gen(function*() {
      const name = "two of a name"
      const { pool } = yield* setup({ name })
      yield* pool.use(id)
      yield* Effect.scoped(Effect.flatMap(setup({ name }), ({ pool }) => repeatN(pool.use(id), 2)))
      const lines = yield* exposed(name)
      assert.includeMembers(lines, [
        `db_client_connections{pool_name="${name}",state="idle"} 1`,
        `db_client_connection_max{pool_name="${name}"} 200`,
        `socketpool_connection_opened_total{pool_name="${name}"} 2`,
        `socketpool_connection_closed_total{pool_name="${name}",reason="PoolClosed"} 1`,
        `db_client_connection_use_time_seconds_count{pool_name="${name}"} 4`
      ])
      yield* pool.close
      assert.deepStrictEqual(yield* exposed(name), [])
    }))

  it.scoped("of the same name but other tags keeps its own series", () =>
    Effect.gen(function*() {
      const name = "tagged"
      yield* setup({ name })
      const before = yield* exposed(name)
      yield* Effect.scoped(tagMetrics({ tenant: "acme" })(setup({ name })))
      assert.deepStrictEqual(yield* exposed(name), before)
    }))

  it.scoped("leaves its default name to the next pool without one", () =>
    Effect.gen(function*() {
      const name = Effect.map(Pool.make({ open: Effect.succeed({}) }), (pool) => pool.name)
      const first = yield* Effect.scoped(name)
      yield* make("beside it")
      assert.strictEqual(yield* Effect.scoped(name), first)
      assert.strictEqual(new Set(yield* Effect.all([name, name, name])).size, 3)
    }))

  it.effect("begins anew when it is made again", () =>
    Effect.gen(function*() {
      const name = "reopened"
      const opened = Effect.scoped(Effect.andThen(make(name), exposed(name)))
      assert.deepStrictEqual(yield* opened, yield* opened)
    }))
})
