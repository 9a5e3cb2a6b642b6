// Type-checks every TypeScript block in the docstrings of the published packages and in the READMEs.
// docgen alone misses the examples of classes and of static members.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { bin, packages, published, root } from "./workspace.mjs"

/** A package that depends on all others, so that every import in an example resolves from here. */
const home = path.join(root, "packages", "examples")
const out = path.join(home, "build", "examples")

/**
 * Finds the `ts` blocks of a text, each with its first line number. A block marked `ts fragment` need not compile.
 *
 * @param {string} text
 */
const blocks = (text) =>
  [...text.matchAll(/^```ts[ \t]*\n([\s\S]*?)^```/gm)].map((match) => ({
    code: match[1],
    line: text.slice(0, match.index).split("\n").length + 1
  }))

/** Keeps a module's doc comments on their own lines and blanks everything else. */
const docComments = (text) => {
  let inside = false
  return text.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const kept = inside ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "").replace(/\*\/\s*$/, "") : ""
    if (/\*\//.test(line)) inside = false
    return kept
  }).join("\n")
}

const sources = [
  ...published.flatMap(({ dir }) =>
    fs.readdirSync(path.join(dir, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => ({ file: path.join(dir, "src", file), read: docComments }))
  ),
  ...[root, ...packages.map(({ dir }) => dir)]
    .map((dir) => path.join(dir, "README.md"))
    .filter((file) => fs.existsSync(file))
    .map((file) => ({ file, read: (text) => text }))
]

fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(out, { recursive: true })
/** The file and line of each example. */
const origin = new Map()
for (const { file, read } of sources) {
  const name = path.relative(root, file)
  for (const { code, line } of blocks(read(fs.readFileSync(file, "utf8")))) {
    const example = `${name.replace(/[^A-Za-z0-9]+/g, "-")}-${line}.ts`
    origin.set(example, { name, line })
    fs.writeFileSync(path.join(out, example), code)
  }
}

fs.writeFileSync(
  path.join(out, "tsconfig.json"),
  JSON.stringify({
    extends: "../../../../tsconfig.base.json",
    include: ["*.ts"],
    compilerOptions: {
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      noEmit: true,
      noUnusedLocals: false,
      module: "ESNext",
      moduleResolution: "Bundler",
      types: ["node"]
    }
  })
)

if (origin.size > 0) {
  const { status, stdout } = spawnSync(bin("tsc"), ["-p", out, "--pretty", "false"], { cwd: out, encoding: "utf8" })
  process.stdout.write(
    stdout.replace(/^(?:\.\/)?([\w-]+\.ts)\((\d+),/gm, (found, example, line) => {
      const from = origin.get(example)
      return from === undefined ? found : `${from.name}(${from.line + Number(line) - 1},`
    })
  )
  if (status !== 0) process.exit(1)
}
console.log(`${origin.size} examples compile`)
