/**
 * The seam to Effect: metrics whose values are read when somebody collects them.
 *
 * A metric of Effect is a key and a hook, and a collector asks the hook. Here the hook answers with a function's
 * result. The functions return one that removes the metric.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import * as MetricState from "effect/MetricState"
import * as MutableHashMap from "effect/MutableHashMap"

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

const labels = (attributes: Options["attributes"]) => attributes.map(([key, value]) => MetricLabel.make(key, value))

/**
 * Removes a metric. Effect has no call for that and keeps each key for the life of the process, so this takes it out of
 * the registry's own map. Without such a map the metric stays, and reads nothing of a pool any more.
 */
const remove = (key: MetricKey.MetricKey.Untyped): void => {
  const { map } = Metric.globalMetricRegistry as { readonly map?: MutableHashMap.MutableHashMap<unknown, unknown> }
  if (typeof map === "object" && MutableHashMapTypeId in map) MutableHashMap.remove(map, key)
}

const MutableHashMapTypeId = Symbol.for("effect/MutableHashMap")

/** A counter that is not incremental may fall: `@effect/opentelemetry` makes an up-down counter of it. */
export const counter = (
  { attributes, description, incremental, name }: Options & { readonly incremental: boolean },
  read: () => number
): () => void => {
  const key = MetricKey.taggedWithLabels(MetricKey.counter(name, { description, incremental }), labels(attributes))
  const hook = Metric.globalMetricRegistry.get(key as MetricKey.MetricKey.Counter<number>)
  hook.get = () => MetricState.counter(read())
  return () => {
    hook.get = () => MetricState.counter(0)
    remove(key)
  }
}

export const histogram = (
  { attributes, bounds, description, name }: Options & { readonly bounds: ReadonlyArray<number> },
  read: () => HistogramReading
): () => void => {
  const key = MetricKey.taggedWithLabels(
    MetricKey.histogram(name, MetricBoundaries.fromIterable(bounds), description),
    labels(attributes)
  )
  const hook = Metric.globalMetricRegistry.get(key as MetricKey.MetricKey.Histogram)
  hook.get = () => MetricState.histogram(read())
  return () => {
    hook.get = () => MetricState.histogram({ buckets: [], count: 0, min: 0, max: 0, sum: 0 })
    remove(key)
  }
}
