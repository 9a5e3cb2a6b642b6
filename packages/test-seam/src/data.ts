/** Streams, schemas, tags, configuration and generated data. */
import {
  Arbitrary,
  Config,
  ConfigError,
  ConfigProvider,
  Context,
  Effect,
  FastCheck,
  Inspectable,
  Layer,
  Pretty,
  type Redacted,
  Schema,
  type Scope,
  Stream
} from "effect"

export { FastCheck }

export const collect = <A, E, R>(stream: Stream.Stream<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.map(Stream.runCollect(stream), (values) => Array.from(values))

/** Runs a function for all values that are there at once. */
export const forEachBatch = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  f: (values: ReadonlyArray<A>) => Effect.Effect<unknown>
): Effect.Effect<void, E, R> => Stream.runForEachChunk(stream, (values) => f(Array.from(values)))

export type Codec<A, I> = Schema.Schema<A, I>

export const union: typeof Schema.Union = Schema.Union

/** The tag of the error of a schema that does not fit. */
export const decodingFailure = "ParseError"

/** Text in JSON of what this schema is for. */
export const fromJson = <A, I>(schema: Codec<A, I>): Codec<A, string> => Schema.parseJson(schema)

export const encode = <A, I>(schema: Codec<A, I>, value: A): Effect.Effect<I, unknown> => Schema.encode(schema)(value)

export const decode = <A, I>(schema: Codec<A, I>, value: unknown): Effect.Effect<A, unknown> =>
  Schema.decodeUnknown(schema)(value)

/** Values that a schema allows, the same for the same seed. */
export const samplesOf = <A>(
  schema: Codec<A, any>,
  options: { readonly count: number; readonly seed: number }
): ReadonlyArray<A> => FastCheck.sample(Arbitrary.make(schema), { numRuns: options.count, seed: options.seed })

/** Writes a value of a schema as text. */
export const prettyOf = <A>(schema: Codec<A, any>): (value: A) => string => Pretty.make(schema)

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

/** Whether an error of a configuration says that it has no such value. */
export const isMissingValue = (error: unknown): boolean =>
  ConfigError.isConfigError(error) && error._op === "MissingData"

/** The layer of what an effect makes within the layer's scope. */
export const layerScoped: <I, S, E, R>(
  tag: Context.Tag<I, S>,
  effect: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.scoped

/** The JSON of a value. */
export const toJson: (value: unknown) => unknown = Inspectable.toJSON

/** The faults of the pool of this version of Effect, in the words of the simulation. */
export const effectPoolDefects: ReadonlyArray<string> = [
  "a borrow took n ms longer than its timeout of n ms",
  "use was interrupted and ended only n ms later",
  "use was interrupted, though nobody had asked for that",
  "n connections were open at once, with a maximum of n",
  "it is stuck after n steps and n ms"
]

/** Its answers to the cases of SQL's suite that it answers otherwise. In Effect 4 it has a driver of its own. */
export const sqlPgDiffers: Readonly<Record<string, "OtherResult" | "Failure">> = {}

/** Whether the commit that fails is a defect, and no `SqlError`. */
export const failedCommitDies: boolean = true
