/** The seam to Effect: schemas. */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"

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

/**
 * The schema of a class of errors, which encode to their tag and their fields. `is` tells them from other values.
 */
export const errorSchema = <Tag extends string, Fields extends Schema.Struct.Fields, E extends Tagged<Tag, Fields>>(
  tag: Tag,
  constructor: new(fields: Schema.Simplify<Schema.Struct.Type<Fields>>) => E,
  is: (value: unknown, tag: Tag) => boolean,
  fields: Fields
): Schema.transform<Schema.TaggedStruct<Tag, Fields>, Schema.Schema<E>> => {
  const struct = Schema.TaggedStruct(tag, fields)
  const instance = (value: unknown, _: unknown, ast: AST.Declaration) =>
    is(value, tag) ? ParseResult.succeed(value as E) : ParseResult.fail(new ParseResult.Type(ast, value))
  const declared = Schema.declare([Schema.typeSchema(struct)], { decode: () => instance, encode: () => instance }, {
    identifier: tag,
    pretty: (pretty) => (error) => `${tag}(${pretty(error as never)})`,
    arbitrary: (arbitrary) => (fc) => arbitrary(fc).map((fields) => new constructor(fields as never))
  })
  return Schema.transform(struct, declared as unknown as Schema.Schema<E>, {
    strict: false,
    decode: (fields) => new constructor(fields as never),
    encode: (error) => error
  }) as never
}

type Tagged<Tag extends string, Fields extends Schema.Struct.Fields> =
  & Error
  & Schema.Simplify<{ readonly _tag: Tag } & Schema.Struct.Type<Fields>>

export const encode = Schema.encode

export const decode = Schema.decode
