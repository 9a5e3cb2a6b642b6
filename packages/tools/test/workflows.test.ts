import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"

const root = path.resolve(import.meta.dirname, "../../..")
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
const github = fs.readdirSync(path.join(root, ".github"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.ya?ml$/.test(file))
  .map((file) => path.join(".github", file))
const workflows = github.filter((file) => file.startsWith(path.join(".github", "workflows")))

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: ReadonlyArray<Step> }>>
}

const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }

/** The commands of this repository that a step runs: npm scripts, and files by their path. */
const commands = (run: string): { readonly scripts: ReadonlyArray<string>; readonly files: ReadonlyArray<string> } => ({
  scripts: [...run.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!),
  files: [...run.matchAll(/(?<![\w./])(?:\.ci|packages)\/[\w./-]+/g)].map(([file]) => file)
})

// The hosting service reports a file that it cannot read only once it is pushed, and a release only once it is tagged.
describe("the files of the hosting service", () => {
  it.each(github)("%s is YAML", (file) => {
    expect(parse(read(file), { strict: true })).toBeTypeOf("object")
  })

  it.each(workflows)("each step of %s runs what is there", (file) => {
    const steps = Object.values((parse(read(file)) as Workflow).jobs).flatMap((job) => job.steps)
    expect(steps.length).toBeGreaterThan(0)
    for (const step of steps) {
      expect(Object.keys(step).filter((key) => key === "uses" || key === "run")).toHaveLength(1)
      const { files, scripts: names } = commands(step.run ?? "")
      for (const name of names) expect(scripts).toHaveProperty([name])
      expect(files.filter((name) => !fs.existsSync(path.join(root, name)))).toEqual([])
    }
  })
})
