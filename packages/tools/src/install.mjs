// Installs the lockfile's dependencies. Returns at once if nothing has changed since the last install.
import * as fs from "node:fs"
import * as path from "node:path"
import { pnpm } from "./pnpm.mjs"
import { packages, root } from "./workspace.mjs"

/** pnpm writes this file at the end of every successful install. */
const stamp = path.join(root, "node_modules", ".pnpm-workspace-state-v1.json")

const isInstalled = () => {
  if (!fs.existsSync(stamp)) return false
  const installedAt = fs.statSync(stamp).mtimeMs
  const inputs = [
    ...["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].map((file) => path.join(root, file)),
    ...packages.map(({ dir }) => path.join(dir, "package.json"))
  ]
  return inputs.every((file) => fs.statSync(file).mtimeMs <= installedAt) &&
    packages.every(({ dir, manifest }) =>
      fs.existsSync(path.join(dir, "node_modules")) ||
      (manifest.dependencies === undefined && manifest.devDependencies === undefined)
    )
}

if (!isInstalled()) pnpm(["install", "--frozen-lockfile"])
