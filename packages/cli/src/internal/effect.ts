/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * this package, but for `cli.ts`, imports only names that mean the same.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

// --- Effects --------------------------------------------------------------------------------------------------------

export const async: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
) => Effect.Effect<A, E> = Effect.async

/** Goes on with another effect after a failure. */
export const recover: <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  then: (error: E) => Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E2, R | R2> = Effect.catchAll

/** Fails when a time is over. */
export const failAfter: <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly duration: Duration.DurationInput; readonly onTimeout: () => E2 }
) => Effect.Effect<A, E | E2, R> = Effect.timeoutFail

/** Runs an effect only once, however often it is asked for. */
export const once = (effect: Effect.Effect<void>): Effect.Effect<void> => {
  let hasRun = false
  return Effect.suspend(() => {
    if (hasRun) return Effect.void
    hasRun = true
    return effect
  })
}

/** The stream of what callbacks emit. `register` returns how to take the callback back. */
export const streamOfCallbacks = <A>(register: (emit: (value: A) => void) => () => void): Stream.Stream<A> =>
  Stream.async<A>((emit) => {
    const cancel = register((value) => void emit.single(value))
    return Effect.sync(cancel)
  })

// --- Values ---------------------------------------------------------------------------------------------------------

export const tag = <Self, Shape>() => <const Id extends string>(id: Id): Context.TagClass<Self, Id, Shape> =>
  class extends Context.Tag(id)<Self, Shape>() {}

export const durationOf: (input: Duration.DurationInput) => Duration.Duration = Duration.decode

/** The duration that a text means. */
export const durationFrom: (text: string) => Option.Option<Duration.Duration> = Duration.decodeUnknown

/** Decodes the text of a document in JSON. */
export const decodeJson = <A, I>(
  schema: Schema.Schema<A, I>
): (text: string) => Effect.Effect<A, { readonly _tag: string }> => Schema.decodeUnknown(Schema.parseJson(schema))

// --- Ends -----------------------------------------------------------------------------------------------------------

/** The first typed failure. */
export const firstError: <E>(cause: Cause.Cause<E>) => Option.Option<E> = Cause.failureOption

export const isOnlyInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterruptedOnly

/** Runs an effect with the cause before the effect fails. */
export const tapCause: <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  f: (cause: Cause.Cause<E>) => Effect.Effect<void>
) => Effect.Effect<A, E, R> = Effect.tapErrorCause

/** Logs nothing. */
export const noLogs: Layer.Layer<never> = Logger.remove(Logger.defaultLogger)
