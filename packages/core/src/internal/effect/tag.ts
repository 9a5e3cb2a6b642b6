/** The seam to Effect: tags, layers, and a pool as an effect. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as GlobalValue from "effect/GlobalValue"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import type * as EffectPool from "effect/Pool"
import type * as Scope from "effect/Scope"

export const tag = <Self, Shape>() => <const Id extends string>(id: Id): Context.TagClass<Self, Id, Shape> =>
  class extends Context.Tag(id)<Self, Shape>() {}

export const layerOf: <I, S, E, R>(
  tag: Context.Tag<I, S>,
  make: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.scoped

/** Not imported: Effect's own pool would be loaded with it. */
const PoolTypeId: EffectPool.PoolTypeId = Symbol.for("effect/Pool") as EffectPool.PoolTypeId

const variance = {
  _A: (_: any) => _,
  _E: (_: never) => _
}

export const format: (value: unknown) => string = Inspectable.format

/** A value that is an effect and an `effect/Pool`: to run it is to lend. */
export abstract class PoolBase<C, E> extends Effectable.Class<C, E, Scope.Scope> {
  readonly [PoolTypeId] = variance
  abstract readonly get: Effect.Effect<C, E, Scope.Scope>

  abstract toJSON(): unknown

  commit(): Effect.Effect<C, E, Scope.Scope> {
    return this.get
  }

  override toString(): string {
    return format(this.toJSON())
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/** One value for the process, however often the module is loaded. */
export const globalValue: <A>(key: symbol, make: () => A) => A = GlobalValue.globalValue
