/** Streams, schemas, tags, configuration and generated data. */
import { Config, ConfigProvider, Context, Effect, Inspectable, Layer, type Redacted, Schema, Stream } from "effect"

export { FastCheck } from "effect"

// --- Streams --------------------------------------------------------------------------------------------------------

export const collect = <A, E, R>(stream: Stream.Stream<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.map(Stream.runCollect(stream), (values) => Array.from(values))

// --- Schemas --------------------------------------------------------------------------------------------------------

export type Codec<A, I> = Schema.Schema<A, I>

export const union: typeof Schema.Union = Schema.Union

/** Text in JSON of what this schema is for. */
export const fromJson = <A, I>(schema: Codec<A, I>): Codec<A, string> => Schema.parseJson(schema)

export const encode = <A, I>(schema: Codec<A, I>, value: A): Effect.Effect<I, unknown> => Schema.encode(schema)(value)

export const decode = <A, I>(schema: Codec<A, I>, value: unknown): Effect.Effect<A, unknown> =>
  Schema.decodeUnknown(schema)(value)

// --- Tags and configuration -----------------------------------------------------------------------------------------

export const tag = <Self, Shape>() => <const Id extends string>(id: Id): Context.TagClass<Self, Id, Shape> =>
  class extends Context.Tag(id)<Self, Shape>() {}

export const config: {
  readonly string: (name: string) => Config.Config<string>
  readonly integer: (name: string) => Config.Config<number>
  readonly redacted: (name: string) => Config.Config<Redacted.Redacted>
} = { string: Config.string, integer: Config.integer, redacted: Config.redacted }

/** Configuration that has these values. */
export const configured = (values: Readonly<Record<string, string>>): Layer.Layer<never> =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

/** What a value shows of itself in JSON. */
export const toJson: (value: unknown) => unknown = Inspectable.toJSON
