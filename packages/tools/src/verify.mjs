// Runs every check, even after one has failed, and ends with a summary.
import { spawn } from "node:child_process"
import * as path from "node:path"
import { stripVTControlCharacters } from "node:util"
import { pnpmCommand } from "./pnpm.mjs"
import { major, pins } from "./runtimes.mjs"
import { root } from "./workspace.mjs"

/** @type {(...words: ReadonlyArray<string>) => [string, ReadonlyArray<string>]} */
const npm = (...words) => [process.platform === "win32" ? "npm.cmd" : "npm", words]
/** @type {(name: string) => [string, ReadonlyArray<string>]} */
const script = (name) => pnpmCommand(["run", name])
/** @type {(name: string) => [string, ReadonlyArray<string>]} */
const tool = (name) => [process.execPath, [path.join(import.meta.dirname, `${name}.mjs`)]]

/** The oldest and the newest Node, without the one that runs this script: the step `test` covers that. */
const others = [pins.node[0], pins.node.at(-1)].map(major).filter((version) => version !== major(process.versions.node))

/** The limits end what hangs. A slow machine needs three times as long as a quick one. */
const minute = 60_000

/**
 * @typedef {{
 *   name: string
 *   run: [string, ReadonlyArray<string>]
 *   limit: number
 *   env?: NodeJS.ProcessEnv
 * }} Step
 */

/** Steps that keep all processors busy by themselves. @type {ReadonlyArray<Step>} */
const alone = [
  // The searches of the tests are short for a newcomer, and at full length here.
  { name: "test", run: npm("test"), limit: 40 * minute, env: { SOCKETPOOL_SEARCH: "full" } },
  ...others.map((version) => ({
    name: `test:versions ${version}`,
    run: npm("run", "test:versions", "--", version),
    limit: 20 * minute
  })),
  { name: "edition4 test", run: npm("run", "edition4", "--", "test"), limit: 30 * minute }
]

/** Steps that mostly wait for one processor run in two rows, side by side. @type {ReadonlyArray<ReadonlyArray<Step>>} */
const rows = [
  [
    ...["check", "docs"].map((name) => ({ name, run: script(name), limit: 10 * minute })),
    { name: "site", run: npm("run", "site"), limit: 5 * minute }
  ],
  [
    { name: "lint", run: script("lint"), limit: 10 * minute },
    { name: "edition4 check", run: npm("run", "edition4", "--", "check"), limit: 5 * minute },
    // It builds and packs both editions, and uses the other one as a newcomer does.
    { name: "release --dry-run", run: npm("run", "release", "--", "--dry-run"), limit: 20 * minute },
    // These look at the packages that the release has built.
    ...["check-packages", "runtime-probe"].map((name) => ({ name, run: tool(name), limit: 10 * minute }))
  ]
]

/** Steps that look at times. @type {ReadonlyArray<Step>} */
const quiet = [
  { name: "start", run: npm("start"), limit: minute },
  { name: "bench --check", run: npm("run", "bench", "--", "--check"), limit: 5 * minute }
]

const running = new Set()

/**
 * Kills a step and whatever it has started, which is in its process group.
 *
 * @param {{ readonly pid?: number | undefined }} child
 */
const kill = ({ pid }) => {
  if (pid !== undefined) process.kill(-pid, "SIGKILL")
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of running) kill(child)
    process.exit(1)
  })
}

/**
 * Runs one step to its end, or to its limit in milliseconds. Returns its output and whether it passed.
 *
 * @param {Step} step
 * @param {boolean} isShown whether its output is shown as it comes
 */
const runToEnd = ({ env = {}, limit, name, run: [command, args] }, isShown) =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, ...env }
    })
    running.add(child)
    let output = ""
    const pass = (text) => {
      output += text
      if (isShown) process.stdout.write(text)
    }
    child.stdout.setEncoding("utf8").on("data", pass)
    child.stderr.setEncoding("utf8").on("data", pass)
    const timer = setTimeout(() => {
      pass(`${name}: still running after ${limit / 1000} s\n`)
      kill(child)
    }, limit)
    child.on("error", (error) => pass(`${name}: ${error.message}\n`))
    child.on("close", (code) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ passed: code === 0, output })
    })
  })

/** The part of vitest's output from its heading "Failed Tests" or "Failed Suites" on. */
const report = (lines) => {
  const from = lines.findIndex((line) => /⎯ (Failed (Tests|Suites)|Unhandled Errors) /.test(line))
  return from === -1 ? [] : lines.slice(from)
}

/** Picks the lines that name the failure, or else the last ones, and so repeats them at the end of the log. */
const failures = (output) => {
  const lines = stripVTControlCharacters(output).split("\n").filter((line) => !/^\s*(✓|timestamp=|$)/.test(line))
  const reported = report(lines)
  if (reported.length > 0) {
    // The names of all that failed come first: a long report of one test hides no other.
    const names = reported.filter((line) => /^\s*FAIL /.test(line))
    return [...names.slice(0, 20), ...reported.slice(0, 60), ...reported.slice(60).slice(-5)]
  }
  // A logged warning tells of an error that a test wanted.
  const telling = lines.filter((line) => /\b(FAIL|BROKEN|error)\b|Error:/.test(line) && !/\] (WARN|INFO) \(/.test(line))
  return [...new Set(telling.length === 0 ? lines.slice(-10) : telling)].slice(0, 20)
}

const results = []

/** Runs steps one after the other. Those that run beside others show their output when they have ended. */
const runAll = async (steps, isShown) => {
  for (const step of steps) {
    if (isShown) console.log(`\n==> ${step.name}`)
    const start = performance.now()
    const { output, passed } = await runToEnd(step, isShown)
    const seconds = (performance.now() - start) / 1000
    results.push({ name: step.name, passed, seconds, output })
    if (!isShown) process.stdout.write(`\n==> ${step.name}\n${output}`)
    console.log(`<== ${step.name}: ${passed ? "passed" : "FAILED"} in ${seconds.toFixed(1)} s`)
  }
}

const begun = performance.now()
await runAll(alone, true)
await Promise.all(rows.map((row) => runAll(row, false)))
await runAll(quiet, true)

for (const { name, output } of results.filter((result) => !result.passed)) {
  console.log(`\n${name} FAILED`)
  for (const line of failures(output)) console.log(`  ${line}`)
}
console.log("\nsummary")
for (const { name, passed, seconds } of results) {
  console.log(`  ${passed ? "passed" : "FAILED"}  ${seconds.toFixed(1).padStart(6)} s  ${name}`)
}
const passed = results.filter((result) => result.passed).length
const minutes = (performance.now() - begun) / minute
console.log(`\n${passed} passed, ${results.length - passed} failed, in ${minutes.toFixed(1)} minutes`)
process.exitCode = passed === results.length ? 0 : 1
