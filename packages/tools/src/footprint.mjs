// Measures what a pool and a socket cost that nobody uses, and how long it takes to load a pool: the least of several
// rounds. `npm run footprint` runs it. It needs `node --expose-gc` and the output of `npm run build`.
import { execFileSync, fork } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { fileURLToPath, pathToFileURL } from "node:url"
import { root } from "./workspace.mjs"

const rounds = 7
const collectGarbage = globalThis.gc ?? (() => {
  throw new Error("footprint: start node with --expose-gc")
})
const self = fileURLToPath(import.meta.url)

if (process.argv[2] === "server") {
  const server = net.createServer((socket) => socket.on("error", () => {}))
  server.listen(0, "127.0.0.1", () => process.send?.(/** @type {net.AddressInfo} */ (server.address()).port))
} else {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "footprint-"))
  try {
    await measureAll(install(folder))
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** Installs the built packages as a program has them. Returns the folder of the program. */
function install(folder) {
  for (const name of ["core", "node"]) {
    const from = path.join(root, "packages", name)
    const to = path.join(folder, "node_modules/@socketpool", name)
    fs.cpSync(path.join(from, "dist"), path.join(to, "dist"), { recursive: true })
    const manifest = JSON.parse(fs.readFileSync(path.join(from, "package.json"), "utf8"))
    fs.writeFileSync(path.join(to, "package.json"), JSON.stringify({ ...manifest, ...manifest.publishConfig }))
  }
  const effect = fs.realpathSync(path.join(root, "packages/core/node_modules/effect"))
  fs.symlinkSync(effect, path.join(folder, "node_modules/effect"))
  return folder
}

function cpuMillis(since) {
  const { system, user } = process.cpuUsage(since)
  return (system + user) / 1_000
}

async function heap() {
  for (let round = 0; round < 5; round++) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** Makes `count` of something. Returns the bytes and the milliseconds of each, the least of all rounds. */
async function each(count, make) {
  const found = []
  for (let round = 0; round < rounds; round++) {
    const before = await heap()
    const start = process.cpuUsage()
    const end = await make(count)
    const millis = cpuMillis(start)
    found.push({ bytes: ((await heap()) - before) / count, millis: millis / count })
    await end()
  }
  return {
    bytes: Math.min(...found.map(({ bytes }) => bytes)),
    millis: Math.min(...found.map(({ millis }) => millis))
  }
}

function show(name, { bytes = 0, millis = 0 }) {
  const size = bytes === 0 ? "" : `${(bytes / 1024).toFixed(1)} KB`
  console.log(`${name.padEnd(42)}${size.padStart(10)}${`${millis.toFixed(2)} ms`.padStart(12)}`)
}

async function measureAll(folder) {
  const modules = path.join(folder, "node_modules")
  const load = (file) => import(pathToFileURL(path.join(modules, file)).href)
  const { Effect, Exit, Pool: EffectPool, Scope } = await load("effect/dist/esm/index.js")
  const { Pool } = await load("@socketpool/core/dist/esm/Pool.js")
  const TcpPool = await load("@socketpool/node/dist/esm/TcpPool.js")

  /** Runs an effect in a scope that stays open until the returned function is called. */
  const held = async (effect) => {
    const scope = await Effect.runPromise(Scope.make())
    await Effect.runPromise(Scope.extend(effect, scope))
    return () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
  const many = (make) => (count) => held(Effect.forEach(Array.from({ length: count }), () => make))
  const open = Effect.sync(() => ({}))

  console.log(`${"".padEnd(42)}${"heap".padStart(10)}${"CPU".padStart(12)}`)
  show("a pool, unused", await each(1_000, many(Pool.make({ open }))))
  const ofEffect = EffectPool.makeWithTTL({ acquire: open, min: 0, max: 10, timeToLive: "1 minute" })
  show("a pool of effect/Pool, unused", await each(1_000, many(ofEffect)))

  const server = fork(self, ["server"])
  const port = await new Promise((resolve) => server.once("message", resolve))
  const sockets = (count) =>
    held(Effect.gen(function*() {
      const options = { host: "127.0.0.1", port, maxConnections: count, maxConnecting: 64 }
      const pool = yield* TcpPool.make({ ...options, connectTimeout: "1 minute", acquireTimeout: "1 minute" })
      yield* Effect.scoped(
        Effect.forEach(Array.from({ length: count }), () => pool.get, { concurrency: "unbounded", discard: true })
      )
    }))
  show("an idle socket of TcpPool", await each(500, sockets))
  const bare = async (count) => {
    const opened = await Promise.all(Array.from({ length: count }, () =>
      new Promise((resolve) => {
        const socket = net.connect(port, "127.0.0.1", () => resolve(socket))
      })))
    return async () => {
      const closed = opened.map((socket) => new Promise((resolve) => socket.once("close", resolve)))
      for (const socket of opened) socket.destroy()
      await Promise.all(closed)
    }
  }
  show("an idle net.Socket", await each(500, bare))
  server.kill()

  for (const module of ["@socketpool/core/Pool", "@socketpool/node/TcpPool", "effect/Effect", "effect/Pool"]) {
    const code = `await import(${JSON.stringify(module)}); const { user, system } = process.cpuUsage(start)
      console.log((user + system) / 1000)`
    const args = ["--input-type=module", "-e", `const start = process.cpuUsage(); ${code}`]
    const millis = Array.from({ length: rounds }, () => Number(execFileSync(process.execPath, args, { cwd: folder })))
    show(`loading ${module}`, { millis: Math.min(...millis) })
  }
}
