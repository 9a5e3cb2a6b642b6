/** Bundles programs that tests run in processes of their own: a bundle starts ten times as fast as its sources. */
import { build, type Plugin } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { pathToFileURL } from "node:url"

const root = path.resolve(import.meta.dirname, "../../..")
const folder = path.join(root, "node_modules/.cache/socketpool")

/** Keeps `import.meta.url` the address of the source, next to which a program may look for files. */
const keepsAddresses: Plugin = {
  name: "keeps addresses",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path: file }) => ({
      contents: (await fs.promises.readFile(file, "utf8"))
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(file).href)),
      loader: "ts"
    }))
}

const bundle = async (program: string): Promise<string> => {
  const target = path.join(folder, `${path.relative(root, program).replaceAll(path.sep, "-")}.mjs`)
  const { outputFiles } = await build({
    entryPoints: [program],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    keepNames: true,
    plugins: [keepsAddresses],
    // For dependencies in CommonJS, which require Node's own modules.
    banner: {
      js:
        `import { createRequire as requireOfBundle } from "node:module"; const require = requireOfBundle(import.meta.url);`
    }
  })
  // Another worker may start the same bundle now, so that it must be whole at any moment.
  const draft = `${target}.${process.pid}`
  await fs.promises.mkdir(folder, { recursive: true })
  await fs.promises.writeFile(draft, outputFiles[0]!.contents)
  await fs.promises.rename(draft, target)
  return target
}

const bundles = new Map<string, Promise<string>>()

/** Returns the path of a module that contains the program and all that it imports. */
export const bundled = (program: string): Promise<string> => {
  const known = bundles.get(program) ?? bundle(program)
  bundles.set(program, known)
  return known
}
