// Type-checks every TypeScript block in the docstrings of the published packages and in the Markdown pages, and runs
// those that are marked `ts run`. docgen alone misses the examples of classes and of static members.
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { blocks, compile, docstringsOf, exampleFile } from "./example-blocks.mjs"
import { pages } from "./pages.mjs"
import { bin, published, root } from "./workspace.mjs"

/** A package that depends on all others, so that every import in an example resolves from here. */
const home = path.join(root, "packages", "examples")
const out = path.join(home, "build", "examples")

/** A program in a page must end by itself within this time, in milliseconds. */
const limit = 30_000

const sources = [
  ...published.flatMap(({ dir }) => docstringsOf(dir)),
  ...pages.map((file) => ({ file, read: (text) => text }))
]

fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(out, { recursive: true })
/** The file and line of each example. */
const origin = new Map()
/** The examples that are whole programs. */
const programs = []
for (const { file, read } of sources) {
  const name = path.relative(root, file)
  for (const { code, line, word } of blocks(read(fs.readFileSync(file, "utf8")))) {
    if (word === "effect-4") continue
    const example = exampleFile(name, line)
    origin.set(example, { name, line })
    fs.writeFileSync(path.join(out, example), code)
    if (word === "run") programs.push(example)
    else if (word !== "") {
      console.error(
        `${name}(${line}): a block is \`ts\`, \`ts run\` or \`ts effect-4\`, but this one is \`ts ${word}\``
      )
      process.exitCode = 1
    }
  }
}

compile({ out, origin, base: path.join(root, "tsconfig.base.json"), tsc: [bin("tsc")] })

/** Runs one program to its end. */
const run = (example) =>
  new Promise((resolve) => {
    const output = []
    const child = spawn(bin("tsx"), [path.join(out, example)], { cwd: out, timeout: limit, killSignal: "SIGKILL" })
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.on("close", (code) => {
      if (code !== 0) {
        const { line, name } = origin.get(example)
        console.error(
          `${name}(${line}): ${code === null ? `still running after ${limit / 1000} s` : `exit code ${code}`}`
        )
        process.stderr.write(Buffer.concat(output))
        process.exitCode = 1
      }
      resolve(undefined)
    })
  })

const queue = [...programs]
const worker = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next)
}
await Promise.all(Array.from({ length: os.availableParallelism() }, worker))
console.log(`${programs.length} of them ran`)
