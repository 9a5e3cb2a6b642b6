// Removes everything that a command generated, except this workspace's node_modules.
import * as fs from "node:fs"
import * as path from "node:path"
import { packages, root } from "./workspace.mjs"

/** Generated in the top folder and in packages. */
const made = ["dist", "build", "coverage", ".tsbuildinfo"]

const remove = (dir, names) => {
  for (const name of names) fs.rmSync(path.join(dir, name), { recursive: true, force: true })
}

remove(root, [...made, "editions"])
for (const { dir } of packages) remove(dir, made)
remove(path.join(root, "packages/site"), ["content", ".vitepress/cache"])
