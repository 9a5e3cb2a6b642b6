// Runs pnpm: the one that started this script, or the pinned version through npx.
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { readJson, root } from "./workspace.mjs"

/**
 * Returns the command that runs pnpm with these arguments.
 *
 * @param {ReadonlyArray<string>} args
 * @returns {[command: string, args: ReadonlyArray<string>]}
 */
export const pnpmCommand = (args) => {
  const started = process.env.npm_execpath ?? ""
  if (/pnpm\.c?js$/.test(started)) return [process.execPath, [started, ...args]]
  const pinned = readJson(path.join(root, "package.json")).packageManager.split("+")[0]
  return [process.platform === "win32" ? "npx.cmd" : "npx", ["--yes", pinned, ...args]]
}

/**
 * Runs pnpm to its end. If it fails, this process ends with the same status.
 *
 * @param {ReadonlyArray<string>} args
 * @param {import("node:child_process").SpawnSyncOptions} options
 */
export const pnpm = (args, options = {}) => {
  const [command, all] = pnpmCommand(args)
  const result = spawnSync(command, all, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    ...options
  })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) process.exit(result.status ?? 1)
}

if (process.argv[1] === import.meta.filename) pnpm(process.argv.slice(2))
