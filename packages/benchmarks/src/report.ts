/** Formats results as tables. */
import type { Result } from "./main.js"
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

/** Formats a table as Markdown. */
export const report = (table: Table): string => {
  const compared = ratios(table)
  const lines = ranked(table).map(({ max, median, min, name }) => {
    const ours = name.startsWith("socketpool")
    const shown = ours ? `**${name}**` : name
    if (Number.isNaN(median)) return `| ${shown} | failed | | |`
    return `| ${shown} | ${short(median)} | ${short(min)} – ${short(max)} | ${short(compared.get(name)!)} |`
  })
  return [
    `### ${table.title}`,
    "",
    `| | median, ${table.unit} | min – max | to ${table.yardstick} |`,
    "| --- | ---: | ---: | ---: |",
    ...lines,
    ...(table.note === undefined ? [] : ["", table.note])
  ].join("\n")
}

/** Writes the page with all tables and charts. */
export const document = (
  about: {
    readonly machine: Readonly<Record<string, string>>
    readonly subjects: ReadonlyArray<{ readonly name: string; readonly from: string }>
  },
  results: ReadonlyArray<Result>,
  fileName: (workload: string, title: string) => string
): string =>
  [
    "# Results",
    "",
    `Measured with \`npm run bench\` on ${Object.values(about.machine).join(", ")}. Other machines give`,
    "other numbers. Compare only ratios within one table: each table was measured in one go, with every subject in a",
    "process of its own, in turn, round after round.",
    "",
    "| subject | source |",
    "| --- | --- |",
    ...about.subjects.map(({ from, name }) => `| ${name} | ${from} |`),
    ...results.flatMap(({ about, date, name, tables }) => [
      "",
      `## ${name}`,
      "",
      `${about[0]!.toUpperCase()}${about.slice(1)}. Measured on ${date}.`,
      ...tables.flatMap((table) => ["", report(table), "", `![${table.title}](${fileName(name, table.title)})`])
    ]),
    ""
  ].join("\n")
