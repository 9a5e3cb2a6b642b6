// Checks the Markdown pages: the README's size, the width of tables, sentences that open with a relative clause, the
// versions of Effect that they install, the files that they name, and that every page of the manual is in its table of
// contents. Links and anchors are checked by remark-validate-links.
import * as fs from "node:fs"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { lateSubjects } from "./sentences.mjs"
import { filesIn, packages, root } from "./workspace.mjs"

const manual = path.join(root, "docs")

/** The pages of the repository that people read, as absolute paths. */
export const pages = [
  ...fs.readdirSync(root).filter((name) => name.endsWith(".md")).map((name) => path.join(root, name)),
  ...filesIn(manual, [".md"]).map((name) => path.join(manual, name)),
  ...packages.map(({ dir }) => path.join(dir, "README.md")).filter((file) => fs.existsSync(file))
].sort()

const maxReadmeLines = 200
const maxReadmeBytes = 12_000
const maxRow = 120

/** Finds what is wrong with the sentences and tables of a page. */
const faultsOf = (text) => {
  const faults = []
  let inCode = false
  for (const [at, line] of text.split("\n").entries()) {
    if (/^\s*```/.test(line)) inCode = !inCode
    if (inCode) {
      // Without a version, npm takes the latest major version, which is that of another edition.
      if (/^npm install\b/.test(line) && /\s(effect|@effect\/[\w-]+)(\s|$)/.test(line)) {
        faults.push(`${at + 1}: npm install names a package of Effect without its version`)
      }
      continue
    }
    if (line.startsWith("|") && line.length > maxRow) faults.push(`${at + 1}: a table row of ${line.length} columns`)
  }
  for (
    const [name] of text.matchAll(
      /\b(?:core|node|msgpack-rpc|redis|sql|fleet|testing|dashboard|cli)\/(?:test|src)\/[\w./-]+\.m?[jt]s\b/g
    )
  ) {
    if (!fs.existsSync(path.join(root, "packages", name))) faults.push(`there is no packages/${name}`)
  }
  for (const sentence of lateSubjects(text.replace(/^#.*/gm, ""))) {
    faults.push(`a sentence opens with a relative clause: ${sentence.slice(0, 60)}`)
  }
  return faults
}

const check = () => {
  const faults = pages.flatMap((file) => {
    const text = fs.readFileSync(file, "utf8")
    return faultsOf(text).map((fault) => `${path.relative(root, file)}: ${fault}`)
  })
  const readme = fs.readFileSync(path.join(root, "README.md"), "utf8")
  const lines = readme.split("\n").length - 1
  const bytes = Buffer.byteLength(readme)
  if (lines > maxReadmeLines) faults.push(`README.md: ${lines} lines, at most ${maxReadmeLines}`)
  if (bytes > maxReadmeBytes) faults.push(`README.md: ${bytes} bytes, at most ${maxReadmeBytes}`)
  const contents = fs.readFileSync(path.join(manual, "README.md"), "utf8")
  for (const file of pages) {
    const name = path.relative(manual, file).split(path.sep).join("/")
    if (!name.startsWith("..") && name !== "README.md" && !contents.includes(`](${name})`)) {
      faults.push(`docs/README.md: has no link to ${name}`)
    }
  }
  return faults
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const faults = check()
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exit(1)
  console.log(`${pages.length} pages are well formed`)
}
