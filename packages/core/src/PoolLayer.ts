/**
 * Pools as layers.
 *
 * @since 3.0.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { flag, optional } from "./checks/rules.js"
import { argument, Table } from "./checks/table.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import { layerOf as provided } from "./internal/effect/tag.js"
import * as ErrorForms from "./internal/errorForms.js"
import type { ConnectTimeoutError } from "./PoolError.js"

/**
 * A tag that a pool of type `P` can serve: its connections are of the same type or a wider one, such as `Connection`.
 *
 * @since 3.0.0
 * @category models
 */
export type TagFor<I, S, P> =
  & Context.Tag<I, S>
  & ([P] extends [S] ? unknown : "the tag asks for connections, or for errors, that this pool does not have")

/**
 * The options of a pool's layer, besides the pool's own.
 *
 * @since 3.0.0
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
 * @since 3.0.0
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

/** Makes a service, and with `failFast` waits until its pool is ready. */
const started = <O extends Start, S, E, R>(
  make: (options: O) => Effect.Effect<S, never, R>,
  options: O & Options<boolean>,
  poolOf: (service: S) => ConnectionPool<any, E>
): Effect.Effect<S, E | ConnectTimeoutError, R> =>
  Effect.suspend(() => {
    const failFast = isFast(options)
    const made = make(ownOptions<O>(options, failFast))
    return failFast ? Effect.tap(made, (service) => ready(poolOf(service))) : made
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
 * @since 3.0.0
 * @category layers
 */
export const layerOf = <I, S, O extends Start, C, E, R, F extends boolean = false>(
  tag: TagFor<I, S, ConnectionPool<C, E>>,
  make: (options: O) => Effect.Effect<ConnectionPool<C, E>, never, R>,
  options: O & Options<F>
): Layer.Layer<I, FailFast<F, E | ConnectTimeoutError>, Exclude<R, Scope.Scope>> =>
  provided(tag as Context.Tag<I, unknown>, started(make, options, (pool) => pool)) as Layer.Layer<
    I,
    FailFast<F, E | ConnectTimeoutError>,
    Exclude<R, Scope.Scope>
  >

/** The error of the opens of a client's pool. */
type OpenError<S> = S extends { readonly pool: ConnectionPool<any, infer E> } ? E | ConnectTimeoutError : never

/**
 * Provides a client that has a `pool` as the service of a tag, as `layerOf` provides a pool. Use it to give a client of
 * your own a layer with `failFast`. `make` must take `initialConnections`, which `failFast` sets.
 *
 * @example
 * ```ts
 * import { Client, type Connection, type ConnectError, Framing, PoolLayer, Protocol } from "@socketpool/core"
 * import { Context, type Effect, type Scope } from "effect"
 *
 * declare const open: Effect.Effect<Connection, ConnectError, Scope.Scope>
 *
 * class Cache extends Context.Tag("app/Cache")<Cache, Client.Client<string, string, never, ConnectError>>() {}
 *
 * const protocol = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })
 *
 * const makeCache = (options: { readonly maxConnections?: number; readonly initialConnections?: number }) =>
 *   Client.make({ ...options, protocol, open })
 *
 * const CacheLive = PoolLayer.clientLayerOf(Cache, makeCache, { maxConnections: 4, failFast: true })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const clientLayerOf = <
  I,
  S extends { readonly pool: ConnectionPool<any, any> },
  O extends Start,
  R,
  F extends boolean = false
>(
  tag: Context.Tag<I, S>,
  make: (options: O) => Effect.Effect<S, never, R>,
  options: O & Options<F>
): Layer.Layer<I, FailFast<F, OpenError<S>>, Exclude<R, Scope.Scope>> =>
  provided(tag, started(make, options, (client) => client.pool)) as Layer.Layer<
    I,
    FailFast<F, OpenError<S>>,
    Exclude<R, Scope.Scope>
  >

const ownTable = new Table({ failFast: optional(flag) })

/** Adds `failFast`, and keeps what `make` is to refuse. */
const withFailFast = <O>(options: O, failFast: boolean | undefined): O =>
  failFast === undefined || typeof options !== "object" || options === null ?
    options :
    Object.create(Object.getPrototypeOf(options), {
      ...Object.getOwnPropertyDescriptors(options),
      failFast: { value: failFast, enumerable: true }
    })

/**
 * Does what `clientLayerOf` does with options that come from a `Config`, or from another effect. `options` has
 * `failFast`. Building the layer fails as the effect does.
 *
 * @example
 * ```ts
 * import { Client, type Connection, type ConnectError, Framing, PoolLayer, Protocol } from "@socketpool/core"
 * import { Config, Context, type Effect, type Scope } from "effect"
 *
 * declare const open: Effect.Effect<Connection, ConnectError, Scope.Scope>
 *
 * class Cache extends Context.Tag("app/Cache")<Cache, Client.Client<string, string, never, ConnectError>>() {}
 *
 * const protocol = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })
 *
 * const makeCache = (options: { readonly maxConnections: number; readonly initialConnections?: number }) =>
 *   Client.make({ ...options, protocol, open })
 *
 * const config = Config.all({ maxConnections: Config.integer("CACHE_MAX") })
 *
 * const CacheLive = PoolLayer.clientLayerConfigOf(Cache, makeCache, config, { failFast: true })
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const clientLayerConfigOf = <
  I,
  S extends { readonly pool: ConnectionPool<any, any> },
  O extends Start,
  E,
  R,
  F extends boolean = false
>(
  tag: Context.Tag<I, S>,
  make: (options: O) => Effect.Effect<S, never, R>,
  config: Effect.Effect<O, E>,
  options: Options<F> = {}
): Layer.Layer<I, E | FailFast<F, OpenError<S>>, Exclude<R, Scope.Scope>> => {
  const client = Effect.suspend(() => {
    const { failFast } = ownTable.read("layerConfig", options)
    return Effect.flatMap(config, (found) => started(make, withFailFast(found, failFast), (client) => client.pool))
  })
  return provided(tag, client) as Layer.Layer<I, E | FailFast<F, OpenError<S>>, Exclude<R, Scope.Scope>>
}
