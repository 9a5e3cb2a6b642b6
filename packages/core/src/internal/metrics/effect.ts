/**
 * Adds the pools' metrics to Effect's metrics, where exporters find them. The pools' states are read at the moment when
 * a collector asks.
 *
 * A value that can fall is a counter that is not incremental, which `@effect/opentelemetry` turns into an up-down
 * counter. It takes the unit from a tag of that name.
 */
import {
  addToSnapshots,
  counter,
  histogram,
  type HistogramReading,
  type Options,
  type Reading
} from "../effect/metrics.js"
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

const readingsOf = (source: Source): ReadonlyArray<Reading> => [
  ...counts.filter((count) => source.has(count)).flatMap(({ description, kind, name, series, unit }) =>
    series.map((line) => {
      const attributes = attributesOf(source, unit, line.labels)
      return counter({ name, description, attributes, incremental: kind === "Counter" }, source.count(line))
    })
  ),
  ...timings.filter((timing) => source.has(timing)).map((timing) => {
    const { description, name, unit } = timing
    const attributes = attributesOf(source, unit)
    return histogram({ name, description, bounds: boundsInSeconds, attributes }, readingOf(source, timing))
  })
]

/** Exposes the metrics of all sources that there are whenever somebody collects. */
export const expose = (sources: () => ReadonlyArray<Source>): void =>
  addToSnapshots(() => sources().flatMap(readingsOf))
