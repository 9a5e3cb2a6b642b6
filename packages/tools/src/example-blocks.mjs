// The examples of docstrings and pages: how they are found and compiled.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { filesIn } from "./workspace.mjs"

/**
 * Finds the TypeScript blocks of a text, each with its first line number and the word that it is marked with: `run` for
 * whole programs, and `effect-4` for those that only the edition for Effect 4 can compile.
 *
 * @param {string} text
 */
export const blocks = (text) =>
  [...text.matchAll(/^```(?:ts|typescript)\b[ \t]*(.*)\n([\s\S]*?)^```/gm)].map((match) => ({
    word: match[1].trim(),
    code: match[2],
    line: text.slice(0, match.index).split("\n").length + 1
  }))

/**
 * Keeps a module's doc comments on their own lines and blanks everything else.
 *
 * @param {string} text
 */
const docComments = (text) => {
  let inside = false
  return text.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const kept = inside ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "").replace(/\*\/\s*$/, "") : ""
    if (/\*\//.test(line)) inside = false
    return kept
  }).join("\n")
}

/**
 * The name of the file of an example.
 *
 * @param {string} file
 * @param {number} line
 */
export const exampleFile = (file, line) => `${file.replace(/[^A-Za-z0-9]+/g, "-")}-${line}.ts`

/**
 * The sources of a package that have docstrings, and how to read them.
 *
 * @param {string} dir
 */
export const docstringsOf = (dir) =>
  filesIn(path.join(dir, "src"), [".ts"]).map((file) => ({ file: path.join(dir, "src", file), read: docComments }))

/**
 * Compiles the examples of a folder, and ends the process if one has an error. `origin` has the place of each: errors
 * name it.
 *
 * @type {(examples: {
 *   out: string
 *   origin: ReadonlyMap<string, { readonly name: string; readonly line: number }>
 *   base: string
 *   tsc: readonly [string, ...ReadonlyArray<string>]
 * }) => void}
 */
export const compile = ({ base, origin, out, tsc: [program, ...args] }) => {
  const compilerOptions = {
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
  fs.writeFileSync(
    path.join(out, "tsconfig.json"),
    JSON.stringify({ extends: path.relative(out, base), include: ["*.ts"], compilerOptions })
  )
  const { status, stdout } = spawnSync(program, [...args, "-p", out, "--pretty", "false"], {
    cwd: out,
    encoding: "utf8"
  })
  process.stdout.write(
    stdout.replace(/^(?:\.\/)?([\w-]+\.ts)\((\d+),/gm, (found, example, line) => {
      const from = origin.get(example)
      return from === undefined ? found : `${from.name}(${from.line + Number(line) - 1},`
    })
  )
  if (status !== 0) process.exit(1)
  console.log(`${origin.size} examples compile`)
}
