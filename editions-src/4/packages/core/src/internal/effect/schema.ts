/** The seam to Effect: schemas. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

export const literals = <const L extends ReadonlyArray<SchemaAST.LiteralValue>>(...values: L): Schema.Literals<L> =>
  Schema.Literals(values)

export const union = <const S extends ReadonlyArray<Schema.Constraint>>(...schemas: S): Schema.Union<S> =>
  Schema.Union(schemas)

/** A key that may be missing, but not `undefined`. */
export const optionalKey = <S extends Schema.Constraint>(schema: S): Schema.optionalKey<S> => Schema.optionalKey(schema)

/** A number that an older version of a program does not send: it reads as 0. */
export const numberOrZero: Schema.withDecodingDefaultKey<typeof Schema.Number> = Schema.Number.pipe(
  Schema.withDecodingDefaultKey(Effect.succeed(0))
)

export const record = Schema.Record

/** Any value, in another form on the wire. */
export const anyAs = (codec: {
  readonly encode: (value: unknown) => unknown
  readonly decode: (encoded: unknown) => unknown
}): Schema.Codec<unknown, unknown> =>
  Schema.Unknown.pipe(Schema.decodeTo(Schema.Unknown, SchemaTransformation.transform(codec)))

/**
 * The schema of a class of errors, which encode to their tag and their fields. `is` tells them from other values.
 */
export const errorSchema = <
  Tag extends string,
  Fields extends Schema.Struct.Fields,
  E extends Tagged<Tag, Fields>
>(
  tag: Tag,
  constructor: new(fields: Schema.Struct.Type<Fields>) => E,
  is: (value: unknown, tag: Tag) => boolean,
  fields: Fields
): Schema.decodeTo<Schema.declare<E>, Schema.TaggedStruct<Tag, Fields>> => {
  const struct = Schema.TaggedStruct(tag, fields) as unknown as Schema.Codec<any>
  const instance = SchemaTransformation.transform<any, any>({
    decode: (fields) => new constructor(fields),
    encode: (error) => error
  })
  const declared = Schema.declareConstructor<E, any>()(
    [struct],
    () => (value, ast, options) =>
      is(value, tag)
        ? Effect.succeed(value as E)
        : Effect.fail(new SchemaIssue.InvalidType(ast, value, options)),
    {
      identifier: tag,
      toCodec: ([fields]) => Schema.link<E>()(fields, instance),
      toFormatter: ([pretty]) => (error) => `${tag}(${pretty(error)})`
    }
  )
  return struct.pipe(Schema.decodeTo(declared as any, instance as any)) as any
}

type Tagged<Tag extends string, Fields extends Schema.Struct.Fields> =
  & Error
  & { readonly _tag: Tag }
  & Schema.Struct.Type<Fields>

export const encode = Schema.encodeEffect

export const decode = Schema.decodeEffect
