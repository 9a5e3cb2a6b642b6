// Builds and packs an edition, checks the tarballs, and uses them as a newcomer does, in an empty folder.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { checkTarballs, exampleProgram, installIn, modulesOf, pack, run } from "./packed.mjs"
import { bin, readJson, root } from "./workspace.mjs"

/** A newcomer's program: the first example of the README against a server, and a pool of something else. */
const program = `import { Effect, Layer } from "effect"
import { Pool, PoolExhaustedError, type ConnectionPool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import * as net from "node:net"

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
${exampleProgram}`

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

  const tarballs = pack(out, published)
  await checkTarballs(tarballs, "4")

  const app = path.join(out, "app")
  const { devDependencies } = readJson(path.join(target, "package.json"))
  installIn(app, tarballs, published, {
    type: "module",
    dependencies: { effect: "4" },
    devDependencies: { "@types/node": devDependencies["@types/node"], tsx: devDependencies.tsx }
  })
  const write = (file, text) => fs.writeFileSync(path.join(app, file), text)
  const modules = modulesOf(published)
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
