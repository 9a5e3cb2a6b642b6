/** Runs the workloads named on the command line, or all of them. As a child process, it runs one subject. */
import { check } from "./check.js"
import { serve, serveEcho } from "./child.js"
import { report } from "./report.js"
import { before, render, type Result, write } from "./results.js"
import { echoes } from "./subjects/echoes.js"
import { everybody } from "./subjects/index.js"
import { machine } from "./versions.js"
import type { Workload } from "./workload.js"
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

const usage = (): string =>
  [
    "npm run bench -- [--quick] [workload …]",
    "npm run bench -- --check                 checks a few ratios, in under a minute",
    "npm run bench -- --render                writes docs/benchmarks.md and the charts from results.json",
    "",
    "Without a workload, all run. Without --quick, the results replace those in packages/benchmarks/results",
    "and docs/benchmarks.md.",
    "",
    ...workloads.map(({ about, name }) => `  ${name.padEnd(12)} ${about}`)
  ].join("\n")

/** Keeps the results. Those of other workloads stay, because each table is measured in one go. */
const keep = (measured: ReadonlyArray<Result>): void => {
  const known = [...measured, ...before()]
  write({
    machine,
    subjects: [...everybody, ...echoes].map(({ from, name }) => ({ name, from })),
    results: workloads.flatMap(({ name }) => known.filter((result) => result.name === name).slice(0, 1))
  })
}

const main = async (words: ReadonlyArray<string>): Promise<void> => {
  const chosen = words.filter((word) => !word.startsWith("-"))
  const unknown = words.filter((word) =>
    !["--quick", "--check", "--render", "--help"].includes(word) && workloads.every(({ name }) => name !== word)
  )
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(", ")}.\n\n${usage()}`)
    process.exitCode = 1
    return
  }
  if (words.includes("--help")) return console.log(usage())
  if (words.includes("--render")) return render()
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
  if (!words.includes("--quick")) keep(results)
}

const [, , kind, name] = process.argv
if (kind === "--subject") serve(everybody.find((subject) => subject.name === name)!)
else if (kind === "--echo") serveEcho(echoes.find((subject) => subject.name === name)!)
else await main(process.argv.slice(2))
