/** The seam to Effect: schemas. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"

export type ParseError = Schema.SchemaError

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
  const declared = Schema.declare((value: unknown): value is E => is(value, tag), { identifier: tag })
  return Schema.TaggedStruct(tag, fields).pipe(
    Schema.decodeTo(
      declared as any,
      SchemaTransformation.transform({
        decode: (fields: any) => new constructor(fields),
        encode: (error: any) => error
      }) as any
    )
  ) as any
}

type Tagged<Tag extends string, Fields extends Schema.Struct.Fields> =
  & Error
  & { readonly _tag: Tag }
  & Schema.Struct.Type<Fields>

export const encode = Schema.encodeEffect

export const decode = Schema.decodeEffect
