// Type-checks every TypeScript block in the docstrings of the published packages and in the Markdown pages. Runs those of
// docstrings, and those that are marked `ts run`.
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

/** A program must end by itself within this time, in milliseconds. */
const limit = 120_000

const sources = [
  ...published.flatMap(({ dir }) => docstringsOf(dir)).map((source) => ({ ...source, isDocstring: true })),
  ...pages.map((file) => ({ file, read: (text) => text, isDocstring: false }))
]

fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(out, { recursive: true })
/** The file and line of each example. */
const origin = new Map()
/** The examples that are whole programs. */
const programs = []
/** Those of docstrings, which define something and run at most a part of it. */
const parts = []
for (const { file, isDocstring, read } of sources) {
  const name = path.relative(root, file)
  for (const { code, line, word } of blocks(read(fs.readFileSync(file, "utf8")))) {
    if (word === "effect-4") continue
    const example = exampleFile(name, line)
    origin.set(example, { name, line })
    fs.writeFileSync(path.join(out, example), code)
    if (word === "run") programs.push(example)
    else if (word === "" && isDocstring) parts.push(example)
    else if (word !== "") {
      console.error(
        `${name}(${line}): a block is \`ts\`, \`ts run\` or \`ts effect-4\`, but this one is \`ts ${word}\``
      )
      process.exitCode = 1
    }
  }
}

compile({ out, origin, base: path.join(root, "tsconfig.base.json"), tsc: [bin("tsc")] })

const placeOf = (example) => {
  const { line, name } = origin.get(example)
  return `${name}(${line})`
}

// One program for all of them: most of the time of each would be that of its start.
const together = "docstrings.mjs"
fs.writeFileSync(
  path.join(out, together),
  `for (const [file, place] of ${JSON.stringify(parts.map((example) => [example, placeOf(example)]))}) {
  try {
    await import(\`./\${file}\`)
  } catch (error) {
    console.error(\`\${place}:\`, error)
    process.exitCode = 1
  }
}
`
)

/** Runs one program to its end. */
const run = (example) =>
  new Promise((resolve) => {
    const output = []
    const child = spawn(bin("tsx"), [path.join(out, example)], { cwd: out, timeout: limit, killSignal: "SIGKILL" })
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.on("close", (code) => {
      if (code !== 0) {
        const place = example === together ? "the examples of docstrings" : placeOf(example)
        console.error(`${place}: ${code === null ? `still running after ${limit / 1000} s` : `exit code ${code}`}`)
        process.stderr.write(Buffer.concat(output))
        process.exitCode = 1
      }
      resolve(undefined)
    })
  })

const queue = [together, ...programs]
const worker = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next)
}
await Promise.all(Array.from({ length: os.availableParallelism() }, worker))
console.log(`${parts.length} of them ran together, and ${programs.length} as programs`)
