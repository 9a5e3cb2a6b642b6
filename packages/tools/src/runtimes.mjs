// Pins the versions of Node and Bun that are tested, and installs them from npm.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./workspace.mjs"

/** One release of each major version of Node, the oldest first, and one of Bun. */
export const pins = { node: ["20.20.2", "22.23.3", "24.21.0", "26.10.0"], bun: "1.4.5" }

export const major = (version) => version.split(".")[0]

const { arch, platform } = process
/**
 * The packages that ship the executables for this machine. The packages `node` and `bun` need install scripts for that,
 * which some machines block.
 */
const packages = {
  node: `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`,
  bun: `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`
}

/** Returns the version that an executable reports, or `undefined` if it does not run. */
const versionOf = (executable) => {
  try {
    return execFileSync(executable, ["--version"], { encoding: "utf8", stdio: "pipe" }).trim().replace(/^v/, "")
  } catch {
    return undefined
  }
}

/**
 * Installs a runtime below node_modules, unless it is there already, and returns the path of its executable.
 *
 * @type {(runtime: "node" | "bun", version: string) => string}
 */
export const install = (runtime, version) => {
  const name = packages[runtime]
  const folder = path.join(root, "node_modules/.cache/runtimes", `${runtime}-${version}`)
  const executable = path.join(folder, "node_modules", name, "bin", runtime)
  if (versionOf(executable) === version) return executable
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
  execFileSync("npm", ["install", "--prefix", folder, ...flags, `${name}@${version}`], { stdio: "inherit" })
  const installed = versionOf(executable)
  if (installed !== version) throw new Error(`${executable} is ${installed ?? "not there"}, not ${version}`)
  return executable
}
