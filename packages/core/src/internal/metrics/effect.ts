/**
 * Adds a pool's metrics to Effect's metrics, where exporters find them.
 *
 * A metric of Effect is a key and a hook, and a collector asks the hook. Here the hook reads the pools' states at that
 * moment. A value that can fall is a counter that is not incremental, which `@effect/opentelemetry` turns into an
 * up-down counter. It takes the unit from a tag of that name.
 */
import { counter, histogram, type HistogramReading, type Options } from "../effect/metrics.js"
import { bounds, boundsInSeconds, counts, type Dimension, type Times, timings } from "./instruments.js"
import type { Source } from "./source.js"

const attribute: { readonly [D in Dimension]: string } = {
  state: "db.client.connection.state",
  reason: "socketpool.close.reason",
  outcome: "socketpool.acquire.outcome"
}

const attributesOf = (
  source: Source,
  unit: string,
  labels: { readonly [D in Dimension]?: string } = {}
): Options["attributes"] => [
  ...source.tags,
  ["db.client.connection.pool.name", source.name],
  ...Object.entries(labels).map(([dimension, value]) => [attribute[dimension as Dimension], value] as const),
  ["unit", unit]
]

const readingOf = (source: Source, timing: Times): HistogramReading => {
  const times = source.times(timing)
  const upTo = times.upTo(bounds)
  return {
    buckets: [...boundsInSeconds.map((bound, i) => [bound, upTo[i]!] as const), [Infinity, times.count]],
    count: times.count,
    min: times.min / 1_000,
    max: times.max / 1_000,
    sum: times.total / 1_000
  }
}

/** Returns a function that removes the metrics again. */
export const expose = (source: Source): () => void => {
  const removals: Array<() => void> = []
  for (const { description, kind, name, series, unit } of counts) {
    for (const line of series) {
      const attributes = attributesOf(source, unit, line.labels)
      removals.push(
        counter({ name, description, attributes, incremental: kind === "Counter" }, () => source.count(line))
      )
    }
  }
  for (const timing of timings) {
    const { description, name, unit } = timing
    const attributes = attributesOf(source, unit)
    removals.push(
      histogram({ name, description, bounds: boundsInSeconds, attributes }, () => readingOf(source, timing))
    )
  }
  return () => removals.forEach((remove) => remove())
}
