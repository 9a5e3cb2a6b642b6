/** Runs the workloads named on the command line, or all of them; or, as a child of that, one subject. */
import * as fs from "node:fs"
import * as path from "node:path"
import { chart } from "./charts.js"
import { check } from "./check.js"
import { serve, serveEcho } from "./child.js"
import { document, report } from "./report.js"
import { echoes } from "./subjects/echoes.js"
import { subjects } from "./subjects/index.js"
import { machine } from "./versions.js"
import type { Table, Workload } from "./workload.js"
import { echo } from "./workloads/echo.js"
import { contended, deepQueue, fairness, live, timeouts, uncontended } from "./workloads/lending.js"
import { cancelling, memory, outage, reaping, spike } from "./workloads/special.js"

const workloads: ReadonlyArray<Workload> = [
  uncontended,
  contended,
  timeouts,
  live,
  deepQueue,
  fairness,
  cancelling,
  memory,
  reaping,
  spike,
  outage,
  echo
]

/** What was measured of one workload. */
export interface Result {
  readonly name: string
  readonly about: string
  readonly tables: ReadonlyArray<Table>
}

const usage = (): string =>
  [
    "npm run bench -- [--quick] [workload …]",
    "npm run bench -- --check                 whether a ratio is badly broken, in under a minute",
    "",
    "Without a workload all are run, and the results are written to packages/benchmarks/results.",
    "",
    ...workloads.map(({ about, name }) => `  ${name.padEnd(12)} ${about}`)
  ].join("\n")

const fileName = (title: string): string =>
  `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "")}.svg`

const write = (folder: string, results: ReadonlyArray<Result>): void => {
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const about = {
    date: new Date().toISOString(),
    machine,
    subjects: [...subjects, ...echoes].map(({ from, name }) => ({ name, from }))
  }
  fs.writeFileSync(path.join(folder, "results.json"), `${JSON.stringify({ ...about, results }, undefined, 2)}\n`)
  for (const { tables } of results) {
    for (const table of tables) fs.writeFileSync(path.join(folder, fileName(table.title)), chart(table))
  }
  fs.writeFileSync(path.join(folder, "README.md"), document(about, results, fileName))
}

const main = async (words: ReadonlyArray<string>): Promise<void> => {
  const chosen = words.filter((word) => !word.startsWith("-"))
  const unknown = words.filter((word) =>
    !["--quick", "--check", "--help"].includes(word) && workloads.every(({ name }) => name !== word)
  )
  if (unknown.length > 0) {
    console.error(`There is no ${unknown.join(", ")}.\n\n${usage()}`)
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
    results.push({ name, about, tables })
  }
  if (chosen.length === 0) write(path.resolve(import.meta.dirname, "../results"), results)
}

const [, , kind, name] = process.argv
if (kind === "--subject") serve(subjects.find((subject) => subject.name === name)!)
else if (kind === "--echo") serveEcho(echoes.find((subject) => subject.name === name)!)
else await main(process.argv.slice(2))
