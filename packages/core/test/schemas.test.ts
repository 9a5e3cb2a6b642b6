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
import { prettyOf, samplesOf } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Effect, Equal, Schema } from "effect"

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
  const samples = samplesOf(schema, { count: 30, seed: 1 })

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
    assert.isTrue(prettyOf(schema)(error).startsWith(`${name}(`))
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
