/** Formats results as tables. */
import type { Results } from "./results.js"
import type { Figure } from "./rounds.js"
import type { Table } from "./workload.js"

/** Formats a number with three significant digits. */
export const short = (value: number): string => {
  if (!Number.isFinite(value)) return "failed"
  for (const [unit, size] of [["M", 1e6], ["k", 1e3]] as const) {
    if (Math.abs(value) >= size) return `${digits(value / size)} ${unit}`
  }
  return digits(value)
}

const digits = (value: number): string => {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2)
}

/** Divides each row by the yardstick, so that more than 1 is better. */
const ratios = ({ better, rows, yardstick }: Table): ReadonlyMap<string, number> => {
  const base = rows.find(({ name }) => name === yardstick)
  return new Map(
    rows.map(({ median, name }) => [
      name,
      base === undefined ? Number.NaN : better === "more" ? median / base.median : base.median / median
    ])
  )
}

/** Sorts the rows, the best first and failed ones last. */
export const ranked = ({ better, rows }: Table): ReadonlyArray<Figure> => {
  const rank = ({ median }: Figure): number => Number.isNaN(median) ? Infinity : better === "more" ? -median : median
  return [...rows].sort((one, other) => rank(one) - rank(other))
}

/** The width of a line in Markdown. */
const width = 120

/** Breaks a paragraph into lines of at most `width` characters. */
const wrapped = (text: string, indent = ""): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent + word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join("\n")
}

/** Lays out a table as Markdown. The columns from the second on are figures, or text like the first. */
const grid = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  rest: "figures" | "text"
): ReadonlyArray<string> => {
  const widths = head.map((cell, column) => Math.max(3, cell.length, ...rows.map((row) => row[column]!.length)))
  const isRight = (column: number): boolean => column > 0 && rest === "figures"
  const line = (cells: ReadonlyArray<string>): string =>
    `| ${cells.map((cell, i) => isRight(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join(" | ")} |`
  const rule = widths.map((width, i) => isRight(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))
  return [line(head), line(rule), ...rows.map(line)]
}

export const isOurs = (name: string): boolean => /^@?socketpool/.test(name)

/** Formats a table as Markdown. */
export const report = (table: Table): string => {
  const compared = ratios(table)
  const rows = ranked(table).map(({ max, median, min, name }) => {
    const shown = isOurs(name) ? `**${name}**` : name
    if (Number.isNaN(median)) return [shown, "failed", "", ""]
    return [shown, short(median), `${short(min)} – ${short(max)}`, short(compared.get(name)!)]
  })
  return [
    `### ${table.title}`,
    "",
    wrapped(
      `Unit: ${table.unit}; ${table.better} is better. The ratio compares with ${table.yardstick}; above 1 is better.`
    ),
    "",
    ...grid(["", "median", "min – max", "ratio"], rows, "figures"),
    ...(table.note === undefined ? [] : ["", wrapped(table.note)])
  ].join("\n")
}

