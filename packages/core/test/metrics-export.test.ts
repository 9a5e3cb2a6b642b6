import { Metrics, Resource } from "@effect/opentelemetry"
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { PoolMetrics } from "@socketpool/core"
import { tagMetrics, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Fiber, Layer } from "effect"
import { forkSettled, id, setup, warmUp } from "./setup.js"

let pools = 0
/** A name that no other test has, as figures of one name are added up. */
const freshName = () => `exported-${++pools}`

describe("exported by @effect/opentelemetry", () => {
  const exported = <A, E, R>(run: (read: Effect.Effect<Map<string, Instrument>>) => Effect.Effect<A, E, R>) => {
    const reader = new PeriodicExportingMetricReader({
      exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    })
    const read = Effect.map(Effect.promise(() => reader.collect()), ({ resourceMetrics }) =>
      new Map(
        resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).map((metric) => [
          metric.descriptor.name,
          metric as unknown as Instrument
        ])
      ))
    const exporter = Metrics.layer(() => reader).pipe(
      Layer.provide(Resource.layer({ serviceName: "test" }))
    )
    return Effect.provide(run(read), exporter)
  }

  interface Instrument {
    readonly descriptor: { readonly type: string; readonly unit: string; readonly description: string }
    readonly isMonotonic?: boolean
    readonly dataPoints: ReadonlyArray<DataPoint<number> | DataPoint<Histogram>>
  }

  /** The values of an instrument for one pool, by its attributes. */
  const of = (name: string, instrument: Instrument | undefined) =>
    instrument!.dataPoints.filter(({ attributes }) => attributes["db.client.connection.pool.name"] === name)

  it.scoped("are instruments of OpenTelemetry's kinds, units and attributes", () =>
    exported((read) =>
      Effect.gen(function*() {
        const name = freshName()
        const { pool } = yield* setup({ name, maxConnections: 2 })
        yield* warmUp(pool, 2)
        const lent = yield* pool.acquire
        const found = yield* read
        const kinds = ["count", "idle.max", "idle.min", "max", "pending_requests"].map((last) => {
          const { descriptor, isMonotonic } = found.get(`db.client.connection.${last}`)!
          return [last, descriptor.type, isMonotonic, descriptor.unit]
        })
        assert.deepStrictEqual(kinds, [
          ["count", "UP_DOWN_COUNTER", false, "{connection}"],
          ["idle.max", "UP_DOWN_COUNTER", false, "{connection}"],
          ["idle.min", "UP_DOWN_COUNTER", false, "{connection}"],
          ["max", "UP_DOWN_COUNTER", false, "{connection}"],
          ["pending_requests", "UP_DOWN_COUNTER", false, "{request}"]
        ])
        const timeouts = found.get("db.client.connection.timeouts")!
        assert.deepStrictEqual(
          [timeouts.descriptor.type, timeouts.isMonotonic, timeouts.descriptor.unit],
          ["COUNTER", true, "{timeout}"]
        )
        for (const last of ["create_time", "wait_time", "use_time"]) {
          const { descriptor } = found.get(`db.client.connection.${last}`)!
          assert.deepStrictEqual([descriptor.type, descriptor.unit], ["HISTOGRAM", "s"])
        }
        assert.deepStrictEqual(
          of(name, found.get("db.client.connection.count")).map(({ attributes, value }) => [
            attributes["db.client.connection.state"],
            value
          ]),
          [["idle", 1], ["used", 1]]
        )
        const ours = [...found].filter(([instrument]) => /^(db\.client|socketpool)\./.test(instrument))
        assert.strictEqual(ours.length, 21)
        for (const [, { descriptor }] of ours) assert.isNotEmpty(descriptor.description)
        yield* pool.release(lent)
      })
    ))

  it.scoped("count durations in seconds, each in its bucket", () =>
    exported((read) =>
      Effect.gen(function*() {
        const name = freshName()
        const { pool } = yield* setup({ name })
        yield* warmUp(pool, 1)
        for (const hold of ["5 millis", "6 millis", "10 millis", "1 second", "1 minute"] as const) {
          const user = yield* forkSettled(pool.use(() => Effect.sleep(hold)))
          yield* TestClock.adjust(hold)
          yield* Fiber.join(user)
        }
        const found = yield* read
        const { buckets, count, max, min, sum } = of(name, found.get("db.client.connection.use_time"))[0]!
          .value as Histogram
        const full = buckets.counts.flatMap((count, i) => count === 0 ? [] : [[buckets.boundaries[i], count]])
        // The first is the hold of `warmUp`.
        assert.deepStrictEqual(full, [[0.00001, 1], [0.005, 1], [0.01, 2], [1, 1], [undefined, 1]])
        assert.deepStrictEqual({ count, max, min }, { count: 6, max: 60, min: 0 })
        assert.approximately(sum!, 61.021, 1e-9)
      })
    ))

  // F59
  it.scoped("are gone when the pool has closed", () =>
    exported((read) =>
      Effect.gen(function*() {
        const name = freshName()
        yield* Effect.scoped(Effect.flatMap(setup({ name, minConnections: 2 }), ({ pool }) => pool.use(id)))
        const found = yield* read
        assert.deepStrictEqual([...found.values()].flatMap((instrument) => of(name, instrument)), [])
      })
    ))
})

describe("in Prometheus' text format", () => {
  const lines = (name: string) =>
    Effect.map(PoolMetrics.prometheus, (text) => text.split("\n").filter((line) => line.includes(`"${name}"`)))

  it.scoped("say the same", () =>
    Effect.gen(function*() {
      const name = freshName()
      const { pool } = yield* setup({ name, maxConnections: 3 })
      yield* warmUp(pool, 2)
      const lent = yield* pool.acquire
      const found = yield* lines(name)
      const wanted = [
        `db_client_connections{pool_name="${name}",state="idle"} 1`,
        `db_client_connections{pool_name="${name}",state="used"} 1`,
        `db_client_connection_max{pool_name="${name}"} 3`,
        `db_client_connection_timeouts_total{pool_name="${name}"} 0`,
        `socketpool_connection_closed_total{pool_name="${name}",reason="Dropped"} 0`,
        `socketpool_acquire_total{pool_name="${name}",outcome="Waited"} 2`,
        `db_client_connection_wait_time_seconds_bucket{pool_name="${name}",le="+Inf"} 3`,
        `db_client_connection_wait_time_seconds_count{pool_name="${name}"} 3`
      ]
      assert.includeMembers(found, wanted)
      yield* pool.release(lent)
    }))

  it.scoped("escape what a name or a tag may hold", () =>
    Effect.gen(function*() {
      const name = freshName()
      const tags = setup({ name: `${name} "quoted" \\` }).pipe(
        tagMetrics({ "1st-label": "yours\n", "pool.name": "mine" })
      )
      yield* tags
      const text = yield* PoolMetrics.prometheus
      const line = text.split("\n").find((line) =>
        line.startsWith("db_client_connection_max") && line.includes(`${name} `)
      )
      assert.strictEqual(
        line,
        `db_client_connection_max{pool_name="${name} \\"quoted\\" \\\\",` +
          `_1st_label="yours\\n",exported_pool_name="mine"} 200`
      )
    }))
})
