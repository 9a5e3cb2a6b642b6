// Checks that `docs/hazards.md` and the comments of the tests name the same hazards. With --fix, writes the page's
// column of tests.
import * as fs from "node:fs"
import * as path from "node:path"
import { packages, root } from "./workspace.mjs"

const fix = process.argv.includes("--fix")
const page = path.join(root, "docs/hazards.md")

/** Matches a line of the page's tables: all but the last cell, the id, the last cell. */
const row = /^(\| ([A-Z]\d+) *\|.*\|) ([^|]*?) *\|$/

/**
 * Finds the ids in a comment such as `// F17, H1: double hand-out`. A letter without a number is an id without a row.
 */
const idsIn = (line) => {
  const comment = /(?:^|\s)\/\/ ([A-Z](?:\d+\b|:).*)/.exec(line)?.[1] ?? ""
  return comment.split(", ").flatMap((part) => /^[A-Z](?:\d+\b|(?=:))/.exec(part)?.[0] ?? [])
}

const testFiles = packages
  .map(({ dir }) => path.join(dir, "test"))
  .filter((dir) => fs.existsSync(dir))
  .flatMap((dir) => fs.readdirSync(dir, { recursive: true, encoding: "utf8" }).map((name) => path.join(dir, name)))
  .filter((file) => /\.m?[jt]s$/.test(file))

/** Maps each id to the files whose comments contain it, named as on the page. */
const carriers = new Map()
for (const file of testFiles) {
  const name = path.relative(path.join(root, "packages"), file).split(path.sep).join("/")
  for (const id of fs.readFileSync(file, "utf8").split("\n").flatMap(idsIn)) {
    carriers.set(id, (carriers.get(id) ?? new Set()).add(name))
  }
}
const testsOf = (id) => [...carriers.get(id) ?? []].sort().join(", ")

const problems = []
const listed = new Set()
const text = fs.readFileSync(page, "utf8")
const fixed = text.split("\n").map((line) => {
  const [, start, id, written] = row.exec(line) ?? []
  if (id === undefined) return line
  if (listed.has(id)) problems.push(`${id} has two lines`)
  listed.add(id)
  const tests = testsOf(id)
  if (tests === "") problems.push(`${id} is in no test's comment`)
  if (tests === "" || tests === written) return line
  if (!fix) {
    problems.push(`${id} is in ${tests}; the page says ${written || "nothing"} (\`npm run lint-fix\` writes it)`)
  }
  return `${start} ${tests} |`
}).join("\n")
for (const id of [...carriers.keys()].sort()) {
  if (!listed.has(id)) problems.push(`${id} has no line; it is in ${testsOf(id)}`)
}

if (fix && fixed !== text) {
  fs.writeFileSync(page, fixed)
  console.log("docs/hazards.md: tests written")
}
if (problems.length > 0) {
  console.error("docs/hazards.md does not list what the tests' comments name")
  for (const problem of problems) console.error(`  ${problem}`)
  process.exit(1)
}
