/** The schemas of errors: each does what the class of `Schema.TaggedError` did that the error was before. */
import {
  ConnectError,
  ConnectionError,
  ConnectionNotFoundError,
  ConnectTimeoutError,
  PoolClosedError,
  PoolExhaustedError,
  PoolSchemas
} from "@socketpool/core"
import { FastCheck } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Arbitrary, Effect, Equal, Pretty, Schema } from "effect"
import * as fs from "node:fs"

type Class = new(fields: any) => Error
type AnySchema = Schema.Schema<any, any>

const errors: ReadonlyArray<readonly [string, Class, AnySchema]> = [
  ["PoolExhaustedError", PoolExhaustedError, PoolSchemas.PoolExhaustedError],
  ["ConnectionNotFoundError", ConnectionNotFoundError, PoolSchemas.ConnectionNotFoundError],
  ["ConnectTimeoutError", ConnectTimeoutError, PoolSchemas.ConnectTimeoutError],
  ["PoolClosedError", PoolClosedError, PoolSchemas.PoolClosedError],
  ["ConnectError", ConnectError, PoolSchemas.ConnectError],
  ["ConnectionError", ConnectionError, PoolSchemas.ConnectionError]
]

describe.each(errors)("the schema of %s", (name, constructor, schema) => {
  const samples = FastCheck.sample(Arbitrary.make(schema), { numRuns: 30, seed: 1 })

  it("decodes what it has encoded to an error that is equal in every field", () => {
    for (const error of samples) {
      assert.instanceOf(error, constructor)
      const wire = Schema.encodeSync(schema)(error)
      assert.strictEqual(wire._tag, name)
      const decoded = Schema.decodeUnknownSync(schema)(wire)
      assert.instanceOf(decoded, constructor)
      assert.deepStrictEqual(Schema.encodeSync(schema)(decoded), wire)
      assert.strictEqual(decoded.message, error.message)
    }
  })

  it("tells such errors from other values", () => {
    const [error] = samples
    assert.isTrue(Schema.is(schema)(error))
    for (const other of [{ ...error }, new Error(), null, new PoolClosedError({ pool: "p" })]) {
      assert.strictEqual(Schema.is(schema)(other), other instanceof constructor)
    }
    assert.isTrue(Pretty.make(schema)(error).startsWith(`${name}(`))
  })

  it("refuses a wrong field, and says which", () => {
    const wire = Schema.encodeSync(schema)(samples[0])
    const field = Object.keys(wire).find((key) => typeof wire[key] === "string" && key !== "_tag")!
    assert.throws(() => Schema.decodeUnknownSync(schema)({ ...wire, [field]: 5n }), field)
  })
})

it("errors are equal if their fields are, and fail as an effect", () => {
  const closed = () => new PoolClosedError({ pool: "p" })
  assert.isTrue(Equal.equals(closed(), closed()))
  assert.isFalse(Equal.equals(closed(), new PoolClosedError({ pool: "q" })))
  assert.deepStrictEqual(Effect.runSync(Effect.flip(closed())), closed())
})

describe("effect/Schema and effect/Stream take longer to load than a pool", () => {
  /** Every module that one loads, by its static imports of values. */
  const loaded = (entry: URL, found = new Set<string>()): ReadonlySet<string> => {
    if (found.has(entry.href)) return found
    found.add(entry.href)
    const source = fs.readFileSync(entry, "utf8")
    for (const [, kind, from] of source.matchAll(/^(?:im|ex)port (type )?[^;]*?(?<= from )"([^"]+)"/gm)) {
      if (kind !== undefined) continue
      if (from!.startsWith(".")) loaded(new URL(from!.replace(/\.js$/, ".ts"), entry), found)
      else if (from!.startsWith("@socketpool/core/")) {
        loaded(new URL(`../src/${from!.slice(17)}.ts`, import.meta.url), found)
      } else found.add(from!)
    }
    return found
  }

  it.each(["../src/Pool.ts", "../src/TransportPool.ts", "../../node/src/TcpPool.ts"])("%s loads neither", (path) => {
    const modules = loaded(new URL(path, import.meta.url))
    assert.include([...modules], "effect/Effect")
    assert.isAbove(modules.size, 50)
    for (const heavy of ["Schema", "ParseResult", "Stream", "Sink", "Channel"]) {
      assert.notInclude([...modules], `effect/${heavy}`)
    }
  })
})
