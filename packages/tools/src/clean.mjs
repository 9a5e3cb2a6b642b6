// Removes everything that a command made, except node_modules.
import * as fs from "node:fs"
import * as path from "node:path"
import { packages, root } from "./workspace.mjs"

/** What is made in the top folder as well as in packages. `docs` is not: the top folder's is written by hand. */
const made = ["dist", "build", "coverage", ".tsbuildinfo"]

const remove = (dir, names) => {
  for (const name of names) fs.rmSync(path.join(dir, name), { recursive: true, force: true })
}

remove(root, made)
for (const { dir } of packages) remove(dir, [...made, "docs"])
