/**
 * The types of Effect that its major versions name or shape differently. Import them from here in code that has to
 * compile against both editions of this package.
 *
 * @since 3.0.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Channel from "effect/Channel"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * A class that is a tag: `Context.ServiceClass` of Effect 4, without its static `use`, as tags of this package have an
 * accessor of that name.
 *
 * @since 3.0.0
 * @category models
 */
export interface TagClass<Self, Id extends string, Shape> extends Omit<Context.ServiceClass<Self, Id, Shape>, "use"> {
  new(_: never): Context.ServiceClass.Shape<Id, Shape>
}

/**
 * The pool as a type of Effect: an effect that lends.
 *
 * @since 3.0.0
 * @category models
 */
export interface AsEffectPool<out C, out E> extends Effect.Effect<C, E, Scope.Scope> {}

/**
 * A connection as a channel: it sends its input and emits the bytes that arrive.
 *
 * @since 3.0.0
 * @category models
 */
export type Duplex<E, IE> = Channel.Channel<
  NonEmptyReadonlyArray<Uint8Array>,
  E | IE,
  void,
  NonEmptyReadonlyArray<Uint8Array | string>,
  IE,
  unknown
>
