/** The results of the last full run, and the page and the charts that are made of them. */
import * as fs from "node:fs"
import * as path from "node:path"
import { chart, glance } from "./charts.js"
import { compared, document, summary } from "./report.js"
import type { Table } from "./workload.js"

/** The measurements of one workload. */
export interface Result {
  readonly name: string
  readonly date: string
  readonly about: string
  readonly tables: ReadonlyArray<Table>
}

/** The content of results.json. */
export interface Results {
  readonly machine: Readonly<Record<"cpus" | "memory" | "system" | "node", string>>
  readonly subjects: ReadonlyArray<{ readonly name: string; readonly from: string }>
  readonly results: ReadonlyArray<Result>
}

export const root = path.resolve(import.meta.dirname, "../../..")
const folder = path.join(root, "packages/benchmarks/results")
const raw = path.join(folder, "results.json")
const page = path.join(root, "docs/benchmarks.md")

/** JSON has no NaN, which stands for a failed measurement. */
const revive = (_key: string, value: unknown): unknown => value === null ? Number.NaN : value

const read = (): Results => JSON.parse(fs.readFileSync(raw, "utf8"), revive)

/** Returns the results of these workloads from the last full run. */
export const before = (): ReadonlyArray<Result> => fs.existsSync(raw) ? read().results : []

const chartOf = (workload: string, { title }: Table): string =>
  path.join(folder, `${workload}-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "")}.svg`)

/** The chart that compares all pools in a few respects. */
const glanceChart = path.join(folder, "glance.svg")

const readme = path.join(root, "README.md")
const [opens, ends] = ["<!-- benchmarks -->", "<!-- /benchmarks -->"] as const

/** Returns the README with the table of these results. */
const readmeWith = (results: Results): string => {
  const text = fs.readFileSync(readme, "utf8")
  const start = text.indexOf(opens)
  const end = text.indexOf(ends)
  if (start < 0 || end < start) throw new Error(`README.md has no place for the table between ${opens} and ${ends}`)
  return `${text.slice(0, start + opens.length)}\n\n${summary(results)}\n\n${text.slice(end)}`
}

/** The link from the page to a file. */
const linkTo = (file: string): string => path.relative(path.dirname(page), file).replaceAll(path.sep, "/")

/** Returns the text of every generated file, by path. */
const generated = (results: Results): ReadonlyMap<string, string> =>
  new Map([
    [readme, readmeWith(results)],
    [glanceChart, glance(compared(results))],
    [
      page,
      document(
        results,
        (workload, table) => linkTo(chartOf(workload, table)),
        linkTo(glanceChart)
      )
    ],
    ...results.results.flatMap(({ name, tables }) =>
      tables.map((table) => [chartOf(name, table), chart(table)] as const)
    )
  ])

const isStray = (files: ReadonlyMap<string, string>) => (name: string): boolean =>
  name !== path.basename(raw) && !files.has(path.join(folder, name))

/** Writes the page and the charts from results.json, and removes charts that it no longer has. */
export const render = (): void => {
  const files = generated(read())
  for (const name of fs.readdirSync(folder).filter(isStray(files))) fs.rmSync(path.join(folder, name))
  for (const [file, text] of files) fs.writeFileSync(file, text)
}

/** Replaces results.json, the page and the charts. */
export const write = (results: Results): void => {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(raw, `${JSON.stringify(results, undefined, 2)}\n`)
  render()
}

/** Returns the generated files that differ from what results.json gives. */
export const outdated = (): ReadonlyArray<string> => {
  const files = generated(read())
  const differ = [...files].filter(([file, text]) => !fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text)
  const stray = fs.readdirSync(folder).filter(isStray(files)).map((name) => path.join(folder, name))
  return [...differ.map(([file]) => file), ...stray].map((file) => path.relative(root, file))
}
