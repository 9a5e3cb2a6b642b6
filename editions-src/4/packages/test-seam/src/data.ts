/** Streams, schemas, tags, configuration and generated data. */
import {
  Arbitrary,
  Config,
  ConfigProvider,
  Context,
  Effect,
  Inspectable,
  Layer,
  type Redacted,
  Schema,
  type Scope,
  Stream
} from "effect"

export * as FastCheck from "fast-check"

// --- Streams --------------------------------------------------------------------------------------------------------

export const collect = <A, E, R>(stream: Stream.Stream<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Stream.runCollect(stream)

/** Runs a function for all values that are there at once. */
export const forEachBatch = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  f: (values: ReadonlyArray<A>) => Effect.Effect<unknown>
): Effect.Effect<void, E, R> => Stream.runForEachArray(stream, (values) => f([...values]))

// --- Schemas --------------------------------------------------------------------------------------------------------

export type Codec<A, I> = Schema.Codec<A, I>

export const union = <const Members extends ReadonlyArray<Schema.Constraint>>(
  ...members: Members
): Schema.Union<Members> => Schema.Union(members)

/** The tag of the error of a schema that does not fit. */
export const decodingFailure = "SchemaError"

/** Text in JSON of what this schema is for. */
export const fromJson = <A, I>(schema: Codec<A, I>): Codec<A, string> => Schema.fromJsonString(schema)

export const encode = <A, I>(schema: Codec<A, I>, value: A): Effect.Effect<I, unknown> =>
  Schema.encodeEffect(schema)(value)

export const decode = <A, I>(schema: Codec<A, I>, value: unknown): Effect.Effect<A, unknown> =>
  Schema.decodeUnknownEffect(schema)(value)

/** Values that a schema allows, the same for the same seed. */
export const samplesOf = <A>(
  schema: Codec<A, any>,
  options: { readonly count: number; readonly seed: number }
): ReadonlyArray<A> => Effect.runSync(Arbitrary.sampleEffect(Arbitrary.schema(schema), options))

/** Writes a value of a schema as text. */
export const prettyOf = <A>(schema: Codec<A, any>): (value: A) => string => Schema.toFormatter(schema)

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

/** Whether an error of a configuration says that it has no such value: in Effect 4 that is one that is no text. */
export const isMissingValue = (error: unknown): boolean =>
  error instanceof Config.ConfigError && error.message.startsWith("SchemaError(Expected string\n")

/** The layer of what an effect makes within the layer's scope. */
export const layerScoped: <I, S, E, R>(
  tag: Context.Key<I, S>,
  effect: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.effect

/** The JSON of a value. */
export const toJson: (value: unknown) => unknown = Inspectable.toJson

// --- Effect's own pool ----------------------------------------------------------------------------------------------

/** The faults of the pool of this version of Effect, in the words of the simulation. */
export const effectPoolDefects: ReadonlyArray<string> = [
  "use was interrupted, though nobody had asked for that",
  "n connections were open at once, with a maximum of n",
  "it is stuck after n steps and n ms"
]

// --- Effect's own client of PostgreSQL ------------------------------------------------------------------------------

/** Its answers to the cases of SQL's suite that it answers otherwise. In Effect 4 it has a driver of its own. */
export const sqlPgDiffers: Readonly<Record<string, "OtherResult" | "Failure">> = {
  "numbers, texts, booleans and dates": "OtherResult",
  "arrays": "Failure",
  "several statements in one text": "Failure",
  "a stream that fails in the middle": "OtherResult"
}

/** Whether the commit that fails is a defect, and no `SqlError`. */
export const failedCommitDies: boolean = false
