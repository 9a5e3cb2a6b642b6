// Real processes.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { execFile } from "node:child_process"
import * as path from "node:path"
import { promisify } from "node:util"
import { bundled } from "../../tools/bundled/bundled.js"

/** Runs the program to its end and returns its output. */
const run = async (...args: ReadonlyArray<string>): Promise<string> => {
  const program = await bundled(path.join(import.meta.dirname, "fixtures/program.ts"))
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { timeout: 170_000 })
  return stdout
}

describe("a process", () => {
  it("ends once its dashboard has closed", async () => {
    expect(await run()).toBe("closed\n")
  })

  it("ends with an open dashboard if it has nothing else to do", async () => {
    expect(await run("--left-open")).toBe("left open\n")
  })

  it("finds the generated page up to date", async () => {
    const script = path.join(import.meta.dirname, "../page/build.mjs")
    await promisify(execFile)(process.execPath, [script, "--check"], { timeout: 170_000 })
  })
})
