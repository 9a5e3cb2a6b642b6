import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import * as path from "node:path"

const home = path.join(import.meta.dirname, "..")

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the demo as `npm start` does, in a process of its own. */
const demo = (args: ReadonlyArray<string>, onOutput: (text: string, kill: () => void) => void = () => {}) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", path.join(home, "src", "demo.ts"), ...args], {
      cwd: home
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => {
      stdout += chunk
      onOutput(stdout, () => child.kill("SIGINT"))
    })
    child.stderr.on("data", (chunk) => {
      stderr += chunk
    })
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the demo", () => {
  it.live("shows it all and ends well", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* demo(["--seconds", "2"])
      assert.strictEqual(stderr, "")
      for (
        const line of [
          /^An echo server listens on 127\.0\.0\.1:\d+\.$/m,
          /^Sent "hello", received "hello"\.$/m,
          /^ {2}PoolExhaustedError NoWait$/m,
          /^ {2}PoolExhaustedError QueueFull$/m,
          /^ {2}PoolExhaustedError Timeout$/m,
          /^300 fibers on 8 connections for 2 seconds:$/m,
          /^ *\d+\.\d s {2}in use \d+\/8 {2}idle \d+ {2}pending \d+ {2}served [\d,]+ .* wait p50 \S+ p99 \S+ ms$/m,
          /^The server is killed, and \d+ connections? with it; its port refuses\.$/m,
          /^The server is back after \d+ ms; the first reply came \d+ ms later\.$/m,
          /^ {2}served +[\d,]+$/m,
          /^ {4}ConnectError Refused +[\d,]+$/m,
          /^ {4}PoolClosed +\d+$/m,
          /^ {2}peak in use +\d of 8$/m,
          /^ {2}wrong replies +0$/m,
          /^All numbers add up; wrong replies: 0$/m
        ]
      ) assert.match(stdout, line)
      assert.notInclude(stdout, String.fromCodePoint(27))
      assert.strictEqual(code, 0)
    }), 60_000)

  it.live("ends cleanly on Ctrl-C", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* demo(["--seconds", "60"], (text, kill) => {
        if (text.includes("pending")) kill()
      })
      assert.strictEqual(stderr, "")
      assert.match(stdout, /^Interrupted\.$/m)
      assert.strictEqual(code, 130)
    }), 60_000)

  it.live("refuses a wrong option with exit code 2", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* demo(["--seconds", "soon"]), {
        code: 2,
        stdout: "",
        stderr: "--seconds must be a number from 1 to 3600, but is \"soon\"\nSee npm start -- --help\n"
      })
    }), 60_000)

  it.live("says why it cannot reach a server, with exit code 1", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* demo(["--port", "1"])
      assert.match(stderr, /^ConnectError: Cannot connect to 127\.0\.0\.1:1: Refused/)
      assert.strictEqual(code, 1)
    }), 60_000)
})
