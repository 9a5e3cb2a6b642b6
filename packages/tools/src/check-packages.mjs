// Packs every published package and checks the tarballs as a user would install them.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { checkTarballs, exampleProgram, installIn, modulesOf, pack, run } from "./packed.mjs"
import { bin, filesIn, published } from "./workspace.mjs"

const out = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-pack-"))
process.on("exit", () => fs.rmSync(out, { recursive: true, force: true }))

/** Each package's name and its tarball. */
const tarballs = pack(out)
await checkTarballs(tarballs, "3")

// A project outside the workspace, with the tarballs for dependencies.
const app = path.join(out, "app")
const write = (file, text) => fs.writeFileSync(path.join(app, file), text)
installIn(app, tarballs)

// The published surface is closed: no declaration that users can import names something internal.
const isClosed = ({ dir, manifest: { name } }) => {
  const declarations = path.join(dir, "dist/esm")
  const open = fs.readdirSync(declarations).filter((file) => file.endsWith(".d.ts")).filter((file) =>
    /["']\.[^"']*internal\/|\b(Guard|Holder|ReadQueue|WriteQueue)\b/.test(
      fs.readFileSync(path.join(declarations, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
    )
  )
  for (const file of open) console.error(`FAILED: ${name}: ${file} names something internal`)
  return open.length === 0
}
if (!published.map(isClosed).every(Boolean)) process.exit(1)
console.log("passed: no declaration names something internal")

/** The packages that the declarations and the code of a folder import. */
const importsOf = (folder) =>
  filesIn(folder, [".js", ".d.ts"]).flatMap((file) => {
    const code = fs.readFileSync(path.join(folder, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "")
    return [...code.matchAll(/(?:from|import)\s*\(?"(@[^/"]+\/[^/"]+|[^@./"][^/":]*)[/"]/g)].map(([, name]) => name)
  })

// A package declares what it imports, and has its users install no peer that it does not import.
const isHonest = ({ dir, manifest: { dependencies = {}, name, peerDependencies = {} } }) => {
  const imported = new Set(importsOf(path.join(dir, "dist/esm")))
  const undeclared = [...imported].filter((one) => !(one in dependencies) && !(one in peerDependencies))
  const useless = Object.keys(peerDependencies).filter((one) => !imported.has(one))
  for (const one of undeclared) console.error(`FAILED: ${name} imports ${one} and does not declare it`)
  for (const one of useless) console.error(`FAILED: ${name} has the peer ${one} and does not import it`)
  return undeclared.length + useless.length === 0
}
if (!published.map(isHonest).every(Boolean)) process.exit(1)
console.log("passed: every import is declared, and every peer is imported")

// Every published module loads with import and with require, and finds the one `effect`.
const modules = modulesOf(published)
write("load.mjs", modules.map((module) => `await import(${JSON.stringify(module)})\n`).join(""))
write("load.cjs", modules.map((module) => `require(${JSON.stringify(module)})\n`).join(""))
await run(process.execPath, ["load.mjs"], app)
await run(process.execPath, ["load.cjs"], app)

// The command is installed and works.
await run(path.join(app, "node_modules/.bin/socketpool"), ["--version"], app)
await run(path.join(app, "node_modules/.bin/socketpool"), ["demo", "--seconds", "2", "--port", "0"], app)
// Its processes are a file of the package.
if (spawnSync("redis-server", ["--version"]).status === 0) {
  await run(path.join(app, "node_modules/.bin/socketpool"), ["demo", "fleet", "--seconds", "8"], app)
}

// Internal modules cannot be imported.
write(
  "internal.cjs",
  `for (const name of ${JSON.stringify(Object.keys(tarballs))}) {
  let open = true
  try { require.resolve(name + "/internal/engine") } catch (error) { open = error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED" }
  if (open) throw new Error(name + "/internal/* can be imported")
}
`
)
await run(process.execPath, ["internal.cjs"], app)

// The first example of the README, against an echo server.
const typedImports = `import { Effect, Layer } from "effect"
import { Pool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import type { ConnectionPool } from "@socketpool/core/Pool"
import * as net from "node:net"

export type { ConnectionPool }
export const layer = Layer.suspend(() => TcpPoolLive("localhost", 2000))
`
const imports = `import { Effect } from "effect"
import { Pool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import * as net from "node:net"
`
const requires = `const { Effect } = require("effect")
const { Pool } = require("@socketpool/core")
const { TcpPoolLive } = require("@socketpool/node")
const net = require("node:net")
`
write("example.mjs", imports + exampleProgram)
write("example.cjs", requires + exampleProgram)
await run(process.execPath, ["example.mjs"], app)
await run(process.execPath, ["example.cjs"], app)

// A program that has loaded the packages as ESM and as CommonJS, with an `effect` each.
write(
  "copies.mjs",
  `import { Effect } from "effect"
import { isConnectError, Pool, PoolMetrics } from "@socketpool/core"
import { PlatformSocket } from "@socketpool/node"
import { createRequire } from "node:module"
import * as net from "node:net"

const require = createRequire(import.meta.url)
const cjs = require("@socketpool/node")
if (cjs.PlatformSocket === PlatformSocket) throw new Error("there is only one copy")

const server = net.createServer((socket) => socket.end("bye"))
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address()
  const program = Effect.scoped(Effect.gen(function*() {
    const connection = yield* cjs.TcpConnection.open({ host: "127.0.0.1", port })
    yield* PlatformSocket.toSocket(connection).run(() => Effect.void)
    const pool = yield* cjs.TcpPool.make({ host: "127.0.0.1", port, name: "of the other copy" })
    yield* Effect.exit(pool.use((connection) => connection.recv()))
    const [running] = yield* Pool.running
    if (running !== pool || !Pool.isConnectionPool(pool)) throw new Error("the pool is not recognized")
    if (!(yield* PoolMetrics.prometheus).includes(pool.name)) throw new Error("the pool has no metrics")
    const nobody = cjs.TcpConnection.open({ host: "127.0.0.1", port: 1 })
    if (!isConnectError(yield* Effect.flip(nobody))) throw new Error("the error is not recognized")
  }))
  Effect.runPromise(program).then(() => server.close())
})
`
)
await run(process.execPath, ["copies.mjs"], app)

// Checks our declarations completely: `stripInternal` must not remove a type that a public declaration uses.
const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"]
const compile = (resolution, module, files) => {
  for (const file of files) write(file, typedImports + exampleProgram)
  const flags = { module, moduleResolution: resolution, target: "ES2022", lib: "ES2022,DOM", types: "node" }
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])
  return run(bin("tsc"), ["--noEmit", ...strict, ...args, ...files], app)
}
await Promise.all([
  compile("NodeNext", "NodeNext", ["nodenext.mts", "nodenext.cts"]),
  compile("Bundler", "ESNext", ["bundler.ts"])
])
console.log("all packages can be published")
