// Pins the versions of Node, Bun and Deno that are tested, and installs them from npm.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./workspace.mjs"

/** One release of each major version of Node, the oldest first, and one of Bun and of Deno. */
export const pins = { node: ["20.20.2", "22.23.3", "24.21.0", "26.10.0"], bun: "1.4.5", deno: "2.9.6" }

export const major = (version) => version.split(".")[0]

const { arch, platform } = process
/**
 * The packages that ship the executables for this machine, and where in them. The packages `node`, `bun` and `deno` need
 * install scripts for that, which some machines block.
 */
const packages = {
  node: [`${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`, "bin/node"],
  bun: [`@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`, "bin/bun"],
  deno: [`@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`, "deno"]
}

/** Returns the version that an executable reports, or `undefined` if it does not run. */
const versionOf = (executable) => {
  try {
    return /\d+(\.\d+)+/.exec(execFileSync(executable, ["--version"], { encoding: "utf8", stdio: "pipe" }))?.[0]
  } catch {
    return undefined
  }
}

/**
 * Installs a runtime below node_modules, unless it is there already, and returns the path of its executable.
 *
 * @type {(runtime: "node" | "bun" | "deno", version: string) => string}
 */
export const install = (runtime, version) => {
  const [name, file] = packages[runtime]
  const folder = path.join(root, "node_modules/.cache/runtimes", `${runtime}-${version}`)
  const executable = path.join(folder, "node_modules", name, file)
  if (versionOf(executable) === version) return executable
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
  execFileSync("npm", ["install", "--prefix", folder, ...flags, `${name}@${version}`], { stdio: "inherit" })
  const installed = versionOf(executable)
  if (installed !== version) throw new Error(`${executable} is ${installed ?? "not there"}, not ${version}`)
  return executable
}
