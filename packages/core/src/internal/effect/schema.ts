/** The seam to Effect: schemas. */
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

export type ParseError = ParseResult.ParseError

export const literals: typeof Schema.Literal = Schema.Literal

export const union: typeof Schema.Union = Schema.Union

/** A key that may be missing, but not `undefined`. */
export const optionalKey = <A, I, R>(
  schema: Schema.Schema<A, I, R>
): Schema.optionalWith<typeof schema, { exact: true }> => Schema.optionalWith(schema, { exact: true })

/** A number that an older version of a program does not send: it reads as 0. */
export const numberOrZero: Schema.optionalWith<typeof Schema.Number, { exact: true; default: () => number }> = Schema
  .optionalWith(Schema.Number, { exact: true, default: () => 0 })

export const record = <K extends Schema.Schema.All, V extends Schema.Schema.All>(
  key: K,
  value: V
): Schema.Record$<K, V> => Schema.Record({ key, value })

/** Any value, in another form on the wire. */
export const anyAs = (codec: {
  readonly encode: (value: unknown) => unknown
  readonly decode: (encoded: unknown) => unknown
}): Schema.Schema<unknown, unknown> => Schema.transform(Schema.Unknown, Schema.Unknown, { strict: true, ...codec })

/** For the construction of errors whose fields are known to be right. */
export const unchecked = { disableValidation: true } as const

export const encode = Schema.encode

export const decode = Schema.decode
