/** The seam to Effect: tags, layers, and a pool as an effect. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Formatter from "effect/Formatter"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export const tag = <Self, Shape>() => <const Id extends string>(id: Id): Context.ServiceClass<Self, Id, Shape> =>
  class extends Context.Service<Self, Shape>()(id) {}

export const layerOf: <I, S, E, R>(
  tag: Context.Key<I, S>,
  make: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.effect

export const format: (value: unknown) => string = Formatter.format

/** A value that is an effect: to run it is to lend. Effect's own pool is no interface that it could have. */
export abstract class PoolBase<C, E> extends Effectable.Class<C, E, Scope.Scope> {
  abstract readonly get: Effect.Effect<C, E, Scope.Scope>

  abstract override toJSON(): unknown

  asEffect(): Effect.Effect<C, E, Scope.Scope> {
    return this.get
  }

  override toString(): string {
    return format(this.toJSON())
  }

  override [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const values: Map<symbol, unknown> =
  ((globalThis as Record<symbol, any>)[Symbol.for("@socketpool/core/values")] ??= new Map())

/** One value for the process, however often the module is loaded. */
export const globalValue = <A>(key: symbol, make: () => A): A => {
  if (!values.has(key)) values.set(key, make())
  return values.get(key) as A
}
