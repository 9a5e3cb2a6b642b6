/**
 * Makes the edition for another major version of Effect and runs it.
 *
 *     npm run edition4              make and install it
 *     npm run edition4 -- test      and run its tests; what follows goes to vitest
 *     npm run edition4 -- check     and check its types
 *     npm run edition4 -- pack      and build it, pack it, and use it as a newcomer does
 *
 * `editions/4` is a workspace of its own: the packages of this one, with the files of `editions-src/4` laid over them.
 * It is a copy, so that its modules find their own version of Effect.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { pnpmCommand } from "./pnpm.mjs"
import { install, pins } from "./runtimes.mjs"
import { readJson, root } from "./workspace.mjs"

const [edition, command, ...rest] = process.argv.slice(2)
const source = path.join(root, "editions-src", edition ?? "")
const target = path.join(root, "editions", edition ?? "")
if (edition === undefined || !fs.existsSync(source)) {
  console.error(`editions: there is no edition ${edition}`)
  process.exit(2)
}

/**
 * @type {{
 *   version: string
 *   engines: Readonly<Record<string, string>>
 *   packages: ReadonlyArray<string>
 *   shared: Readonly<Record<string, ReadonlyArray<string>>>
 *   without: Readonly<Record<string, string>>
 *   renames: ReadonlyArray<readonly [string, string]>
 *   versions: Readonly<Record<string, string | null>>
 *   peers: Readonly<Record<string, string | null>>
 * }}
 */
const { engines, packages, peers, renames, shared, version, versions, without } = readJson(
  path.join(source, "edition.json")
)

/** Folders that installs and builds make. */
const MADE = new Set(["node_modules", "dist", "build", "coverage", ".tsbuildinfo"])

/** All files below a folder, as paths relative to it. */
const filesBelow = (dir, prefix = "") =>
  fs.readdirSync(path.join(dir, prefix), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(prefix, entry.name)
    if (entry.isDirectory()) return MADE.has(entry.name) ? [] : filesBelow(dir, file)
    return entry.name.endsWith(".tsbuildinfo") ? [] : [file]
  })

const replaced = (dependencies, by) => {
  if (dependencies === undefined) return undefined
  const entries = Object.entries(dependencies).map(([name, version]) => [name, name in by ? by[name] : version])
  return Object.fromEntries(entries.filter(([, version]) => version !== null))
}

/** The public modules of a package that only the edition has. */
const ownModules = (name) => {
  const src = path.join("packages", name, "src")
  if (!fs.existsSync(path.join(source, src))) return []
  return fs.readdirSync(path.join(source, src))
    .filter((file) => file.endsWith(".ts") && !fs.existsSync(path.join(root, src, file)))
    .map((file) => path.basename(file, ".ts"))
}

/** Effect 4 is published as modules only, and so is what needs it. */
const modulesOnly = ({ exports, types: _types, main: _main, ...config }, name) => ({
  ...config,
  tag: `effect-${edition}`,
  types: exports["."].import.types,
  exports: {
    ...Object.fromEntries(Object.entries(exports).map(([name, target]) => [name, target?.import ?? target])),
    ...Object.fromEntries(
      ownModules(name).map((module) => [
        `./${module}`,
        { types: `./dist/esm/${module}.d.ts`, default: `./dist/esm/${module}.js` }
      ])
    )
  }
})

/** The package.json of a package in the edition. */
const manifestOf = (file) => {
  const manifest = readJson(file)
  return JSON.stringify(
    {
      ...manifest,
      version,
      dependencies: replaced(manifest.dependencies, versions),
      devDependencies: replaced(manifest.devDependencies, versions),
      peerDependencies: replaced(manifest.peerDependencies, peers),
      engines,
      publishConfig: manifest.publishConfig && modulesOnly(manifest.publishConfig, path.basename(path.dirname(file)))
    },
    undefined,
    2
  )
}

/**
 * A source with the edition's names of types, and a README with its version of Effect. Everything else that differs
 * comes from the seams.
 */
const sourceOf = (file) =>
  renames.reduce((text, rename) => {
    const [from, to] = rename
    if (text.includes(from)) unused.delete(rename)
    return text.replaceAll(from, to)
  }, fs.readFileSync(file, "utf8"))
