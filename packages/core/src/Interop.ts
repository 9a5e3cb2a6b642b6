/**
 * The types of Effect that its major versions name or shape differently. Import them from here in code that has to
 * compile against both editions of this package.
 *
 * @since 3.0.0
 */
import type * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Context from "effect/Context"
import type * as EffectPool from "effect/Pool"
import type * as Types from "effect/Types"

/**
 * A class that is a tag: `Context.TagClass` of Effect 3.
 *
 * @since 3.0.0
 * @category models
 */
export interface TagClass<Self, Id extends string, Shape> extends Context.TagClass<Self, Id, Shape> {}

/**
 * The pool as a type of Effect: an `effect/Pool`, and an effect that lends. The types are covariant; those of
 * `effect/Pool` are invariant.
 *
 * @since 3.0.0
 * @category models
 */
export interface AsEffectPool<out C, out E> extends EffectPool.Pool<C, E> {
  readonly [EffectPool.PoolTypeId]: {
    readonly _A: (item: any) => C
    readonly _E: Types.Covariant<E>
  }
}

/**
 * A connection as a channel: it sends its input and emits the bytes that arrive.
 *
 * @since 3.0.0
 * @category models
 */
export type Duplex<E, IE> = Channel.Channel<
  Chunk.Chunk<Uint8Array>,
  Chunk.Chunk<Uint8Array | string>,
  E | IE,
  IE,
  void,
  unknown
>
