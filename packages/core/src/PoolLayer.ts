/**
 * Pools as layers.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { flag, optional } from "./checks/rules.js"
import { argument } from "./checks/table.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import { layerOf as provided } from "./internal/effect/tag.js"
import * as ErrorForms from "./internal/errorForms.js"
import type { ConnectTimeoutError } from "./PoolError.js"

/**
 * A tag that a pool of type `P` can serve: its connections are of the same type or a wider one, such as `Connection`.
 *
 * @since 0.2.0
 * @category models
 */
export type TagFor<I, S, P> =
  & Context.Tag<I, S>
  & ([P] extends [S] ? unknown : "the tag asks for connections, or for errors, that this pool does not have")

/**
 * The options of a pool's layer, besides the pool's own.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options<F extends boolean> {
  /**
   * Builds the layer only when the pool is ready, and fails it with the connector's error as soon as an open fails. The
   * pool then opens at least one connection at the start, or `minConnections` or `initialConnections` if they are
   * higher. Use it so that a program with a wrong address or password ends at its start. Default: `false`, so that a
   * program starts also while its server is down.
   */
  readonly failFast?: F
}

/**
 * The error of a layer that is built with `failFast`.
 *
 * @since 0.2.0
 * @category models
 */
export type FailFast<F extends boolean, E> = F extends true ? E : never

/** The options of a pool that `failFast` looks at. */
interface Start {
  readonly minConnections?: number
  readonly initialConnections?: number
}

/** Whether it is set. `make` refuses what is no object, or one that cannot be read. */
const hasFailFast = (options: unknown): boolean => {
  try {
    return typeof options === "object" && options !== null && Object.hasOwn(options, "failFast")
  } catch {
    return false
  }
}

/** Returns the options of the pool itself. Keeps their prototype and their getters, so that `make` can refuse them. */
const ownOptions = <O extends Start>(options: O & Options<boolean>, failFast: boolean): O => {
  if (!hasFailFast(options)) return options
  const { failFast: _, ...descriptors } = Object.getOwnPropertyDescriptors(options)
  const rest: O = Object.create(Object.getPrototypeOf(options), descriptors as PropertyDescriptorMap)
  const wantsNone = (count: number | undefined) => count === undefined || count === 0
  return failFast && wantsNone(rest.minConnections) && wantsNone(rest.initialConnections) ?
    Object.create(Object.getPrototypeOf(rest), {
      ...Object.getOwnPropertyDescriptors(rest),
      initialConnections: { value: 1, enumerable: true }
    }) :
    rest
}

const isFast = (options: Options<boolean>): boolean => {
  const failFast = hasFailFast(options) ? options.failFast : undefined
  return argument("layer", "failFast", optional(flag), failFast) === true
}

/** Nobody has a pool that its layer is still being built from; only an operator can close it. */
const ready = <C, E>(pool: ConnectionPool<C, E>): Effect.Effect<void, E | ConnectTimeoutError> =>
  Effect.matchEffect(pool.awaitReady, {
    onFailure: (error) =>
      ErrorForms.isError(error, "PoolClosedError") ?
        Effect.die(error) :
        Effect.fail(error as E | ConnectTimeoutError),
    onSuccess: () => Effect.void
  })

/**
 * Provides a pool as the service of a tag. The pool closes with the layer. `make` is a constructor such as
 * `TcpPool.make`, and `options` are its options. Use it to give a pool of your own a layer; pools of sockets have
 * `layerOf` already.
 *
 * @example
 * ```ts
 * import { Pool, PoolLayer } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * class Pages extends Pool.Service<Pages, string>()("app/Pages") {}
 *
 * const makePages = (options: Omit<Pool.Options<string>, "open">) =>
 *   Pool.make({ ...options, open: Effect.succeed("a page") })
 *
 * const PagesLive = PoolLayer.layerOf(Pages, makePages, { maxConnections: 4, failFast: true })
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layerOf = <I, S, O extends Start, C, E, R, F extends boolean = false>(
  tag: TagFor<I, S, ConnectionPool<C, E>>,
  make: (options: O) => Effect.Effect<ConnectionPool<C, E>, never, R>,
  options: O & Options<F>
): Layer.Layer<I, FailFast<F, E | ConnectTimeoutError>, Exclude<R, Scope.Scope>> => {
  const pool = Effect.suspend(() => {
    const failFast = isFast(options)
    const made = make(ownOptions<O>(options, failFast))
    return failFast ? Effect.tap(made, ready) : made
  })
  return provided(tag as Context.Tag<I, unknown>, pool) as Layer.Layer<
    I,
    FailFast<F, E | ConnectTimeoutError>,
    Exclude<R, Scope.Scope>
  >
}
