// Checks that `docs/design/hazards.md` and the comments of the tests name the same hazards. With --fix, writes the page's
// lines of tests.
import * as fs from "node:fs"
import * as path from "node:path"
import { filesIn, packages, root } from "./workspace.mjs"

const fix = process.argv.includes("--fix")
const page = path.join(root, "docs/design/hazards.md")

/** Matches the first line of a hazard, and its line of tests. */
const first = /^- \*\*([A-Z]\d+)\*\*: /
const testsLine = /^ {2}- Tests: ?(.*)$/

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
  .flatMap((dir) => filesIn(dir, [".ts", ".js", ".mts", ".mjs"]).map((name) => path.join(dir, name)))

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
/** The hazard whose line of tests comes next. */
let open
const missesTests = () => open !== undefined && problems.push(`${open} has no line of tests`)
const fixed = text.split("\n").map((line) => {
  const [, id] = first.exec(line) ?? []
  if (id !== undefined) {
    missesTests()
    open = id
    if (listed.has(id)) problems.push(`${id} is there twice`)
    listed.add(id)
    return line
  }
  const [, written] = testsLine.exec(line) ?? []
  if (written === undefined || open === undefined) return line
  const owner = open
  open = undefined
  const tests = testsOf(owner)
  if (tests === "") problems.push(`${owner} is in no test's comment`)
  if (tests === "" || tests === written) return line
  if (!fix) {
    problems.push(`${owner} is in ${tests}; the page says ${written || "nothing"} (\`npm run lint-fix\` writes it)`)
  }
  return `  - Tests: ${tests}`
}).join("\n")
missesTests()
for (const id of [...carriers.keys()].sort()) {
  if (!listed.has(id)) problems.push(`${id} is not on the page; it is in ${testsOf(id)}`)
}

if (fix && fixed !== text) {
  fs.writeFileSync(page, fixed)
  console.log("docs/design/hazards.md: tests written")
}
if (problems.length > 0) {
  console.error("docs/design/hazards.md does not list what the tests' comments name")
  for (const problem of problems) console.error(`  ${problem}`)
  process.exit(1)
}
