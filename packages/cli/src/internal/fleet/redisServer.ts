/** A Redis of the demo's own, which ends with the demo even if that is killed. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { async } from "../effect.js"
import { type Failure, runFailed, unreachable } from "../failure.js"

export interface RedisServer {
  readonly port: number
  readonly password: string
}

/**
 * Runs the server for as long as somebody holds the other end of its standard input, which the system closes whenever
 * the demo ends. Signals of the terminal do not end it earlier. The first line of the input is the password, which so
 * stands in no list of processes.
 */
const guard = `
trap '' HUP INT TERM
read -r password
exec 3<&0
printf 'requirepass %s\\n' "$password" | redis-server - "$@" 3<&- &
server=$!
{ cat <&3 > /dev/null; kill -9 "$server"; } 2> /dev/null &
watcher=$!
wait "$server"
kill -9 "$watcher"
`

/** Picks a port below the ephemeral range, which the system lends to no client. */
const randomPort = (): number => 10_000 + Math.floor(Math.random() * 20_000)

const isInstalled = Effect.sync(() => spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0)

const missing = unreachable(
  "redis-server is not installed, or not in the PATH. This demo starts a Redis of its own: install one first, for " +
    "example with apt install redis-server, or brew install redis"
)

const start = (port: number, password: string): ChildProcess => {
  // It keeps nothing on disk.
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
  const child = spawn("sh", ["-c", guard, "sh", ...words], {
    cwd: tmpdir(),
    detached: true,
    stdio: ["pipe", "pipe", "ignore"]
  })
  child.stdin!.on("error", () => {})
  child.stdin!.write(`${password}\n`)
  return child
}

const stop = (child: ChildProcess): Effect.Effect<void> =>
  async((resume) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.stdin!.end()
  })

const ready = (child: ChildProcess): Effect.Effect<void, Failure> =>
  async((resume) => {
    let printed = ""
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-4_096)
      if (printed.includes("Ready to accept connections")) resume(Effect.void)
    })
    const failed = (why: string) => resume(Effect.fail(runFailed(`redis-server did not start: ${why}`)))
    child.once("error", ({ message }) => failed(message))
    child.once("exit", () => failed(printed.trim().split("\n").at(-1) ?? ""))
  })

/** Starts a server on a loopback port. It stops when the scope closes. */
export const make: Effect.Effect<RedisServer, Failure, Scope.Scope> = Effect.gen(function*() {
  if (!(yield* isInstalled)) return yield* missing
  const attempt = Effect.gen(function*() {
    const [port, password] = [randomPort(), randomBytes(24).toString("hex")]
    const child = yield* Effect.acquireRelease(Effect.sync(() => start(port, password)), stop)
    yield* ready(child)
    return { port, password }
  })
  // The port may be taken.
  return yield* Effect.retry(attempt, { times: 5 })
})
