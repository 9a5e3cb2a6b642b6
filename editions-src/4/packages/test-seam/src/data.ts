/** Streams, schemas, tags, configuration and generated data. */
import {
  Config,
  ConfigProvider,
  Context,
  type Effect,
  Inspectable,
  type Layer,
  type Redacted,
  Schema,
  Stream
} from "effect"

export * as FastCheck from "fast-check"

// --- Streams --------------------------------------------------------------------------------------------------------

export const collect = <A, E, R>(stream: Stream.Stream<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Stream.runCollect(stream)

// --- Schemas --------------------------------------------------------------------------------------------------------

export type Codec<A, I> = Schema.Codec<A, I>

export const union = <const Members extends ReadonlyArray<Schema.Constraint>>(
  ...members: Members
): Schema.Union<Members> => Schema.Union(members)

/** Text in JSON of what this schema is for. */
export const fromJson = <A, I>(schema: Codec<A, I>): Codec<A, string> => Schema.fromJsonString(schema)

export const encode = <A, I>(schema: Codec<A, I>, value: A): Effect.Effect<I, unknown> =>
  Schema.encodeEffect(schema)(value)

export const decode = <A, I>(schema: Codec<A, I>, value: unknown): Effect.Effect<A, unknown> =>
  Schema.decodeUnknownEffect(schema)(value)

// --- Tags and configuration -----------------------------------------------------------------------------------------

export const tag = <Self, Shape>() => <const Id extends string>(id: Id): Context.ServiceClass<Self, Id, Shape> =>
  Context.Service<Self, Shape>()(id)

export const config: {
  readonly string: (name: string) => Config.Config<string>
  readonly integer: (name: string) => Config.Config<number>
  readonly redacted: (name: string) => Config.Config<Redacted.Redacted>
} = { string: Config.String, integer: Config.Int, redacted: Config.Redacted }

/** Configuration that has these values. */
export const configured = (values: Readonly<Record<string, string>>): Layer.Layer<never> =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(values))

/** What a value shows of itself in JSON. */
export const toJson: (value: unknown) => unknown = Inspectable.toJson
