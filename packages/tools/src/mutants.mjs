/**
 * Breaks core and the clients in one place after another and names the test that notices. A defect that no test notices
 * is a hole in the tests, and makes the script end with an error.
 *
 *     node packages/tools/src/mutants.mjs            runs all mutants
 *     node packages/tools/src/mutants.mjs queue 12   runs those whose number, package or file has one of the words
 *     node packages/tools/src/mutants.mjs --places   only checks that the code they replace still exists
 *
 * The script changes the working tree while it runs, and restores it after each mutant and on Ctrl-C.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { mutants } from "./mutants-list.mjs"
import { root } from "./workspace.mjs"

const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
/** The fastest tests run first, the slow ones last. */
const quick = ["/core.test.ts"]
const long = ["/simulation.test.ts", "/model.test.ts", "/gates.test.ts", "/interruption.test.ts", "/pairs.test.ts"]
const minute = 60_000

/** Runs the tests until one fails. Returns its name, or `undefined` if none fails. */
const firstFailure = (args, limit, project = "core") =>
  new Promise((resolve, reject) => {
    const report = path.join(os.tmpdir(), `mutant-${process.pid}.json`)
    const child = spawn(
      process.execPath,
      [
        vitest,
        "run",
        "--project",
        project,
        "--bail",
        "1",
        // With several workers, the first failure stops tests of other files midway, which then look failed, too.
        "--poolOptions.forks.maxForks=1",
        "--poolOptions.forks.minForks=1",
        "--poolOptions.threads.maxThreads=1",
        "--poolOptions.threads.minThreads=1",
        "--reporter=json",
        "--outputFile",
        report,
        ...args
      ],
      // The searches at their length: more mutants would survive a short one.
      { cwd: root, stdio: "ignore", detached: true, env: { SOCKETPOOL_SEARCH: "full", ...process.env } }
    )
    let hangs = false
    const timer = setTimeout(() => {
      hangs = true
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, limit)
    child.on("error", reject)
    child.on("close", (code) => {
      clearTimeout(timer)
      if (hangs) return resolve(`(the tests do not end within ${limit / minute} minutes)`)
      if (code === 0) return resolve(undefined)
      const { numTotalTests, testResults } = JSON.parse(fs.readFileSync(report, "utf8"))
      fs.rmSync(report)
      for (const { assertionResults, message, name } of testResults) {
        const failed = assertionResults.find((result) => result.status === "failed")
        const file = path.relative(path.join(root, "packages"), name)
        if (failed !== undefined) return resolve(`${file}: ${failed.fullName}`)
        if (message) return resolve(`${file}: ${message.split("\n")[0]}`)
      }
      // No test that ran has failed, so this shows nothing of the mutant.
      if (numTotalTests === 0) return reject(new Error(`no test ran of ${args.join(" ")}`))
      resolve("(the run failed)")
    })
  })

const killer = async (first = quick) =>
  await firstFailure(first, minute) ??
    await firstFailure([...quick, ...long].flatMap((file) => ["--exclude", `**${file}`]), 5 * minute) ??
    await firstFailure(long, 8 * minute) ??
    // Last, as a project of its own: beside another, the first failure of one stops and seems to fail the other.
    await firstFailure([], 8 * minute, "core masked")

/** The tests of a package other than core, those that need no real server first. Those with real processes are long. */
const killerOf = async (owner, first) =>
  await firstFailure(first, 5 * minute, "others") ?? await firstFailure([`packages/${owner}/`], 5 * minute, "others")

const words = process.argv.slice(2)
const isChosen = (label) => words.some((word) => label.split(/[ /.]/).includes(word))
const chosen = mutants
  .map((mutant, index) => ({ ...mutant, label: `${index + 1} ${mutant.package ?? "core"}/${mutant.file}` }))
  .filter(({ label }) => words.length === 0 || words.includes("--places") || isChosen(label))

const at = ({ file, package: owner = "core" }) => path.join(root, "packages", owner, "src/internal", file)
const text = (mutant) => fs.readFileSync(at(mutant), "utf8")
const misplaced = chosen.flatMap((mutant) => {
  const { before, label } = mutant
  const places = text(mutant).split(before).length - 1
  return places === 1 ? [] : [`${label}: "${before}" occurs ${places} times`]
})
if (misplaced.length > 0) {
  console.error(`the code to replace must occur exactly once; rewrite these mutants:\n  ${misplaced.join("\n  ")}`)
  process.exit(1)
}
if (words.includes("--places")) process.exit()

let restore = () => {}
process.on("exit", () => restore())
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1))

const survivors = []
const start = performance.now()
for (const mutant of chosen) {
  const { after, before, first, label, package: owner = "core", why } = mutant
  const whole = text(mutant)
  restore = () => fs.writeFileSync(at(mutant), whole)
  fs.writeFileSync(at(mutant), whole.replace(before, () => after))
  const name = await (owner === "core" ? killer(first) : killerOf(owner, first))
  restore()
  restore = () => {}
  if (name === undefined) survivors.push(label)
  console.log(`${name === undefined ? "SURVIVED" : "killed"}  ${label}: ${why}\n          ${name ?? ""}`)
}

const seconds = ((performance.now() - start) / 1000).toFixed(0)
console.log(`${chosen.length - survivors.length} of ${chosen.length} mutants killed in ${seconds} s`)
if (survivors.length > 0) {
  console.log(`survivors: ${survivors.join(", ")}`)
  process.exitCode = 1
}
