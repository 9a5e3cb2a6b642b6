/** Runs the workloads named on the command line, or all of them. As a child process, it runs one subject. */
import { check } from "./check.js"
import { serve, serveEcho } from "./child.js"
import { report } from "./report.js"
import { before, type Result, write } from "./results.js"
import { echoes } from "./subjects/echoes.js"
import { everybody, subjectOf } from "./subjects/index.js"
import { redisClients } from "./subjects/redis.js"
import { machine } from "./versions.js"
import type { Workload } from "./workload.js"
import { echo } from "./workloads/echo.js"
import { choice, endpoints } from "./workloads/endpoints.js"
import { footprint } from "./workloads/footprint.js"
import { keyed } from "./workloads/keyed.js"
import { contended, deepQueue, fairness, live, timeouts, uncontended, watched } from "./workloads/lending.js"
import { redis } from "./workloads/redis.js"
import { cancelling, memory, outage, reaping, spike } from "./workloads/special.js"

const workloads: ReadonlyArray<Workload> = [
  uncontended,
  contended,
  timeouts,
  live,
  watched,
  keyed,
  endpoints,
  choice,
  deepQueue,
  fairness,
  cancelling,
  memory,
  footprint,
  reaping,
  spike,
  outage,
  echo,
  redis
]

const usage = (): string =>
  [
    "npm run bench -- [--quick] [workload …]",
    "npm run bench -- --check                 checks a few ratios, in about two minutes",
    "",
    "Without a workload, all run. Without --quick, the results replace those in packages/benchmarks/results",
    "and docs/benchmarks.md.",
    "",
    ...workloads.map(({ about, name }) => `  ${name.padEnd(12)} ${about}`)
  ].join("\n")

/** Keeps the result of a workload. Those of others stay, because each table is measured in one go. */
const keep = (measured: Result): void => {
  const known = [measured, ...before()]
  write({
    machine,
    subjects: [...everybody, ...echoes, ...redisClients].map(({ from, name }) => ({ name, from })),
    results: workloads.flatMap(({ name }) => known.filter((result) => result.name === name).slice(0, 1))
  })
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
    : { rounds: 5, millis: 150, warmUpMillis: 3_000 }
  for (const { about, name, run } of workloads) {
    if (chosen.length > 0 && !chosen.includes(name)) continue
    console.log(`\n## ${name}: ${about}`)
    const tables = await run(effort)
    for (const table of tables) console.log(`\n${report(table)}`)
    if (!words.includes("--quick")) keep({ name, date: new Date().toISOString().slice(0, 10), about, tables })
  }
}

const [, , kind, name] = process.argv
if (kind === "--subject") serve(subjectOf(name!))
else if (kind === "--echo") serveEcho([...echoes, ...redisClients].find((subject) => subject.name === name)!)
else await main(process.argv.slice(2))
