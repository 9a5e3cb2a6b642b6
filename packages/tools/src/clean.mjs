// Removes everything that a command made, except node_modules.
import * as fs from "node:fs"
import * as path from "node:path"
import { packages, root } from "./workspace.mjs"

for (const dir of [root, ...packages.map(({ dir }) => dir)]) {
  for (const made of ["dist", "build", "docs", "coverage", ".tsbuildinfo"]) {
    fs.rmSync(path.join(dir, made), { recursive: true, force: true })
  }
}