const unused = new Set(renames)

const contentOf = (file) => {
  if (path.basename(file) === "package.json") return Buffer.from(manifestOf(file))
  return /\.(ts|md)$/.test(file) ? Buffer.from(sourceOf(file)) : fs.readFileSync(file)
}

/** Every file of the edition, and what it holds. */
const files = new Map()
for (
  const file of [
    "LICENSE",
    "tsconfig.base.json",
    "packages/tools/vitest.setup.ts",
    "packages/tools/bundled/bundled.ts"
  ]
) {
  files.set(file, fs.readFileSync(path.join(root, file)))
}
for (const name of packages) {
  const dir = path.join(root, "packages", name)
  for (const file of filesBelow(dir)) {
    const own = `packages/${name}/${file}`
    if (own in without) continue
    files.set(own, contentOf(path.join(dir, file)))
  }
}
if (unused.size > 0) throw new Error(`edition.json renames what is not there: ${[...unused].join("; ")}`)
const unknown = Object.keys(without).filter((file) => !fs.existsSync(path.join(root, file)))
if (unknown.length > 0) throw new Error(`edition.json leaves out what is not there: ${unknown.join(", ")}`)
for (const file of filesBelow(source)) {
  if (file === "edition.json" || file.startsWith("shared/")) continue
  files.set(file, fs.readFileSync(path.join(source, file)))
}
// Files that several packages need and none of them should export.
for (const [file, owners] of Object.entries(shared)) {
  const content = fs.readFileSync(path.join(source, "shared", file))
  for (const owner of owners) files.set(`packages/${owner}/src/internal/${file}`, content)
}

fs.mkdirSync(target, { recursive: true })
for (const file of filesBelow(target)) {
  if (!files.has(file)) fs.rmSync(path.join(target, file))
}
// A file that has not changed keeps its time: checks of types and installs go on from there.
for (const [file, content] of files) {
  const to = path.join(target, file)
  if (fs.existsSync(to) && fs.readFileSync(to).equals(content)) continue
  fs.mkdirSync(path.dirname(to), { recursive: true })
  fs.writeFileSync(to, content)
}

const run = (program, args, options = {}) => {
  const { error, status } = spawnSync(program, args, { cwd: target, stdio: "inherit", ...options })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const stamp = path.join(target, "node_modules", ".pnpm-workspace-state-v1.json")
const inputs = [...files.keys()].filter((file) => /(package\.json|pnpm-[a-z]+\.yaml)$/.test(file))
const isInstalled = fs.existsSync(stamp) &&
  inputs.every((file) => fs.statSync(path.join(target, file)).mtimeMs <= fs.statSync(stamp).mtimeMs)

if (command === "lock") {
  // The lockfile is kept with the sources of the edition.
  run(...pnpmCommand(["install", "--no-frozen-lockfile"]))
  fs.copyFileSync(path.join(target, "pnpm-lock.yaml"), path.join(source, "pnpm-lock.yaml"))
} else if (!isInstalled) {
  run(...pnpmCommand(["install", "--frozen-lockfile"]))
}

/** The oldest version of Node that all packages of the edition run on. */
const oldest = pins.node.find((version) => version.startsWith("22.")) ?? ""
const node = () => install("node", oldest)
const within = (file) => path.join(target, "node_modules", file)

if (command === "test") {
  const executable = node()
  run(executable, [within("vitest/vitest.mjs"), "run", ...rest], {
    env: {
      ...process.env,
      PATH: `${path.dirname(executable)}${path.delimiter}${process.env.PATH}`,
      SOCKETPOOL_NODE_VERSION: oldest
    }
  })
} else if (command === "check") {
  run(node(), [within("typescript/bin/tsc"), "-b", ...rest])
  const { checkExamples } = await import("./edition-examples.mjs")
  checkExamples({ edition, target, node: node(), packages })
} else if (command === "pack") {
  const { checkEdition } = await import("./check-edition.mjs")
  await checkEdition({
    folder: path.join(root, "build", `packages-effect-${edition}`),
    target,
    node: node(),
    packages
  })
} else if (command !== undefined && command !== "lock") {
  console.error(`editions: no command ${JSON.stringify(command)}: test, check, pack or lock`)
  process.exit(2)
}
