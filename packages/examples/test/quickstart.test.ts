import { assert, describe, it } from "@effect/vitest"
import { TcpPoolLive } from "@socketpool/node"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EchoServer from "../src/echoServer.js"
import { program } from "../src/quickstart.js"

describe("the quick start", () => {
  it.scopedLive("receives the echo of its message", () =>
    Effect.gen(function*() {
      const server = yield* EchoServer.make
      const reply = yield* program.pipe(Effect.provide(TcpPoolLive("localhost", server.port)))
      assert.strictEqual(new TextDecoder().decode(reply), "hello")
    }))

  it("equals the code in the README", () => {
    const read = (file: string) => fs.readFileSync(path.join(import.meta.dirname, file), "utf8")
    assert.include(read("../../../README.md"), `\`\`\`ts\n${read("../src/quickstart.ts")}\`\`\``)
  })
})
