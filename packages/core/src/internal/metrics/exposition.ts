/**
 * Prometheus' text format: https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
 *
 * The names are OpenTelemetry's own translations, except `db_client_connections`: a name that ends in `_count` would be
 * taken for part of a histogram.
 */
import { bounds, counts, type Instrument, timings } from "./instruments.js"
import type { Source } from "./source.js"

const nameOf = ({ kind, name }: Instrument): string => {
  const base = name === "db.client.connection.count" ? "db_client_connections" : name.replaceAll(".", "_")
  return kind === "Counter" ? `${base}_total` : kind === "Histogram" ? `${base}_seconds` : base
}

const typeOf = { UpDownCounter: "gauge", Counter: "counter", Histogram: "histogram" } as const

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

const number = (value: number): string => value === Infinity ? "+Inf" : String(value)

/** The user's labels yield to ours, by the convention of Prometheus, and are written in its alphabet. */
const labelsOf = (source: Source, own: Readonly<Record<string, string>>): string => {
  const labels = new Map([["pool_name", source.name], ...Object.entries(own)])
  for (const [key, value] of source.tags) {
    let label = key.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)|^__/, "_")
    while (labels.has(label)) label = `exported_${label}`
    labels.set(label, value)
  }
  return [...labels].map(([label, value]) => `${label}="${escaped(value)}"`).join(",")
}

export const exposition = (sources: Iterable<Source>): string => {
  const all = [...sources]
  const lines: Array<string> = []
  const head = (instrument: Instrument): string => {
    const name = nameOf(instrument)
    lines.push(`# HELP ${name} ${instrument.description}`, `# TYPE ${name} ${typeOf[instrument.kind]}`)
    return name
  }
  for (const instrument of counts) {
    const name = head(instrument)
    for (const source of all) {
      for (const series of instrument.series) {
        lines.push(`${name}{${labelsOf(source, series.labels)}} ${number(source.count(series))}`)
      }
    }
  }
  for (const instrument of timings) {
    const name = head(instrument)
    for (const source of all) {
      const times = source.times(instrument)
      const upTo = [...times.upTo(bounds), times.count]
      for (const [i, bound] of [...bounds, Infinity].entries()) {
        lines.push(`${name}_bucket{${labelsOf(source, { le: number(bound / 1_000) })}} ${number(upTo[i]!)}`)
      }
      lines.push(
        `${name}_sum{${labelsOf(source, {})}} ${number(times.total / 1_000)}`,
        `${name}_count{${labelsOf(source, {})}} ${number(times.count)}`
      )
    }
  }
  return `${lines.join("\n")}\n`
}
