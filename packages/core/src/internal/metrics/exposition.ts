/**
 * Prometheus' text format: https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
 *
 * The names are OpenTelemetry's own translations, except `db_client_connections`: a name that ends in `_count` would be
 * taken for part of a histogram.
 */
import { Histogram } from "../histogram.js"
import { counts, type Instrument, type Series, type Times, timings } from "./instruments.js"
import type { Source } from "./source.js"

const nameOf = ({ kind, name, unit }: Instrument): string => {
  const base = name === "db.client.connection.count" ? "db_client_connections" : name.replaceAll(".", "_")
  return kind === "Counter" ? `${base}_total` : unit === "s" ? `${base}_seconds` : base
}

const typeOf = { UpDownCounter: "gauge", Counter: "counter", Histogram: "histogram" } as const

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

const number = (value: number): string => value === Infinity ? "+Inf" : String(value)

/** A tag's key in the alphabet of labels. Labels that begin with two underscores are reserved. */
const labelName = (key: string): string => {
  const name = key.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^__+/, "_")
  return name === "" || /^\d/.test(name) ? `_${name}` : name
}

type Labels = ReadonlyArray<readonly [label: string, value: string]>

/** The series of all sources with one set of labels: a scrape must not have a series twice. */
interface Group {
  readonly name: string
  readonly tags: Labels
  readonly sources: Array<Source>
}

const grouped = (sources: Iterable<Source>): ReadonlyArray<Group> => {
  const groups = new Map<string, Group>()
  for (const source of sources) {
    const tags = source.tags.map(([key, value]) => [labelName(key), value] as const)
    const key = JSON.stringify([source.name, tags.map((tag) => JSON.stringify(tag)).sort()])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { name: source.name, tags, sources: [source] })
    else group.sources.push(source)
  }
  return [...groups.values()]
}

/** The user's labels yield to ours, by the convention of Prometheus. */
const labelsOf = (group: Group, own: Readonly<Record<string, string>>): string => {
  const labels = new Map([["pool_name", group.name], ...Object.entries(own)])
  for (const [name, value] of group.tags) {
    let label = name
    while (labels.has(label)) label = `exported_${label}`
    labels.set(label, value)
  }
  return [...labels].map(([label, value]) => `${label}="${escaped(value)}"`).join(",")
}

const countOf = ({ sources }: Group, series: Series): number =>
  sources.map((source) => source.count(series)).reduce((a, b) => series.join(a, b))

const timesOf = ({ sources }: Group, times: Times): Histogram => {
  const sum = new Histogram()
  for (const source of sources) sum.add(source.times(times))
  return sum
}

/** Renders the metrics of sources, with buckets up to the given bounds in milliseconds. */
export const exposition = (sources: Iterable<Source>, bounds: ReadonlyArray<number>): string => {
  const all = grouped(sources)
  const lines: Array<string> = []
  const groupsWith = (instrument: Instrument) =>
    all.filter(({ sources }) => sources.some((source) => source.has(instrument)))
  const head = (instrument: Instrument): string => {
    const name = nameOf(instrument)
    lines.push(`# HELP ${name} ${instrument.description}`, `# TYPE ${name} ${typeOf[instrument.kind]}`)
    return name
  }
  for (const instrument of counts) {
    const measured = groupsWith(instrument)
    if (instrument.isOfSessions === true && measured.length === 0) continue
    const name = head(instrument)
    for (const group of measured) {
      for (const series of instrument.series) {
        lines.push(`${name}{${labelsOf(group, series.labels)}} ${number(countOf(group, series))}`)
      }
    }
  }
  for (const instrument of timings) {
    const measured = groupsWith(instrument)
    if (instrument.isOfSessions === true && measured.length === 0) continue
    const name = head(instrument)
    for (const group of measured) {
      const times = timesOf(group, instrument)
      const upTo = [...times.upTo(bounds), times.count]
      for (const [i, bound] of [...bounds, Infinity].entries()) {
        lines.push(`${name}_bucket{${labelsOf(group, { le: number(bound / 1_000) })}} ${number(upTo[i]!)}`)
      }
      lines.push(
        `${name}_sum{${labelsOf(group, {})}} ${number(times.total / 1_000)}`,
        `${name}_count{${labelsOf(group, {})}} ${number(times.count)}`
      )
    }
  }
  return `${lines.join("\n")}\n`
}
