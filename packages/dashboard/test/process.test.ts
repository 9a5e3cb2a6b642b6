// A program of its own: the page must not keep it alive.
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as path from "node:path"

const tsx = path.resolve(import.meta.dirname, "../../../node_modules/tsx/dist/loader.mjs")
const program = path.resolve(import.meta.dirname, "fixtures/program.ts")

/** Runs the program, which has to end by itself. */
const run = (how: string) =>
  new Promise<{ readonly code: number | null; readonly out: string }>((done) => {
    const child = spawn(process.execPath, ["--import", tsx, program, how], { stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    child.stdout.setEncoding("utf8").on("data", (text) => out += text)
    child.stderr.setEncoding("utf8").on("data", (text) => out += text)
    const timer = setTimeout(() => child.kill("SIGKILL"), 30_000)
    child.on("close", (code) => {
      clearTimeout(timer)
      done({ code, out })
    })
  })

describe("a program with the page", { timeout: 60_000 }, () => {
  it("ends when its work has ended, also while somebody looks", async () => {
    const { code, out } = await run("layer")
    assert.deepStrictEqual([code, out.trim().split("\n").at(-1)], [0, "done, while somebody was looking"])
  })

  it("ends, too, when its pools have closed and nobody has closed the page", async () => {
    const { code, out } = await run("scope left open")
    assert.deepStrictEqual([code, out.trim()], [0, "done"])
  })
})
