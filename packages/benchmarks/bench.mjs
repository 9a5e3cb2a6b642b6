/** Bundles the benchmarks with this repository's packages, as their users get them, and runs them. */
import { build } from "esbuild"
import { spawn } from "node:child_process"
import * as path from "node:path"

const here = import.meta.dirname
const outfile = path.join(here, "build/main.mjs")

await build({
  entryPoints: [path.join(here, "src/main.ts")],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
  plugins: [{
    name: "only what is measured here",
    // Everything else is run as it was published.
    setup: ({ onResolve }) =>
      onResolve(
        { filter: /^[^./]/ },
        (found) =>
          found.path.startsWith("@socketpool/") || found.kind === "entry-point"
            ? undefined
            : { path: found.path, external: true }
      )
  }]
})

const child = spawn(process.execPath, ["--expose-gc", outfile, ...process.argv.slice(2)], { stdio: "inherit" })
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal))
child.on("close", (code) => {
  process.exitCode = code ?? 1
})
