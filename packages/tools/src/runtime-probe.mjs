/**
 * Installs the packed packages in a project outside the workspace and uses pools of TCP and TLS connections there, on Bun
 * and on Deno. It packs what `npm run build` has built.
 *
 * A runtime that cannot be installed is skipped, unless SOCKETPOOL_REQUIRE_SERVERS is set: then that is a failure.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { installIn, pack } from "./packed.mjs"
import { install, pins } from "./runtimes.mjs"
import { root } from "./workspace.mjs"

const fixtures = path.join(root, "packages/node/test/fixtures")
/** In milliseconds. The program takes a few seconds and ends by itself. */
const limit = 30_000

/** The words that run a program. Deno takes the installed packages and downloads nothing. */
const words = { bun: [], deno: ["run", "--allow-all", "--no-remote", "--node-modules-dir=manual"] }

const out = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-runtimes-"))
process.on("exit", () => fs.rmSync(out, { recursive: true, force: true }))
const app = path.join(out, "app")
installIn(app, pack(out))
fs.copyFileSync(path.join(fixtures, "runtimeProbe.ts"), path.join(app, "probe.ts"))
fs.cpSync(path.join(fixtures, "tls"), path.join(app, "tls"), { recursive: true })

/** Runs the program on one runtime. Returns how that ended. */
const probe = (runtime) => {
  let executable
  try {
    executable = install(runtime, pins[runtime])
  } catch (error) {
    console.error(`runtime-probe: ${error.message}`)
    return process.env.SOCKETPOOL_REQUIRE_SERVERS === undefined ? "SKIPPED: it cannot be installed" : "FAILED"
  }
  const { error, status } = spawnSync(executable, [...words[runtime], "probe.ts"], {
    cwd: app,
    stdio: "inherit",
    timeout: limit,
    killSignal: "SIGKILL"
  })
  if (error !== undefined) console.error(`runtime-probe: ${error.message}`)
  return status === 0 ? "passed" : "FAILED"
}

for (const runtime of ["bun", "deno"]) {
  const outcome = probe(runtime)
  console.log(`${runtime} ${pins[runtime]}: ${outcome}`)
  if (outcome === "FAILED") process.exitCode = 1
}
