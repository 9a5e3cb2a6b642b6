/** Measures what a pool and a socket cost that nobody uses, and loading the modules: what `npm run footprint` prints. */
import { execFileSync } from "node:child_process"
import * as path from "node:path"
import { root } from "../results.js"
import { figure } from "../rounds.js"
import type { Table, Workload } from "../workload.js"

/** A table of `packages/tools/src/footprint.mjs`. */
interface Measured {
  readonly title: string
  readonly unit: string
  readonly rows: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number> }>
}

const run = (script: string, ...words: ReadonlyArray<string>): string =>
  execFileSync(process.execPath, ["--expose-gc", path.join(root, "packages/tools/src", script), ...words], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"]
  })

export const footprint: Workload = {
  name: "footprint",
  about: "memory and CPU of an unused pool and of an idle connection, and loading a module, of the built packages",
  run: async () => {
    run("build.mjs")
    const tables: ReadonlyArray<Measured> = JSON.parse(run("footprint.mjs", "--json"))
    return tables.map(({ rows, title, unit }): Table => ({
      title,
      unit,
      better: "less",
      yardstick: rows[0]!.name,
      rows: rows.map(({ name, values }) => figure(name, values))
    }))
  }
}
