// Packs packages, checks the tarballs, and installs them in a project outside the workspace, as a user does.
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import { pnpm } from "./pnpm.mjs"
import { faultsOfTarball, read } from "./tarballs.mjs"
import { bin, published, readJson, root } from "./workspace.mjs"

/**
 * Runs a check and prints its output only if it fails, which ends this process.
 *
 * @type {(command: string, args: ReadonlyArray<string>, cwd?: string) => Promise<void>}
 */
export const run = async (command, args, cwd) => {
  const line = `${path.basename(command)} ${args.map((arg) => path.basename(arg)).join(" ")}`
  try {
    await promisify(execFile)(command, args, { cwd })
    console.log(`passed: ${line}`)
  } catch (error) {
    console.error(`FAILED: ${line}\n${error.stdout ?? ""}${error.stderr || error.message}`)
    process.exit(1)
  }
}

/** @typedef {ReadonlyArray<{ readonly dir: string; readonly manifest: any }>} Packages */

/**
 * Packs packages into a folder and returns each package's tarball by its name.
 *
 * @type {(folder: string, packages?: Packages) => Record<string, string>}
 */
export const pack = (folder, packages = published) =>
  Object.fromEntries(packages.map(({ dir, manifest }) => {
    const { name, version } = manifest
    pnpm(["pack", "--pack-destination", folder], { cwd: dir, stdio: ["ignore", "ignore", "inherit"] })
    return [name, path.join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)]
  }))

/**
 * Checks what the tarballs hold, and that the module systems of the edition find their modules.
 *
 * @type {(tarballs: Record<string, string>, edition: "3" | "4") => Promise<unknown>}
 */
export const checkTarballs = (tarballs, edition) => {
  const files = Object.values(tarballs)
  const faults = files.map(read).flatMap((tarball) =>
    faultsOfTarball({ ...tarball, edition, version: tarball.manifest.version })
  )
  for (const fault of faults) console.error(`FAILED: ${fault}`)
  if (faults.length > 0) process.exit(1)
  const profile = edition === "4" ? "esm-only" : "node16"
  return Promise.all(
    files.flatMap((file) => [
      run(bin("publint"), ["--strict", file]),
      run(bin("attw"), [file, "--profile", profile, "--format", "ascii"])
    ])
  )
}

/**
 * Returns the names by which users import the public modules.
 *
 * @type {(packages: Packages) => ReadonlyArray<string>}
 */
export const modulesOf = (packages) =>
  packages.flatMap(({ manifest: { name, publishConfig } }) =>
    Object.entries(publishConfig.exports)
      .filter(([, target]) => target !== null && typeof target === "object")
      .map(([subpath]) => name + subpath.slice(1))
  )

/** The first example of the README, against an echo server. It needs `Effect`, `Pool`, `TcpPoolLive` and `net`. */
export const exampleProgram = `
const program = Effect.scoped(Effect.gen(function*() {
  const connection = yield* Pool.connection
  yield* connection.send("hello")
  return yield* connection.recv()
}))

const server = net.createServer((socket) => socket.pipe(socket))
server.listen(0, "localhost", () => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  Effect.runPromise(program.pipe(Effect.provide(TcpPoolLive("localhost", address.port)))).then((reply) => {
    if (new TextDecoder().decode(reply) !== "hello") throw new Error("not the server's answer")
    server.close()
  })
})
`

const versionsOf = (...names) =>
  Object.fromEntries(
    names.map((name) => [name, readJson(path.join(root, "node_modules", name, "package.json")).version])
  )

/** The dependencies that a user of this edition has besides the packages. */
const ofThisEdition = () => ({
  dependencies: versionsOf("effect", "@effect/platform", "@effect/platform-node"),
  devDependencies: versionsOf("@types/node")
})

/** Optional peers, such as drivers, with their types, in the versions that their packages are tested with. */
const optionalPeers = (packages) =>
  Object.fromEntries(
    packages.flatMap(({ manifest: { devDependencies = {}, peerDependenciesMeta = {} } }) =>
      Object.keys(peerDependenciesMeta)
        .flatMap((name) => [name, `@types/${name}`])
        .map((name) => [name, devDependencies[name]])
        .filter(([, version]) => /^\d/.test(version ?? ""))
    )
  )

/**
 * Makes a project that depends on the tarballs of packages, and on what they leave to their users.
 *
 * @type {(app: string, tarballs: Record<string, string>, packages?: Packages, own?: {
 *   readonly type?: "module"
 *   readonly dependencies: Readonly<Record<string, string>>
 *   readonly devDependencies: Readonly<Record<string, string>>
 * }) => void}
 */
export const installIn = (app, tarballs, packages = published, own = ofThisEdition()) => {
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, tarball]) => [name, `file:${tarball}`]))
  const write = (file, content) => fs.writeFileSync(path.join(app, file), JSON.stringify(content))
  fs.mkdirSync(app)
  write("package.json", {
    private: true,
    ...own,
    dependencies: { ...files, ...optionalPeers(packages), ...own.dependencies }
  })
  // JSON is YAML. The overrides make the packages find one another's tarballs, too.
  write("pnpm-workspace.yaml", {
    strictPeerDependencies: true,
    overrides: files,
    allowBuilds: { "@parcel/watcher": false, esbuild: false, "msgpackr-extract": false }
  })
  pnpm(["install", "--prefer-offline", "--silent", "--no-frozen-lockfile"], { cwd: app })
}
