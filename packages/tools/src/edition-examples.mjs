// Type-checks the examples of an edition: of its docstrings and READMEs, and those of the manual that are for it alone.
import * as fs from "node:fs"
import * as path from "node:path"
import { blocks, compile, docstringsOf, exampleFile } from "./example-blocks.mjs"
import { pages } from "./pages.mjs"
import { readJson, root } from "./workspace.mjs"

/**
 * Ends the process if one of them does not compile.
 *
 * @type {(edition: {
 *   edition: string
 *   target: string
 *   node: string
 *   packages: ReadonlyArray<string>
 * }) => void}
 */
export const checkExamples = ({ edition, node, packages, target }) => {
  const published = packages
    .map((name) => path.join(target, "packages", name))
    .map((dir) => ({ dir, manifest: readJson(path.join(dir, "package.json")) }))
    .filter(({ manifest }) => manifest.private !== true)
  const out = path.join(target, "build", "examples")
  fs.rmSync(out, { recursive: true, force: true })

  // Every import of an example resolves from here.
  const link = (name, to) => {
    const from = path.join(out, "node_modules", name)
    fs.mkdirSync(path.dirname(from), { recursive: true })
    fs.symlinkSync(to, from)
  }
  const linked = new Set()
  for (const { dir, manifest } of published) {
    link(manifest.name, dir)
    const needed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies })
    for (const name of needed.filter((name) => name.startsWith("@effect/") && !linked.has(name))) {
      linked.add(name)
      link(name, fs.realpathSync(path.join(dir, "node_modules", name)))
    }
  }

  /** @type {ReadonlyArray<{ readonly file: string; readonly read: (text: string) => string; readonly only?: string }>} */
  const sources = [
    ...published.flatMap(({ dir }) => [
      ...docstringsOf(dir),
      { file: path.join(dir, "README.md"), read: (text) => text }
    ]),
    ...pages.map((file) => ({ file, read: (text) => text, only: `effect-${edition}` }))
  ]
  const origin = new Map()
  for (const { file, only, read } of sources) {
    const name = path.relative(root, file)
    for (const { code, line, word } of blocks(read(fs.readFileSync(file, "utf8")))) {
      if (only !== undefined && word !== only) continue
      const example = exampleFile(name, line)
      origin.set(example, { name, line })
      fs.writeFileSync(path.join(out, example), code)
    }
  }
  const tsc = path.join(target, "node_modules", "typescript", "bin", "tsc")
  compile({ out, origin, base: path.join(target, "tsconfig.base.json"), tsc: [node, tsc] })
}
