// Checks that each package.json exports exactly the modules in `src`. With --fix, writes the exports.
import * as fs from "node:fs"
import * as path from "node:path"
import { isDeepStrictEqual } from "node:util"
import { publicModules, published } from "./workspace.mjs"

const fix = process.argv.includes("--fix")

const entry = (module) => ({
  import: { types: `./dist/esm/${module}.d.ts`, default: `./dist/esm/${module}.js` },
  require: { types: `./dist/cjs/${module}.d.ts`, default: `./dist/cjs/${module}.js` }
})

/** In the repository, every module resolves to its source. */
const sourceExports = {
  "./package.json": "./package.json",
  ".": "./src/index.ts",
  "./*": "./src/*.ts",
  "./internal/*": null
}

/** In the tarball, every module is listed. A module that is not listed cannot be imported. */
const publishedExports = (modules) => ({
  "./package.json": "./package.json",
  ...Object.fromEntries(modules.map((module) => [module === "index" ? "." : `./${module}`, entry(module)])),
  "./internal/*": null
})

/** The `bin` entry of a package that has a program. The program has the name of the project. */
const program = (dir) =>
  fs.existsSync(path.join(dir, "src/internal/bin.ts")) ? { bin: { socketpool: "./dist/esm/internal/bin.js" } } : {}

const publishConfig = (dir) => ({
  access: "public",
  // npm then states from which commit and by which workflow a package was built. Only CI can publish.
  provenance: true,
  ...program(dir),
  main: "./dist/cjs/index.js",
  module: "./dist/esm/index.js",
  types: "./dist/cjs/index.d.ts",
  exports: publishedExports(publicModules(dir))
})

let failed = false
for (const { dir, manifest } of published) {
  const expected = { ...manifest, exports: sourceExports, publishConfig: publishConfig(dir) }
  // The order of conditions and of subpaths matters, so this compares the text, too.
  if (isDeepStrictEqual(manifest, expected) && JSON.stringify(manifest) === JSON.stringify(expected)) continue
  if (fix) {
    fs.writeFileSync(path.join(dir, "package.json"), `${JSON.stringify(expected, null, 2)}\n`)
    console.log(`${manifest.name}: exports written`)
  } else {
    const now = Object.keys(manifest.publishConfig?.exports ?? {})
    const wanted = Object.keys(expected.publishConfig.exports)
    console.error(`${manifest.name}: package.json does not export the modules in src`)
    for (const key of wanted.filter((key) => !now.includes(key))) console.error(`  missing ${key}`)
    for (const key of now.filter((key) => !wanted.includes(key))) console.error(`  without a module: ${key}`)
    console.error("  Run `npm run lint-fix` to write the exports.")
    failed = true
  }
}
if (failed) process.exit(1)
