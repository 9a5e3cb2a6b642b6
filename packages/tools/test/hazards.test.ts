import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const tools = path.resolve(import.meta.dirname, "../src")
const queue = "core/test/queue.test.ts"
const idle = "core/test/model/idle.ts"

describe("the check of docs/design/hazards.md", () => {
  let dir = ""

  const write = (file: string, ...lines: ReadonlyArray<string>): void => {
    fs.mkdirSync(path.join(dir, path.dirname(file)), { recursive: true })
    fs.writeFileSync(path.join(dir, file), `${lines.join("\n")}\n`)
  }

  /** Writes a file of comments: the first on a line of its own, the others after code. */
  const comment = (file: string, ...texts: ReadonlyArray<string>): void =>
    write(`packages/${file}`, ...texts.map((text, index) => index === 0 ? `  // ${text}` : `code() // ${text}`))

  const writePage = (...rows: ReadonlyArray<string>): void => write("docs/design/hazards.md", "# Hazards", "", ...rows)

  const hazard = (id: string, tests?: string): string =>
    [`- **${id}**: some hazard`, "  - Here: it", ...tests === undefined ? [] : [`  - Tests: ${tests}`]].join("\n")

  const readPage = (): string => fs.readFileSync(path.join(dir, "docs/design/hazards.md"), "utf8")

  /** Runs the script in the written repository. Returns the problems it names, or none if it succeeds. */
  const problems = (...args: ReadonlyArray<string>): ReadonlyArray<string> => {
    const script = path.join(dir, "packages/tools/src/hazards.mjs")
    const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" })
    const found = stderr.split("\n").slice(1).map((line) => line.trim()).filter((line) => line !== "")
    expect(status).toBe(found.length === 0 ? 0 : 1)
    return found
  }

  /** Writes a repository whose tests name F1, F2 and G1, and whose page lists them. */
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-hazards-"))
    for (const name of ["hazards.mjs", "workspace.mjs"]) {
      write(`packages/tools/src/${name}`, fs.readFileSync(path.join(tools, name), "utf8"))
    }
    for (const name of ["core", "tools"]) write(`packages/${name}/package.json`, "{}")
    comment(queue, "F1, G1: double release", "F2. And so on")
    comment(idle, "F1", "A pool: F3 and P95 are words here.")
    writePage(hazard("F1", `${idle}, ${queue}`), hazard("F2", queue), hazard("G1", queue))
  })

  afterEach(() => {
    fs.rmSync(dir, { recursive: true, force: true })
  })

  it("accepts a page that lists the ids of the comments and their files", () => {
    expect(problems()).toEqual([])
  })

  it("reports an id that is not on the page", () => {
    comment(idle, "F1, F7")
    expect(problems()).toEqual([`F7 is not on the page; it is in ${idle}`])
  })

  it("reports a letter without a number", () => {
    comment(idle, "F1, G: double release")
    expect(problems()).toEqual([`G is not on the page; it is in ${idle}`])
  })

  it("reports a hazard whose id no test contains", () => {
    comment(queue, "F1, F2")
    expect(problems()).toEqual(["G1 is in no test's comment"])
  })

  it("reports a hazard with the wrong files, and leaves it unchanged", () => {
    comment(idle, "F2")
    const page = readPage()
    expect(problems().map((problem) => problem.replace(/ \(.*/, ""))).toEqual([
      `F1 is in ${queue}; the page says ${idle}, ${queue}`,
      `F2 is in ${idle}, ${queue}; the page says ${queue}`
    ])
    expect(readPage()).toBe(page)
  })

  it("reports an id that is there twice", () => {
    writePage(
      ...[1, 2].map(() => hazard("F1", `${idle}, ${queue}`)),
      hazard("F2", queue),
      hazard("G1", queue)
    )
    expect(problems()).toEqual(["F1 is there twice"])
  })

  it("reports a hazard without a line of tests", () => {
    writePage(hazard("F1"), hazard("F2", queue), hazard("G1"))
    expect(problems()).toEqual(["F1 has no line of tests", "G1 has no line of tests"])
  })

  it("writes the lines of tests, and nothing else, with --fix", () => {
    const page = readPage()
    writePage(hazard("F1", ""), hazard("F2", "nowhere.test.ts"), hazard("G1", queue))
    expect(problems("--fix")).toEqual([])
    expect(readPage()).toBe(page)
  })

  it("reports with --fix the problems it cannot fix", () => {
    comment(queue, "F1, F2, F8")
    expect(problems("--fix")).toEqual(["G1 is in no test's comment", `F8 is not on the page; it is in ${queue}`])
  })
})
