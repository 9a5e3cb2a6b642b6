// Pages show whole files of the repository: a comment `<!-- file: packages/…/x.ts -->` stands before such a block. With
// --fix, writes the files into the blocks; without it, fails if a block differs from its file.
import * as fs from "node:fs"
import * as path from "node:path"
import { pages } from "./pages.mjs"
import { root } from "./workspace.mjs"

const block = /(^<!-- file: (\S+) -->\n\n```ts\n)([\s\S]*?)(^```$)/gm

let found = 0
for (const page of pages) {
  const before = fs.readFileSync(page, "utf8")
  const after = before.replace(block, (_, opens, file, _shown, ends) => {
    found++
    return opens + fs.readFileSync(path.join(root, file), "utf8") + ends
  })
  if (before === after) continue
  const name = path.relative(root, page)
  if (process.argv.includes("--fix")) {
    fs.writeFileSync(page, after)
    console.log(`${name}: written`)
  } else {
    console.error(`${name}: shows a file that has changed (\`npm run lint-fix\` writes it)`)
    process.exitCode = 1
  }
}
if (found === 0) throw new Error("no page shows a file: has the comment before such blocks changed?")
