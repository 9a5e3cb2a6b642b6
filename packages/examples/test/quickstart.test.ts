import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { promisify } from "node:util"

const root = path.resolve(import.meta.dirname, "../../..")
const folder = path.join(import.meta.dirname, "../build")

/** Answers as Redis does. */
const redis = Effect.acquireRelease(
  Effect.async<net.Server>((resume) => {
    const server = net.createServer((socket) => {
      socket.on(
        "data",
        (bytes) => socket.write(bytes.toString() === "PING\r\n" ? "+PONG\r\n" : "-ERR unknown command\r\n")
      )
      socket.on("error", () => {})
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
)

/** Runs a program in a page, with another port in place of Redis' own, and returns what it prints. */
const run = (code: string, port: number) =>
  Effect.promise(async () => {
    fs.mkdirSync(folder, { recursive: true })
    const file = path.join(folder, `page-${process.pid}-${port}.ts`)
    fs.writeFileSync(file, code.replaceAll("6379", String(port)))
    try {
      const { stdout } = await promisify(execFile)(path.join(root, "node_modules/.bin/tsx"), [file], { cwd: folder })
      return stdout
    } finally {
      fs.rmSync(file)
    }
  })

/** The first program of a page that connects to Redis. */
const program = (page: string): string => {
  const blocks = fs.readFileSync(path.join(root, page), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)
  for (const [, code] of blocks) if (code!.includes("6379") && code!.includes("runMain")) return code!
  throw new Error(`${page} has no program for Redis`)
}

describe("the first program of", () => {
  it.scopedLive.each(["README.md", "docs/getting-started.md"])(
    "%s prints the server's answer",
    (page) =>
      Effect.gen(function*() {
        const { port } = (yield* redis).address() as net.AddressInfo
        assert.strictEqual(yield* run(program(page), port), "+PONG\n")
      })
  )
})
