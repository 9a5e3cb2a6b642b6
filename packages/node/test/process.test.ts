// Real sockets on loopback, and processes of their own.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { lines, serve } from "./fixtures/server.js"

const program = path.join(import.meta.dirname, "fixtures", "program.ts")

/** Runs a program to its end. `code` is null if it had to be killed. */
const run = (what: string, port: number) =>
  Effect.promise(() =>
    new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
      const child = spawn(process.execPath, ["--import", "tsx", program, what, String(port)])
      let output = ""
      child.stdout.on("data", (data) => output += data)
      child.stderr.on("data", (data) => output += data)
      const timer = setTimeout(() => child.kill("SIGKILL"), 170_000)
      child.on("exit", (code) => {
        clearTimeout(timer)
        resolve({ code, output })
      })
    })
  )

const server = serve(lines((line, _reply, socket) => {
  if (line === "reset") socket.resetAndDestroy()
}))

describe("a process with a pool", () => {
  // F45
  it.scopedLive("ends by itself once the pool's scope has closed", () =>
    Effect.gen(function*() {
      const { port } = yield* server
      expect(yield* run("useAndClose", port)).toEqual({ code: 0, output: "" })
    }))

  it.scopedLive("ends by itself when only idle connections are left", () =>
    Effect.gen(function*() {
      const { port } = yield* server
      expect(yield* run("leaveIdle", port)).toEqual({ code: 0, output: "" })
    }))

  // F31
  it.scopedLive("survives resets of its connections", () =>
    Effect.gen(function*() {
      const { port } = yield* server
      expect(yield* run("beReset", port)).toEqual({ code: 0, output: "ConnectionError\n" })
    }))
})
