// Real sockets on loopback, and processes of their own.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import * as path from "node:path"
import { bundled } from "../../tools/bundled/bundled.js"
import { ended } from "./fixtures/ended.js"
import { echo, lines, serve } from "./fixtures/server.js"
import { serveTls } from "./fixtures/tlsServer.js"

const run = (program: string, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(
    Effect.promise(() => bundled(path.join(import.meta.dirname, "fixtures", program))),
    (bundle) => ended(process.execPath, [bundle, ...args])
  )

const server = serve(lines((line, _reply, socket) => {
  if (line === "reset") socket.resetAndDestroy()
}))

describe("a process with a pool", () => {
  // F31, F45, K3
  it.scopedLive.each([
    ["ends by itself once the pool's scope has closed", "useAndClose", ""],
    ["ends by itself when only idle connections are left", "leaveIdle", ""],
    ["ends by itself although minConnections cannot be opened", "leaveFloor", ""],
    ["lives for as long as a borrower waits", "waitInVain", "PoolExhaustedError\n"],
    ["survives resets of its connections", "beReset", "ConnectionError\n"]
  ])("%s", ([_, what, output]) =>
    Effect.gen(function*() {
      const { port } = yield* server
      expect(yield* run("program.ts", what!, String(port))).toEqual({ code: 0, output })
    }))

  it.scopedLive("ends by itself when only idle TLS connections are left", () =>
    Effect.gen(function*() {
      const { port } = yield* serveTls(echo)
      expect(yield* run("tlsProgram.ts", String(port))).toEqual({ code: 0, output: "idle\n" })
    }))
})
