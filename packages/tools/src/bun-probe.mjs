// Installs the packed packages in a project outside the workspace and uses a pool of TCP connections there, on Bun.
// It packs what `npm run build` has built.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { installIn, pack } from "./packed.mjs"
import { install, pins } from "./runtimes.mjs"
import { root } from "./workspace.mjs"

const program = path.join(root, "packages/node/test/fixtures/runtimeProbe.ts")
/** In milliseconds. The program takes less than a second and ends by itself. */
const limit = 30_000

const bun = install("bun", pins.bun)
const out = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-bun-"))
process.on("exit", () => fs.rmSync(out, { recursive: true, force: true }))
const app = path.join(out, "app")
installIn(app, pack(out))
fs.copyFileSync(program, path.join(app, "probe.ts"))

const { error, status } = spawnSync(bun, ["probe.ts"], {
  cwd: app,
  stdio: "inherit",
  timeout: limit,
  killSignal: "SIGKILL"
})
if (error !== undefined) console.error(`bun-probe: ${error.message}`)
console.log(`Bun ${pins.bun}: ${status === 0 ? "passed" : "FAILED"}`)
process.exitCode = status === 0 ? 0 : 1
