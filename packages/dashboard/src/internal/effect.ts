/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package, but for what is about HTTP, imports only names that mean the same.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
) => Effect.Effect<A, E> = Effect.async

// --- Schemas --------------------------------------------------------------------------------------------------------

/** A key that may be missing, but not `undefined`. */
export const optionalKey = <A, I, R>(
  schema: Schema.Schema<A, I, R>
): Schema.optionalWith<typeof schema, { exact: true }> => Schema.optionalWith(schema, { exact: true })

export const record = <K extends Schema.Schema.All, V extends Schema.Schema.All>(
  key: K,
  value: V
): Schema.Record$<K, V> => Schema.Record({ key, value })

export const union: typeof Schema.Union = Schema.Union

/** The same union, with further fields in each of its members. */
export const withFields = <U extends Schema.Schema.Any, F extends Schema.Struct.Fields>(
  members: U,
  fields: F
): Schema.extend<U, Schema.Struct<F>> => Schema.extend(members, Schema.Struct(fields))

// --- Streams --------------------------------------------------------------------------------------------------------

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R>(
  effect: Effect.Effect<Stream.Stream<A>, E, R>
) => Stream.Stream<A, E, Exclude<R, Scope.Scope>> = Stream.unwrapScoped

/** Repeats an effect until it returns `undefined`. */
export const streamOf = <A>(take: Effect.Effect<A | undefined>): Stream.Stream<A> =>
  Stream.repeatEffectOption(
    Effect.flatMap(take, (value) => value === undefined ? Effect.fail(Option.none<never>()) : Effect.succeed(value))
  )

/** A door for fibers, which stays open or closed. */
export interface Gate {
  readonly open: () => void
  readonly close: () => void
  /** Waits while the gate is closed. */
  readonly pass: Effect.Effect<void>
}

/** Makes a gate that is closed. */
export const makeGate = (): Gate => {
  const latch = Effect.unsafeMakeLatch(false)
  return { open: () => void latch.unsafeOpen(), close: () => void latch.unsafeClose(), pass: latch.await }
}
