// Measures what a pool and a socket cost that nobody uses, and how long it takes to load a pool. `npm run footprint`
// prints the least of several rounds; `npm run bench -- footprint` takes all of them, with --json. It needs
// `node --expose-gc` and the output of `npm run build`.
import { execFileSync, fork } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { readJson, root } from "./workspace.mjs"

const rounds = 7
const collectGarbage = globalThis.gc ?? (() => {
  throw new Error("footprint: start node with --expose-gc")
})

if (process.argv[2] === "server") {
  const server = net.createServer((socket) => socket.on("error", () => {}))
  server.listen(0, "127.0.0.1", () => process.send?.(/** @type {net.AddressInfo} */ (server.address()).port))
} else {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "footprint-"))
  try {
    const all = await measureAll(install(folder))
    if (process.argv[2] === "--json") console.log(JSON.stringify(all))
    else for (const table of all) show(table)
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
    const manifest = readJson(path.join(from, "package.json"))
    fs.writeFileSync(path.join(to, "package.json"), JSON.stringify({ ...manifest, ...manifest.publishConfig }))
  }
  const effect = fs.realpathSync(path.join(root, "packages/core/node_modules/effect"))
  fs.symlinkSync(effect, path.join(folder, "node_modules/effect"))
  return folder
}

function cpuMicros(since) {
  const { system, user } = process.cpuUsage(since)
  return system + user
}

async function heap() {
  for (let round = 0; round < 5; round++) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** Makes `count` of something, and ends it. Returns the bytes and microseconds of each. */
async function round(count, make) {
  const before = await heap()
  const start = process.cpuUsage()
  const end = await make(count)
  const micros = cpuMicros(start) / count
  const bytes = (await heap() - before) / count
  await end()
  return { bytes, micros }
}

/** Measures in rounds, of which the first does not count. */
async function each(name, count, make) {
  const found = []
  // A round is a function of its own: nothing that it made may still be reachable when the next one begins.
  for (let i = 0; i <= rounds; i++) found.push(await round(count, make))
  const counted = found.slice(1)
  return { name, bytes: counted.map(({ bytes }) => bytes), micros: counted.map(({ micros }) => micros) }
}

/** Returns the tables of subjects of the same kind. */
function tables(bytes, micros, found) {
  return [
    { title: bytes, unit: "bytes of heap", rows: found.map(({ bytes, name }) => ({ name, values: bytes })) },
    { title: micros, unit: "µs of CPU", rows: found.map(({ micros, name }) => ({ name, values: micros })) }
  ]
}

function show({ rows, title, unit }) {
  console.log(`\n${title} (${unit})`)
  for (const { name, values } of rows) {
    console.log(`  ${name.padEnd(32)}${Math.min(...values).toFixed(0).padStart(10)}`)
  }
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

  const ofEffect = EffectPool.makeWithTTL({ acquire: open, min: 0, max: 10, timeToLive: "1 minute" })
  const pools = [
    await each("socketpool", 1_000, many(Pool.make({ open }))),
    await each("effect 3 Pool.makeWithTTL", 1_000, many(ofEffect))
  ]

  const server = fork(import.meta.filename, ["server"])
  const port = await new Promise((resolve) => server.once("message", resolve))
  const sockets = (count) =>
    held(Effect.gen(function*() {
      const options = { host: "127.0.0.1", port, maxConnections: count, maxConnecting: 64 }
      const pool = yield* TcpPool.make({ ...options, connectTimeout: "1 minute", acquireTimeout: "1 minute" })
      yield* Effect.scoped(
        Effect.forEach(Array.from({ length: count }), () => pool.get, { concurrency: "unbounded", discard: true })
      )
    }))
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
  const idle = [await each("socketpool TcpPool", 500, sockets), await each("net.Socket", 500, bare)]
  server.kill()

  const loads = ["@socketpool/core/Pool", "@socketpool/node/TcpPool", "effect/Effect", "effect/Pool"].map((name) => {
    const code = `await import(${JSON.stringify(name)}); const { user, system } = process.cpuUsage(start)
      console.log((user + system) / 1000)`
    const args = ["--input-type=module", "-e", `const start = process.cpuUsage(); ${code}`]
    const run = () => Number(execFileSync(process.execPath, args, { cwd: folder }))
    return { name, values: Array.from({ length: rounds }, run) }
  })

  return [
    ...tables("An unused pool: memory", "An unused pool: making it", pools),
    ...tables("An idle TCP connection: memory", "An idle TCP connection: opening it", idle),
    { title: "Loading a module", unit: "ms of CPU", rows: loads }
  ]
}
