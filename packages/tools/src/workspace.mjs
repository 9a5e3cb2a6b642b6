// Facts about the workspace that the other scripts share.
import * as fs from "node:fs"
import * as path from "node:path"

/** The repository's top folder. */
export const root = path.resolve(import.meta.dirname, "../../..")

/** The path of a command-line tool that the workspace's root depends on. */
export const bin = (name) => path.join(root, "node_modules", ".bin", name)

export const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"))

/**
 * Lists the files below a folder, or those whose names have one of the endings, as paths relative to it, with slashes.
 *
 * @type {(dir: string, endings?: ReadonlyArray<string>) => ReadonlyArray<string>}
 */
export const filesIn = (dir, endings = [""]) =>
  fs.readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))

/** Every package: its folder and its package.json. */
export const packages = fs.readdirSync(path.join(root, "packages"))
  .map((name) => path.join(root, "packages", name))
  .filter((dir) => fs.existsSync(path.join(dir, "package.json")))
  .map((dir) => ({ dir, manifest: readJson(path.join(dir, "package.json")) }))

/** The packages that users install. */
export const published = packages.filter(({ manifest }) => manifest.private !== true)

/** The public modules of a package: the files directly in its `src`, sorted by name, the barrel first. */
export const publicModules = (dir) =>
  fs.readdirSync(path.join(dir, "src"))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort((a, b) => a === "index" ? -1 : b === "index" ? 1 : a < b ? -1 : 1)
