/**
 * The seam to Effect: metrics whose values are read when somebody collects them.
 *
 * A collector takes a snapshot of Effect's metrics. They are put into the snapshot itself, so that a metric that nobody
 * collects costs nothing, and one that has gone leaves nothing.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"

export type Reading = MetricPair.MetricPair.Untyped

export interface Options {
  readonly name: string
  readonly description: string
  readonly attributes: ReadonlyArray<readonly [key: string, value: string]>
}

export interface HistogramReading {
  readonly buckets: ReadonlyArray<readonly [bound: number, countUpToIt: number]>
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

/** Adds readings to every snapshot. Effect has no call for that. */
export const addToSnapshots = (read: () => Iterable<Reading>): void => {
  const registry: { snapshot: () => Array<Reading> } = Metric.globalMetricRegistry
  const { snapshot } = registry
  registry.snapshot = () => [...snapshot.call(registry), ...read()]
}

const labels = (attributes: Options["attributes"]) => attributes.map(([key, value]) => MetricLabel.make(key, value))

/** A counter that is not incremental may fall: `@effect/opentelemetry` makes an up-down counter of it. */
export const counter = (
  { attributes, description, incremental, name }: Options & { readonly incremental: boolean },
  value: number
): Reading =>
  MetricPair.unsafeMake(
    MetricKey.taggedWithLabels(MetricKey.counter(name, { description, incremental }), labels(attributes)),
    MetricState.counter(value)
  )

export const histogram = (
  { attributes, bounds, description, name }: Options & { readonly bounds: ReadonlyArray<number> },
  reading: HistogramReading
): Reading =>
  MetricPair.unsafeMake(
    MetricKey.taggedWithLabels(
      MetricKey.histogram(name, MetricBoundaries.fromIterable(bounds), description),
      labels(attributes)
    ),
    MetricState.histogram(reading)
  )
