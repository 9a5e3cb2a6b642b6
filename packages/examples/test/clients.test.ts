import { assert, describe, it } from "@effect/vitest"
import { Framing, Pool } from "@socketpool/core"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Option } from "effect"
import { calculator } from "../src/jsonClient.js"
import { keyValue } from "../src/lineClient.js"

describe("a client of a protocol of lines", () => {
  const server = MemoryServer.make((peer) => {
    const values = new Map<string, string>()
    const line = Framing.text(Framing.over(peer, Framing.lines()))
    return Effect.forever(Effect.flatMap(line.recv, (command) => {
      const [verb, key = "", value] = command.split(" ")
      if (verb === "SET") values.set(key, value!)
      return line.send(verb === "SET" ? "OK" : values.has(key) ? `= ${values.get(key)}` : "-")
    }))
  })

  it.scoped("sets and gets values over a pool", () =>
    Effect.gen(function*() {
      const { layer } = yield* server
      const program = Pool.use((connection) => {
        const { get, set } = keyValue(connection)
        return Effect.all([get("a"), Effect.as(set("a", "1"), "set"), get("a")])
      })
      const [before, , after] = yield* Effect.provide(program, layer({ maxConnections: 1 }))
      assert.deepStrictEqual([before, after], [Option.none(), Option.some("1")])
    }))

  it.scoped("does not let a value become a command", () =>
    Effect.gen(function*() {
      const pool = yield* (yield* server).pool()
      const error = yield* Effect.flip(pool.use((connection) => keyValue(connection).set("a", "1\nSET b 2")))
      assert.strictEqual(error._tag, "FramingError")
    }))
})

describe("a client of a protocol of JSON messages", () => {
  it.scoped("calls and gets answers", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => {
        const message = Framing.text(Framing.over(peer, Framing.lengthPrefixed({ bytes: 4 })))
        return Effect.forever(Effect.flatMap(message.recv, (text) => {
          const { add } = JSON.parse(text) as { add: Array<number> }
          return message.send(JSON.stringify({ sum: add.reduce((sum, n) => sum + n, 0) }))
        }))
      })
      const pool = yield* server.pool()
      assert.strictEqual(yield* pool.use((connection) => calculator(connection).add(1, 2, 3)), 6)
    }))

  it.scoped("rejects an answer that does not match the schema", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Effect.andThen(peer.recv(), peer.send("\0\0\0\x02{}")))
      const pool = yield* server.pool()
      const error = yield* Effect.flip(pool.use((connection) => calculator(connection).add(1)))
      assert.strictEqual(error._tag, "ParseError")
    }))
})
