/**
 * The seam to Effect: metrics whose values are read when somebody collects them.
 *
 * A collector takes a snapshot of Effect's metrics. They are put into the snapshot itself, so that a metric that nobody
 * collects costs nothing, and one that has gone leaves nothing.
 */
import * as Context from "effect/Context"
import { constVoid } from "effect/Function"
import * as Metric from "effect/Metric"

export type Reading = Metric.Metric.Metadata<any, any>

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

/** Adds readings to every snapshot of the process's registry. Effect has no call for that. */
export const addToSnapshots = (read: () => Iterable<Reading>): void => {
  const registry = Context.get(Context.empty(), Metric.MetricRegistry)
  const values = registry.values.bind(registry)
  registry.values = function*() {
    yield* values()
    yield* read()
  } as typeof registry.values
}

const reading = (
  type: "Counter" | "Histogram",
  { attributes, description, name }: Options,
  state: Metric.CounterState<number> | Metric.HistogramState
): Reading => ({
  id: name,
  type,
  description,
  attributes: Object.fromEntries(attributes),
  hooks: { get: () => state, update: constVoid, modify: constVoid }
})

/** A counter that is not incremental may fall: exporters make an up-down counter of it. */
export const counter = (options: Options & { readonly incremental: boolean }, value: number): Reading =>
  reading("Counter", options, { count: value, incremental: options.incremental })

export const histogram = (
  options: Options & { readonly bounds: ReadonlyArray<number> },
  { buckets, count, max, min, sum }: HistogramReading
): Reading =>
  reading("Histogram", options, {
    buckets: buckets.map(([bound, upTo]): [number, number] => [bound, upTo]),
    count,
    min,
    max,
    sum
  })