const capitalized = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`

/** The day since which untimed runs precede the rates. Results of an earlier day were measured without them. */
const untimedRunSince = "2026-11-28"

/** Names the days whose results were measured without untimed runs. */
const measuredBefore = (results: Results["results"]): string => {
  const days = [...new Set(results.map(({ date }) => date).filter((date) => date < untimedRunSince))].sort()
  if (days.length === 0) return ""
  const figures = `The figures of ${days.join(" and ")} on this page`
  return ` ${figures} were measured before that, and have not been measured again since the benchmark changed.`
}

/** The heading's anchor. */
const link = (name: string): string => `[${name}](#${name})`

/** Writes the page with all tables and charts. */
export const document = (
  { machine, results, subjects }: Results,
  chartOf: (workload: string, table: Table) => string,
  glance: string
): string => {
  const sources = new Map(subjects.map(({ from, name }) => [`${name}\n${from}`, [name, from]]))
  return [
    "<!-- Generated from packages/benchmarks/results/results.json by `npm run lint-fix`. Do not edit. -->",
    "",
    "# Benchmarks",
    "",
    wrapped(
      "This page compares socketpool with other pools. The figures come from `npm run bench` on " +
        `${machine.cpus}, ${machine.memory}, ${machine.system}, Node.js ${machine.node}.`
    ),
    "",
    wrapped(
      "Other machines give other figures, so compare only ratios within one table. All subjects of a table were " +
        "measured in one go: each ran in a process of its own, and they took turns, round after round. V8 discards code " +
        `while a process waits for its turn, so since ${untimedRunSince} an untimed run precedes each rate of leases, and ` +
        `of requests over open connections.${measuredBefore(results)} Each table ` +
        "shows the median round and the range of all rounds. A subject that could not complete a workload is listed " +
        "as failed. `npm run bench -- queue` measures one workload again."
    ),
    "",
    `![How many times better socketpool does than other pools](${glance})`,
    "",
    "## Workloads",
    "",
    ...results.map(({ about, name }) => wrapped(`- ${link(name)}: ${about}`, "  ")),
    "",
    "## Subjects",
    "",
    ...grid(["subject", "source"], [...sources.values()], "text"),
    ...results.flatMap(({ about, date, name, tables }) => [
      "",
      `## ${name}`,
      "",
      wrapped(`${capitalized(about)}. Measured on ${date}.`),
      ...tables.flatMap((table) => ["", report(table), "", `![Chart of this table](${chartOf(name, table)})`])
    ]),
    ""
  ].join("\n")
}

/** The rows of the README's table: a label, and a table of the results. */
const summarized = [
  ["leases/s, 1 borrower", "uncontended", "1 borrower, 1 connection"],
  ["leases/s, 64 borrowers, 8 connections", "contended", "64 borrowers, 8 connections"],
  ["requests/s, TCP echo of 64 bytes", "echo", "TCP echo, 64 bytes"],
  ["connections opened for 50 borrowers at once", "spike", "A spike: connections opened for it"],
  ["connects/s to a server that is down", "outage", "A server that is down: attempts to connect"]
] as const

/** The columns of the README's table: a label, and the names of its subject, the first that a table has. */
const summarizedPools = [
  ["socketpool", ["socketpool use"]],
  ["its promises", ["socketpool (promises)", "socketpool (promises) over net"]],
  ["effect 3", ["effect 3 Pool.make", "effect 3 Pool.makeWithTTL", "effect 3 Pool over net"]],
  ["effect 4", ["effect 4 Pool.use", "effect 4 Pool.use over net"]],
  ["generic-pool", ["generic-pool", "generic-pool over net"]],
  ["tarn", ["tarn", "tarn over net"]]
] as const

const tableOf = (results: Results["results"], workload: string, title: string): Table => {
  const table = results.find(({ name }) => name === workload)?.tables.find((one) => one.title === title)
  if (table === undefined) throw new Error(`results.json has no table ${workload}: ${title}`)
  return table
}

/** Writes the README's table, without the pools that the results do not have yet. */
export const summary = ({ results }: Results): string => {
  const tables = summarized.map(([, workload, title]) => tableOf(results, workload, title))
  const columns = summarizedPools.map(([label, names]) => ({
    label,
    rows: tables.map(({ rows }) => rows.find(({ name }) => names.some((one) => one === name)))
  })).filter(({ rows }) => rows.some((row) => row !== undefined))
  return grid(
    ["", ...columns.map(({ label }) => label)],
    summarized.map(([label], line) => [
      label,
      ...columns.map(({ rows: { [line]: row } }) => row === undefined ? "" : short(row.median))
    ]),
    "figures"
  ).join("\n")
}

// --- At one glance ----------------------------------------------------------------------------------------------------

/** The ratio of socketpool to each other pool in one respect; undefined if there is no figure. */
export interface Compared {
  readonly label: string
  readonly ratios: ReadonlyArray<number | "failed" | undefined>
}

/** The rows of the chart that compares all: those of the README and a few more. */
const glanced = [
  ...summarized,
  ["leases/s, a timeout on each", "timeouts", "64 borrowers, 8 connections, a timeout on every borrow"],
  ["time of 10,000 waiters at once", "queue", "10,000 waiters at once"],
  ["longest wait / mean, 64 borrowers", "fairness", "64 borrowers, 8 connections: longest wait / mean"],
  ["pause when 10,000 connections expire", "reaping", "10,000 connections expire"],
  ["memory of an idle connection", "memory", "An idle connection"]
] as const

const glancedPools = [...summarizedPools.slice(2), ["pg-pool", ["pg-pool"]]] as const

/** Compares socketpool with the other pools: above 1 it does better. */
export const compared = ({ results }: Results): {
  readonly pools: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Compared>
} => ({
  pools: glancedPools.map(([label]) => label),
  rows: glanced.map(([label, workload, title]) => {
    const table = tableOf(results, workload, title)
    const medianOf = (names: ReadonlyArray<string>) => table.rows.find(({ name }) => names.includes(name))?.median
    const ours = medianOf(["socketpool use"])
    if (ours === undefined) throw new Error(`socketpool is not in ${title}`)
    return {
      label,
      ratios: glancedPools.map(([, names]) => {
        const other = medianOf(names)
        if (other === undefined) return undefined
        return Number.isNaN(other) ? "failed" : table.better === "more" ? ours / other : other / ours
      })
    }
  })
})
