// Builds the published code: dist/esm with tsc, dist/cjs from the same sources, both with maps back to src.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { bin, filesIn, published, readJson, root } from "./workspace.mjs"

const write = (file, text) => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
}

/** The settings that decide how a class is written are the same for both forms of a module. */
const { target, useDefineForClassFields } = readJson(path.join(root, "tsconfig.base.json")).compilerOptions
const ofClasses = ts.convertCompilerOptionsFromJson({ target, useDefineForClassFields }, root).options

/** Writes a module as CommonJS, with a source map to the module. */
const toCommonJs = (source, target) => {
  const { diagnostics = [], outputText, sourceMapText } = ts.transpileModule(fs.readFileSync(source, "utf8"), {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      ...ofClasses,
      isolatedModules: true,
      sourceMap: true
    }
  })
  if (diagnostics.length > 0) {
    throw new Error(ts.formatDiagnostics(diagnostics, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => "\n"
    }))
  }
  write(target, outputText)
  const map = JSON.parse(sourceMapText ?? "{}")
  write(`${target}.map`, JSON.stringify({ ...map, sources: [path.relative(path.dirname(target), source)] }))
}

for (const { dir } of published) {
  // From scratch, so that no removed module gets published.
  fs.rmSync(path.join(dir, "dist"), { recursive: true, force: true })
  fs.rmSync(path.join(dir, ".tsbuildinfo", "build.tsbuildinfo"), { force: true })
}

const tsc = spawnSync(bin("tsc"), ["-b", "packages/tools/tsconfig.build.json"], { cwd: root, stdio: "inherit" })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

for (const { dir } of published) {
  const [src, esm, cjs] = ["src", "dist/esm", "dist/cjs"].map((name) => path.join(dir, name))
  for (const file of filesIn(src, [".ts"])) {
    toCommonJs(path.join(src, file), path.join(cjs, file.replace(/\.ts$/, ".js")))
  }
  // dist/cjs is as deep as dist/esm, so the maps of the declarations work unchanged.
  for (const file of filesIn(esm, [".d.ts", ".d.ts.map"])) {
    write(path.join(cjs, file), fs.readFileSync(path.join(esm, file), "utf8"))
  }
  write(path.join(cjs, "package.json"), "{ \"type\": \"commonjs\" }\n")
}
