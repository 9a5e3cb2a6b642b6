/**
 * Adds a pool's metrics to Effect's metrics, where exporters find them.
 *
 * A metric of Effect is a key and a hook, and a collector asks the hook. Here the hook reads the pools' states at that
 * moment. A value that can fall is a counter that is not incremental, which `@effect/opentelemetry` turns into an
 * up-down counter. It takes the unit from a tag of that name.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import * as MetricState from "effect/MetricState"
import { bounds, counts, type Dimension, type Times, timings } from "./instruments.js"
import type { Source } from "./source.js"

const attribute: { readonly [D in Dimension]: string } = {
  state: "db.client.connection.state",
  reason: "socketpool.close.reason",
  outcome: "socketpool.acquire.outcome"
}

const boundaries = MetricBoundaries.fromIterable(bounds.map((millis) => millis / 1_000))

const labelsOf = (
  source: Source,
  unit: string,
  labels: { readonly [D in Dimension]?: string } = {}
): ReadonlyArray<MetricLabel.MetricLabel> => [
  ...source.tags.map(([key, value]) => MetricLabel.make(key, value)),
  MetricLabel.make("db.client.connection.pool.name", source.name),
  ...Object.entries(labels).map(([dimension, value]) => MetricLabel.make(attribute[dimension as Dimension], value)),
  MetricLabel.make("unit", unit)
]

const histogramOf = (source: Source, timing: Times): MetricState.MetricState.Histogram => {
  const { count, max, min, total, upTo } = read(source, timing)
  return MetricState.histogram({
    buckets: [...bounds.map((millis, i) => [millis / 1_000, upTo[i]!] as const), [Infinity, count]],
    count,
    min: min / 1_000,
    max: max / 1_000,
    sum: total / 1_000
  })
}

const read = (source: Source, timing: Times) => {
  const times = source.times(timing)
  return { count: times.count, total: times.total, min: times.min, max: times.max, upTo: times.upTo(bounds) }
}

export const expose = (source: Source): void => {
  for (const { description, kind, name, series, unit } of counts) {
    for (const line of series) {
      const key = MetricKey.counter(name, { description, incremental: kind === "Counter" })
      const hook = Metric.globalMetricRegistry.get(
        MetricKey.taggedWithLabels(key, labelsOf(source, unit, line.labels)) as MetricKey.MetricKey.Counter<number>
      )
      hook.get = () => MetricState.counter(source.count(line))
    }
  }
  for (const timing of timings) {
    const key = MetricKey.histogram(timing.name, boundaries, timing.description)
    const hook = Metric.globalMetricRegistry.get(
      MetricKey.taggedWithLabels(key, labelsOf(source, timing.unit)) as MetricKey.MetricKey.Histogram
    )
    hook.get = () => histogramOf(source, timing)
  }
}
