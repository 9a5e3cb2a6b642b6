// Real processes.
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import * as path from "node:path"
import { promisify } from "node:util"

describe("a process", () => {
  it("ends once its dashboard has closed", async () => {
    const program = path.join(import.meta.dirname, "fixtures/program.ts")
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program], { timeout: 170_000 })
    expect(stdout).toBe("closed\n")
  })

  it("ends with an open dashboard if it has nothing else to do", async () => {
    const program = path.join(import.meta.dirname, "fixtures/program.ts")
    const args = ["--import", "tsx", program, "--left-open"]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 170_000 })
    expect(stdout).toBe("left open\n")
  })

  it("finds the generated page up to date", async () => {
    const script = path.join(import.meta.dirname, "../page/build.mjs")
    await promisify(execFile)(process.execPath, [script, "--check"], { timeout: 170_000 })
  })
})
