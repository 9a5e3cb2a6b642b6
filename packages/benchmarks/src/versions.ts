/** The versions of the subjects and the description of the machine. */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"

const require = createRequire(import.meta.url)

/** Returns the name and version of an installed package. */
export const version = (name: string, shown = name): string => {
  let folder = path.dirname(require.resolve(name))
  while (!fs.existsSync(path.join(folder, "package.json")) || !hasVersion(folder)) folder = path.dirname(folder)
  return `${shown} ${manifest(folder).version}`
}

const manifest = (folder: string): { readonly name?: string; readonly version?: string } =>
  JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"))

// Some packages have a second package.json in their output that only names the kind of its modules.
const hasVersion = (folder: string): boolean => manifest(folder).version !== undefined

export const machine = {
  cpus: `${os.availableParallelism()} × ${os.cpus()[0]?.model ?? "unknown"}`,
  memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
  system: `${os.type()} ${/^[\d.]+\d/.exec(os.release())?.[0] ?? ""}`,
  node: process.version
}
