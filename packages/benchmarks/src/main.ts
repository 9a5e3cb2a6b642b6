/** Runs the workloads named on the command line, or all of them. As a child process, it runs one subject. */
import * as fs from "node:fs"
import * as path from "node:path"
import { chart } from "./charts.js"
import { check } from "./check.js"
import { serve, serveEcho } from "./child.js"
import { document, report } from "./report.js"
import { echoes } from "./subjects/echoes.js"
import { everybody } from "./subjects/index.js"
import { machine } from "./versions.js"
import type { Table, Workload } from "./workload.js"
import { echo } from "./workloads/echo.js"
import { contended, deepQueue, fairness, live, timeouts, uncontended, watched } from "./workloads/lending.js"
import { cancelling, memory, outage, reaping, spike } from "./workloads/special.js"

const workloads: ReadonlyArray<Workload> = [
  uncontended,
  contended,
  timeouts,
  live,
  watched,
  deepQueue,
  fairness,
  cancelling,
  memory,
  reaping,
  spike,
  outage,
  echo
]

/** The measurements of one workload. */
export interface Result {
  readonly name: string
  readonly date: string
  readonly about: string
  readonly tables: ReadonlyArray<Table>
}

const usage = (): string =>
  [
    "npm run bench -- [--quick] [workload …]",
    "npm run bench -- --check                 checks a few ratios, in under a minute",
    "",
    "Without a workload, all run. Without --quick, the results replace those in packages/benchmarks/results.",
    "",
    ...workloads.map(({ about, name }) => `  ${name.padEnd(12)} ${about}`)
  ].join("\n")

const fileName = (workload: string, title: string): string =>
  `${workload}-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "")}.svg`

const folder = path.resolve(import.meta.dirname, "../results")
const raw = path.join(folder, "results.json")

/** Writes the results. Those of other workloads stay, because each table is measured in one go. */
const write = (measured: ReadonlyArray<Result>): void => {
  const before: ReadonlyArray<Result> = fs.existsSync(raw) ? JSON.parse(fs.readFileSync(raw, "utf8")).results : []
  const results = workloads.flatMap(({ name }) =>
    [...measured, ...before].filter((result) => result.name === name).slice(0, 1)
  )
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const about = { machine, subjects: [...everybody, ...echoes].map(({ from, name }) => ({ name, from })) }
  fs.writeFileSync(raw, `${JSON.stringify({ ...about, results }, undefined, 2)}\n`)
  for (const { name, tables } of results) {
    for (const table of tables) fs.writeFileSync(path.join(folder, fileName(name, table.title)), chart(table))
  }
  fs.writeFileSync(path.join(folder, "README.md"), document(about, results, fileName))
}

const main = async (words: ReadonlyArray<string>): Promise<void> => {
  const chosen = words.filter((word) => !word.startsWith("-"))
  const unknown = words.filter((word) =>
    !["--quick", "--check", "--help"].includes(word) && workloads.every(({ name }) => name !== word)
  )
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(", ")}.\n\n${usage()}`)
    process.exitCode = 1
    return
  }
  if (words.includes("--help")) return console.log(usage())
  if (words.includes("--check")) {
    if (!await check()) process.exitCode = 1
    return
  }
  const effort = words.includes("--quick")
    ? { rounds: 3, millis: 80, warmUpMillis: 3_000 }
    : { rounds: 5, millis: 150, warmUpMillis: 4_000 }
  const results: Array<Result> = []
  for (const { about, name, run } of workloads) {
    if (chosen.length > 0 && !chosen.includes(name)) continue
    console.log(`\n## ${name}: ${about}`)
    const tables = await run(effort)
    for (const table of tables) console.log(`\n${report(table)}`)
    results.push({ name, date: new Date().toISOString().slice(0, 10), about, tables })
  }
  if (!words.includes("--quick")) write(results)
}

const [, , kind, name] = process.argv
if (kind === "--subject") serve(everybody.find((subject) => subject.name === name)!)
else if (kind === "--echo") serveEcho(echoes.find((subject) => subject.name === name)!)
else await main(process.argv.slice(2))
