// Writes `llms.txt` and `llms-full.txt` (https://llmstxt.org) from the README and the manual, in the order of its table
// of contents. With --check, fails if they differ from what it would write.
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./workspace.mjs"

const base = "https://raw.githubusercontent.com/socketpool/socketpool/main/"
const read = (name) => fs.readFileSync(path.join(root, name), "utf8")

/** Makes the relative links of a page absolute. */
const absolute = (name, text) =>
  text.replace(/\]\((?!https?:|#|mailto:)([^)\s]+)\)/g, (_, link) => {
    const target = path.posix.join(path.posix.dirname(name), link)
    return `](${base}${target})`
  })

const title = (text) => /^# (.+)$/m.exec(text)?.[1] ?? ""
const contents = read("docs/README.md")
const summary = read("README.md").split(/\n\s*\n/)[1].replace(/\s+/g, " ").trim()

/** The pages that the table of contents links to, in its order, each once. */
const pages = [
  ...new Set([...contents.matchAll(/\]\(([^)#\s]+\.md)\)/g)].map(([, link]) => path.posix.join("docs", link)))
]

const files = {
  "llms.txt": [
    "# socketpool",
    "",
    `> ${summary}`,
    "",
    ...contents.split("\n").slice(2).map((line) => absolute("docs/README.md", line)),
    ""
  ].join("\n").replace(/\n{3,}/g, "\n\n").trimEnd() + "\n",
  "llms-full.txt": ["README.md", ...pages]
    .map((name) => {
      const text = read(name)
      return `<!-- ${name}: ${title(text)} -->\n\n${absolute(name, text).trim()}\n`
    })
    .join("\n---\n\n")
}

let stale = false
for (const [name, text] of Object.entries(files)) {
  const before = fs.existsSync(path.join(root, name)) ? read(name) : undefined
  if (before === text) continue
  if (process.argv.includes("--check")) {
    console.error(`${name} is not what the pages say (\`npm run lint-fix\` writes it)`)
    stale = true
  } else {
    fs.writeFileSync(path.join(root, name), text)
    console.log(`${name}: written`)
  }
}
if (stale) process.exit(1)
