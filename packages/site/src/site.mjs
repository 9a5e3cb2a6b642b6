// Builds the site into packages/site/dist, and checks it. With --preview, serves it afterwards.
import * as fs from "node:fs"
import * as path from "node:path"
import { build, serve } from "vitepress"
import { filesIn } from "../../tools/src/workspace.mjs"
import { writeApi } from "./api.mjs"
import { faultsOf } from "./check.mjs"
import { content, writePages } from "./content.mjs"

const here = path.resolve(import.meta.dirname, "..")
const dist = path.join(here, "dist")
const base = process.env.SITE_BASE ?? "/"

if (!/^\/(?:[\w.-]+\/)*$/.test(base)) {
  console.error(`SITE_BASE must start and end with a slash, such as /socketpool/, but is ${JSON.stringify(base)}`)
  process.exit(1)
}
fs.rmSync(content, { recursive: true, force: true })
fs.rmSync(dist, { recursive: true, force: true })
fs.mkdirSync(content, { recursive: true })
const api = await writeApi(path.join(content, "api"))
fs.writeFileSync(path.join(content, "sidebar.json"), JSON.stringify({ api, manual: writePages() }))
await build(here)

const faults = faultsOf(dist, base)
for (const fault of faults) console.error(fault)
if (faults.length > 0) {
  console.error(`${faults.length} faults`)
  process.exit(1)
}
const pages = filesIn(dist, [".html"])
console.log(`${pages.length} pages in ${path.relative(process.cwd(), dist) || "."}, without a dead link`)
if (process.argv.includes("--preview")) await serve({ root: here, base, port: 4173 })
