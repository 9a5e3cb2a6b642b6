// Builds and packs an edition, checks the tarballs, and uses them as a newcomer does, in an empty folder.
import { execFile, execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { pnpm } from "./pnpm.mjs"
import { bin, readJson, root } from "./workspace.mjs"

/** A newcomer's program: the first example of the README against a server, and a pool of something else. */
const program = `import { Effect, Layer } from "effect"
import { Pool, PoolExhaustedError, type ConnectionPool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import * as net from "node:net"

const program = Effect.scoped(Effect.gen(function*() {
  const connection = yield* Pool.connection
  yield* connection.send("hello")
  return yield* connection.recv()
}))

interface Page {
  readonly render: (url: string) => Effect.Effect<string, "bad">
}
class Pages extends Pool.Service<Pages, Page, "cannot">()("app/Pages") {}

export const layer: Layer.Layer<Pages> = Pages.layer({
  open: Effect.succeed<Page>({ render: () => Effect.succeed("") }),
  maxConnections: 4
})
export const rendered: Effect.Effect<string, unknown, Pages> = Effect.catchTag(
  Pages.use((page) => page.render("/")),
  "PoolExhaustedError",
  (error) => Effect.succeed(error.reason satisfies PoolExhaustedError["reason"])
)
export const lent = Effect.gen(function*() {
  const pool: ConnectionPool<Page, "cannot"> = yield* Pages
  return yield* pool
})

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

/**
 * Leaves the tarballs in a folder, for projects that install them from files.
 *
 * @type {(edition: {
 *   folder: string
 *   target: string
 *   node: string
 *   packages: ReadonlyArray<string>
 * }) => Promise<void>}
 */
export const checkEdition = async ({ folder, node, packages, target }) => {
  const out = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-edition-"))
  process.on("exit", () => fs.rmSync(out, { recursive: true, force: true }))
  const run = async (command, args, cwd = out) => {
    const line = `${path.basename(command)} ${args.map((arg) => path.basename(arg)).join(" ")}`
    try {
      await promisify(execFile)(command, args, { cwd })
      console.log(`passed: ${line}`)
    } catch (error) {
      console.error(`FAILED: ${line}\n${error.stdout ?? ""}${error.stderr || error.message}`)
      process.exit(1)
    }
  }

  const published = packages
    .map((name) => path.join(target, "packages", name))
    .map((dir) => ({ dir, manifest: readJson(path.join(dir, "package.json")) }))
    .filter(({ manifest }) => manifest.private !== true)

  for (const { dir } of published) {
    fs.rmSync(path.join(dir, "dist"), { recursive: true, force: true })
    fs.rmSync(path.join(dir, ".tsbuildinfo", "build.tsbuildinfo"), { force: true })
  }
  const projects = published.map(({ dir }) => path.join(dir, "tsconfig.build.json"))
  const { status } = spawnSync(node, [path.join(target, "node_modules/typescript/bin/tsc"), "-b", ...projects], {
    cwd: target,
    stdio: "inherit"
  })
  if (status !== 0) process.exit(status ?? 1)

  const tarballs = Object.fromEntries(published.map(({ dir, manifest: { name, version } }) => {
    pnpm(["pack", "--pack-destination", out], { cwd: dir, stdio: ["ignore", "ignore", "inherit"] })
    return [name, path.join(out, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)]
  }))
  for (const [name, tarball] of Object.entries(tarballs)) {
    const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).split("\n")
    for (const file of ["LICENSE", "README.md", "src/index.ts", "dist/esm/index.js", "dist/esm/index.d.ts"]) {
      if (!files.includes(`package/${file}`)) throw new Error(`${name} lacks ${file}`)
    }
    if (files.some((file) => file.includes("/dist/cjs/"))) throw new Error(`${name} has CommonJS, which cannot work`)
  }
  await Promise.all(
    Object.values(tarballs).flatMap((tarball) => [
      run(bin("publint"), ["--strict", tarball]),
      run(bin("attw"), [tarball, "--profile", "esm-only", "--format", "ascii"])
    ])
  )

  const app = path.join(out, "app")
  fs.mkdirSync(app)
  const write = (file, text) => fs.writeFileSync(path.join(app, file), text)
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, tarball]) => [name, `file:${tarball}`]))
  const { devDependencies } = readJson(path.join(target, "package.json"))
  // Packages leave these to their users, such as a driver, with its types.
  const optional = Object.fromEntries(
    published.flatMap(({ manifest }) =>
      Object.keys(manifest.peerDependenciesMeta ?? {})
        .flatMap((name) => [name, `@types/${name}`])
        .map((name) => [name, manifest.devDependencies[name]])
    )
  )
  write(
    "package.json",
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { ...files, ...optional, effect: "4" },
      devDependencies: { "@types/node": devDependencies["@types/node"], tsx: devDependencies.tsx }
    })
  )
  // JSON is YAML. The overrides make the packages find one another's tarballs, too.
  write(
    "pnpm-workspace.yaml",
    JSON.stringify({
      strictPeerDependencies: true,
      overrides: files,
      allowBuilds: { esbuild: false, "msgpackr-extract": false }
    })
  )
  pnpm(["install", "--prefer-offline", "--silent", "--no-frozen-lockfile"], { cwd: app })

  const modules = published.flatMap(({ manifest: { name, publishConfig } }) =>
    Object.entries(publishConfig.exports)
      .filter(([, file]) => file !== null && typeof file === "object")
      .map(([subpath]) => name + subpath.slice(1))
  )
  write("load.mjs", modules.map((module) => `await import(${JSON.stringify(module)})\n`).join(""))
  await run(node, ["load.mjs"], app)
  write("program.ts", program)
  // The declarations of every module are checked with it.
  write("modules.ts", modules.map((module, at) => `export * as m${at} from ${JSON.stringify(module)}\n`).join(""))
  await run(node, ["--import", "tsx", "program.ts"], app)
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"]
  const flags = [
    "--noEmit",
    ...strict,
    "--target",
    "ES2022",
    "--lib",
    "ES2023,DOM,ESNext.Disposable",
    "--types",
    "node"
  ]
  for (const [module, resolution] of [["NodeNext", "NodeNext"], ["ESNext", "Bundler"]]) {
    await run(
      bin("tsc"),
      [...flags, "--module", module, "--moduleResolution", resolution, "program.ts", "modules.ts"],
      app
    )
  }
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  for (const tarball of Object.values(tarballs)) {
    fs.copyFileSync(tarball, path.join(folder, path.basename(tarball)))
    console.log(path.relative(root, path.join(folder, path.basename(tarball))))
  }
  console.log("all packages of the edition can be published")
}
