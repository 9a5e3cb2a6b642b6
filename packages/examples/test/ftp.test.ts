// A real FTP server: pyftpdlib, on a random loopback port.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { directory, freePort, isMissing, patiently, run, shared } from "../../node/test/fixtures/realServer.js"
import { makeFtp } from "../src/ftp.js"

// Debian's Python: another one on the path does not see Debian's packages.
const python = "/usr/bin/python3"
const installed = spawnSync(python, ["-c", "import pyftpdlib"]).status === 0

const server = patiently(Effect.gen(function*() {
  const home = yield* directory("ftp")
  const port = yield* freePort
  yield* run({
    command: python,
    args: [path.join(import.meta.dirname, "fixtures/ftpServer.py"), home, String(port)],
    ready: "ready",
    stopWith: "SIGKILL"
  })
  return port
}))

describe.skipIf(isMissing("python3-pyftpdlib", installed))("a client of FTP on a pool", () => {
  const port = shared(server)
  const client = (maxConnections: number) =>
    makeFtp({
      host: "127.0.0.1",
      port: port(),
      user: "ada",
      password: Redacted.make("difference"),
      secure: false,
      maxConnections
    })
  const bytes = (text: string) => new TextEncoder().encode(text)
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

  it.scopedLive("transfers many files at once over as many connections as the server allows", () =>
    Effect.gen(function*() {
      const { download, pool, upload } = yield* client(3)
      const names = Array.from({ length: 20 }, (_, n) => `file-${n}`)
      yield* Effect.forEach(names, (name) => upload(name, bytes(`of ${name}`)), { concurrency: "unbounded" })
      const found = yield* Effect.forEach(names, download, { concurrency: "unbounded" })
      assert.deepStrictEqual(found.map(text), names.map((name) => `of ${name}`))
      assert.strictEqual((yield* pool.stats).opened, 3)
    }))

  it.scopedLive("brings a holder's working directory back to the root", () =>
    Effect.gen(function*() {
      const { download, pool, upload } = yield* client(1)
      yield* pool.use((ftp) =>
        Effect.promise(async () => {
          await ftp.ensureDir("/below")
        })
      )
      yield* upload("at-the-root", bytes("here"))
      assert.strictEqual(text(yield* download("/at-the-root")), "here")
      assert.strictEqual((yield* pool.stats).opened, 1)
    }))

  it.scopedLive("replaces the connection of a transfer that failed", () =>
    Effect.gen(function*() {
      const { download, pool, upload } = yield* client(1)
      const error = yield* Effect.flip(download("/missing"))
      assert.strictEqual(error._tag, "FtpError")
      yield* upload("later", bytes("later"))
      const { closed, opened } = yield* pool.stats
      assert.deepStrictEqual([opened, closed.Discarded], [2, 1])
    }))
})
