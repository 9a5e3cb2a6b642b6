/**
 * Sets the version of all packages, checks what would be published, and publishes it.
 *
 *     npm run release -- version 3.1.0   set the version everywhere, and date the changelog
 *     npm run release -- --dry-run       build and pack both editions, and check every tarball
 *     npm run release                    the same, and then publish them; CI runs it on a tag
 *
 * Both editions share their minor and patch version. The major version is that of Effect.
 */
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { pack } from "./packed.mjs"
import { budgets, faultsOfTarball, read } from "./tarballs.mjs"
import { packages, readJson, root } from "./workspace.mjs"

const editionFile = path.join(root, "editions-src/4/edition.json")
const changelog = path.join(root, "CHANGELOG.md")
const commandLine = path.join(root, "packages/cli/src/internal/commands.ts")

const fail = (...lines) => {
  for (const line of lines) console.error(line)
  process.exit(1)
}

const main = readJson(path.join(root, "packages/core/package.json")).version
const edition = readJson(editionFile)
const ofEdition = (version) => version.replace(/^\d+/, "4")

/** The version in the command line's source. */
const ofCommand = /(version: ")(\d+\.\d+\.\d+)(")/

const setVersion = (version) => {
  if (!/^3\.\d+\.\d+$/.test(version ?? "")) {
    fail(`release version: must be 3.MINOR.PATCH, for Effect 3, but is ${JSON.stringify(version)}`)
  }
  const replaceIn = (file, from, to) => {
    const before = fs.readFileSync(file, "utf8")
    if (!from.test(before)) fail(`${path.relative(root, file)} has no version to replace`)
    fs.writeFileSync(file, before.replace(from, to))
  }
  const ofManifest = /("version": ")[^"]+(")/
  for (const { dir } of packages) replaceIn(path.join(dir, "package.json"), ofManifest, `$1${version}$2`)
  replaceIn(editionFile, ofManifest, `$1${ofEdition(version)}$2`)
  replaceIn(commandLine, ofCommand, `$1${version}$3`)
  const today = new Date().toISOString().slice(0, 10)
  replaceIn(changelog, /^## .*\(not released\)$/m, `## ${version} (${today})`)
  console.log(`All packages have version ${version}, and ${ofEdition(version)} for Effect 4.`)
  console.log(`Commit it, tag it v${version}, and push the tag: CI publishes.`)
}

const run = (command, args) => {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: "inherit" })
  if (error !== undefined) throw error
  if (status !== 0) fail(`release: ${path.basename(command)} ${args.join(" ")} failed`)
}

/** Packs both editions. Returns what is known of each tarball. */
const packAll = () => {
  const folder = path.join(root, "build", "release")
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  run(process.execPath, [path.join(import.meta.dirname, "build.mjs")])
  const three = Object.values(pack(folder))
  run(process.execPath, [path.join(import.meta.dirname, "editions.mjs"), "4", "pack"])
  const packed = path.join(root, "build", "packages-effect-4")
  const four = fs.readdirSync(packed).filter((name) => name.endsWith(".tgz")).map((name) => path.join(packed, name))
  return [
    ...three.map((file) => ({ edition: "3", tag: "latest", version: main, file, ...read(file) })),
    ...four.map((file) => ({ edition: "4", tag: "effect-4", version: edition.version, file, ...read(file) }))
  ]
}

/** Returns the faults of the versions and the changelog. */
const faultsOfVersions = (isPublished) => {
  const faults = []
  for (const { dir, manifest: { name, version } } of packages) {
    if (version !== main) faults.push(`${path.relative(root, dir)}: ${name} has version ${version}, and core ${main}`)
  }
  if (!main.startsWith("3.")) faults.push(`the version must start with 3, as Effect's does, but is ${main}`)
  if (edition.version !== ofEdition(main)) {
    faults.push(`editions-src/4/edition.json: version must be ${ofEdition(main)}, but is ${edition.version}`)
  }
  const inCommand = ofCommand.exec(fs.readFileSync(commandLine, "utf8"))?.[2]
  if (inCommand !== main) faults.push(`${path.relative(root, commandLine)}: version is ${inCommand}, not ${main}`)
  const heading = /^## (.+)$/m.exec(fs.readFileSync(changelog, "utf8"))?.[1] ?? ""
  if (!heading.startsWith(`${main} (`)) faults.push(`CHANGELOG.md: the first heading is ${heading}, not ${main}`)
  if (isPublished && !/\(\d{4}-\d{2}-\d{2}\)$/.test(heading)) faults.push(`CHANGELOG.md: ${heading} has no date`)
  return faults
}

const check = (isPublished) => {
  const tarballs = packAll()
  const faults = [...faultsOfVersions(isPublished), ...tarballs.flatMap(faultsOfTarball)]
  const kb = (bytes) => `${(bytes / 1_000).toFixed(0)} kB`
  const rows = tarballs.map(({ edition, files, manifest, packedBytes, tag, unpackedBytes, version }) => [
    manifest.name,
    version,
    tag,
    String(files.length),
    kb(packedBytes),
    kb(unpackedBytes),
    kb(1_000 * (budgets[edition]?.[manifest.name] ?? 0))
  ])
  const head = ["package", "version", "tag", "files", "packed", "unpacked", "budget"]
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)))
  for (const row of [head, ...rows]) console.log(row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd())
  if (faults.length > 0) fail("", ...faults, "", `${faults.length} faults: nothing was published`)
  return tarballs
}

/** Orders packages so that each comes after those that it depends on: nobody can install half a release. */
const inOrder = (tarballs) => {
  const left = [...tarballs]
  const ordered = []
  while (left.length > 0) {
    const waits = ({ manifest }) =>
      left.some((other) =>
        other.manifest.name !== manifest.name &&
        other.manifest.name in { ...manifest.dependencies, ...manifest.peerDependencies }
      )
    const at = left.findIndex((one) => !waits(one))
    if (at === -1) fail(`release: these packages depend on each other: ${left.map((one) => one.manifest.name)}`)
    ordered.push(...left.splice(at, 1))
  }
  return ordered
}

const publish = (tarballs) => {
  const npm = (...args) => run(process.platform === "win32" ? "npm.cmd" : "npm", args)
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim()
  if (git("status", "--porcelain") !== "") fail("release: the working tree has changes that are not committed")
  const tags = git("tag", "--points-at", "HEAD").split("\n")
  if (!tags.includes(`v${main}`)) fail(`release: HEAD has no tag v${main}`)
  for (const edition of ["3", "4"]) {
    for (const { file, manifest, tag, version } of inOrder(tarballs.filter((one) => one.edition === edition))) {
      // A release that broke off goes on where it stopped.
      const found = spawnSync("npm", ["view", `${manifest.name}@${version}`, "version"], { encoding: "utf8" })
      if (found.stdout.trim() === version) {
        console.log(`${manifest.name}@${version} is already published`)
      } else {
        npm("publish", file, "--access", "public", "--tag", tag)
      }
      const ofEffect = `effect-${edition}`
      if (tag !== ofEffect) npm("dist-tag", "add", `${manifest.name}@${version}`, ofEffect)
    }
  }
}

const [command, ...rest] = process.argv.slice(2)
if (command === "version") setVersion(rest[0])
else if (command === "--dry-run") {
  const tarballs = check(false)
  console.log(`\n${tarballs.length} packages can be published; nothing was`)
} else if (command === undefined) publish(check(true))
else fail(`release: no command ${JSON.stringify(command)}: version, --dry-run, or none to publish`)
