/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * this package, but for what is about HTTP, imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export { async } from "./async.js"

// --- Schemas --------------------------------------------------------------------------------------------------------

/** A key that may be missing, but not `undefined`. */
export const optionalKey = <S extends Schema.Constraint>(schema: S): Schema.optionalKey<S> => Schema.optionalKey(schema)

export const record = Schema.Record

export const union = <const S extends ReadonlyArray<Schema.Constraint>>(...schemas: S): Schema.Union<S> =>
  Schema.Union(schemas)

type Structs = ReadonlyArray<Schema.Struct<Schema.Struct.Fields>>

type WithFields<Members extends Structs, F extends Schema.Struct.Fields> = {
  readonly [K in keyof Members]: Schema.Struct<Members[K]["fields"] & F>
}

/** The same union, with further fields in each of its members. */
export const withFields = <Members extends Structs, F extends Schema.Struct.Fields>(
  { members }: Schema.Union<Members>,
  fields: F
): Schema.Union<WithFields<Members, F>> =>
  Schema.Union(members.map((member) => Schema.Struct({ ...member.fields, ...fields }))) as any

// --- Streams --------------------------------------------------------------------------------------------------------

/** The stream that an effect makes; what it acquires is released when the stream ends. */
export const scopedStream: <A, E, R>(
  effect: Effect.Effect<Stream.Stream<A>, E, R>
) => Stream.Stream<A, E, Exclude<R, Scope.Scope>> = Stream.unwrap

/** Repeats an effect until it returns `undefined`. */
export const streamOf = <A>(take: Effect.Effect<A | undefined>): Stream.Stream<A> =>
  Stream.fromPull(Effect.succeed(Effect.flatMap(
    take,
    (value): Pull.Pull<readonly [A]> => value === undefined ? Cause.done() : Effect.succeed([value])
  )))

/** A door for fibers, which stays open or closed. */
export interface Gate {
  readonly open: () => void
  readonly close: () => void
  /** Waits while the gate is closed. */
  readonly pass: Effect.Effect<void>
}

/** Makes a gate that is closed. Those who wait go on in a later turn, not inside the one that opens it. */
export const makeGate = (): Gate => {
  const latch = Latch.makeUnsafe(false)
  return {
    open: () => void latch.openUnsafe(),
    close: () => void latch.closeUnsafe(),
    pass: Effect.andThen(latch.await, Effect.yieldNow)
  }
}
