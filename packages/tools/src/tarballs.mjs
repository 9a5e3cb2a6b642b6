// The content of a packed package, and its faults.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { readJson } from "./workspace.mjs"

/**
 * @typedef {{
 *   manifest: any
 *   files: ReadonlyArray<string>
 *   packedBytes: number
 *   unpackedBytes: number
 * }} Tarball
 */

/**
 * Reads a tarball.
 *
 * @type {(file: string) => Tarball}
 */
export const read = (file) => {
  const tar = (...args) => execFileSync("tar", args, { encoding: "utf8", maxBuffer: 1e8 })
  const entries = tar("-tvzf", file).trim().split("\n").map((line) => {
    const [, , size, , , ...name] = line.split(/\s+/)
    return { name: name.join(" ").replace(/^package\//, ""), bytes: Number(size) }
  })
  return {
    manifest: JSON.parse(tar("-xOzf", file, "package/package.json")),
    files: entries.map(({ name }) => name),
    packedBytes: fs.statSync(file).size,
    unpackedBytes: entries.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

/** The files that a package must hold. */
const required = [
  "LICENSE",
  "README.md",
  "src/index.ts",
  "dist/esm/index.js",
  "dist/esm/index.d.ts",
  "dist/esm/index.d.ts.map"
]

/** Those of an edition that has CommonJS, too. Effect 4 has modules only. */
const requiredOfCommonJs = ["dist/cjs/index.js.map"]

/** The files that a package may hold. */
const allowed = [
  /^(?:package\.json|README\.md|LICENSE)$/,
  /^src\/(?:[\w-]+\/)*[\w-]+\.ts$/,
  /^dist\/(?:esm|cjs)\/(?:[\w-]+\/)*[\w-]+\.(?:js|d\.ts)(?:\.map)?$/,
  /^dist\/cjs\/package\.json$/,
  // The dashboard's files for operators.
  /^(?:grafana|prometheus)\/[\w.-]+\.(?:json|ya?ml)$/
]

/** Scripts that would run on a user's machine. */
const hooks = ["preinstall", "install", "postinstall", "prepare", "prepublish"]

/**
 * The most kilobytes that each package may take packed, by edition.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, number>>>>}
 */
export const budgets = readJson(path.join(import.meta.dirname, "release-budget.json"))

/** The peer range of Effect in each edition. */
const effectOf = { 3: "^3.22.0", 4: "^4.1.0" }

/**
 * Returns what is wrong with a tarball.
 *
 * @type {(tarball: Tarball & { edition: string; version: string }) => ReadonlyArray<string>}
 */
export const faultsOfTarball = ({ edition, files, manifest, packedBytes, version }) => {
  const { name } = manifest
  const faults = []
  const fault = (text) => faults.push(`${name} for Effect ${edition}: ${text}`)
  if (manifest.version !== version) fault(`has version ${manifest.version}, not ${version}`)
  if (manifest.license !== "MIT") fault(`has the licence ${manifest.license}, not MIT`)
  if (manifest.private === true) fault("is private")
  for (const field of ["description", "homepage", "bugs", "repository", "engines", "exports", "types"]) {
    if (manifest[field] === undefined) fault(`lacks ${field}`)
  }
  if (manifest.repository?.directory !== `packages/${name.replace("@socketpool/", "")}`) {
    fault(`names the folder ${manifest.repository?.directory}`)
  }
  const { access, provenance } = manifest.publishConfig ?? {}
  if (access !== "public" || provenance !== true) fault("is not published for all, with its provenance")
  for (const hook of hooks) {
    if (manifest.scripts?.[hook] !== undefined) fault(`has the script ${hook}, which would run on a user's machine`)
  }
  for (const file of [...required, ...edition === "4" ? [] : requiredOfCommonJs]) {
    if (!files.includes(file)) fault(`lacks ${file}`)
  }
  for (const file of files) {
    if (!allowed.some((one) => one.test(file))) fault(`holds ${file}`)
  }
  if (edition === "4" && files.some((file) => file.startsWith("dist/cjs/"))) fault("has CommonJS, which cannot work")
  for (const kind of ["dependencies", "peerDependencies"]) {
    for (const [other, range] of Object.entries(manifest[kind] ?? {})) {
      if (/^(?:workspace|catalog|file|link):/.test(range)) fault(`has ${other} as ${range}, which npm cannot install`)
      if (other.startsWith("@socketpool/") && range !== `^${version}`) {
        fault(`asks for ${other} ${range}, not ^${version}`)
      }
      if (kind === "dependencies" && (other === "effect" || other.startsWith("@effect/"))) {
        // The command is a program, which brings its own.
        if (name !== "@socketpool/cli") fault(`brings an ${other} of its own`)
      }
    }
  }
  const effect = manifest.peerDependencies?.effect
  if (effect !== effectOf[edition] && manifest.dependencies?.effect === undefined) {
    fault(`asks for effect ${effect}, not ${effectOf[edition]}`)
  }
  const budget = budgets[edition]?.[name]
  if (budget === undefined) fault("has no budget in release-budget.json")
  else if (packedBytes > 1_000 * budget) {
    fault(`takes ${Math.ceil(packedBytes / 1_000)} kB packed; its budget in release-budget.json is ${budget} kB`)
  }
  return faults
}
