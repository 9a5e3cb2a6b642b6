/**
 * A bounded pool of connections, or of anything else that is opened and closed.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Connection } from "./Connection.js"
import type { ConnectError } from "./ConnectionError.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import { isConnectionPool } from "./ConnectionPool.js"
import { accessorsOf } from "./internal/accessors.js"
import { Seat } from "./internal/budget/budget.js"
import { ConnectionPoolImpl } from "./internal/connectionPool.js"
import {
  acquireForgettable,
  currentClock,
  metricTags,
  type Surroundings,
  surroundings,
  withoutSpan
} from "./internal/effect/fiber.js"
import { tag as tagOf } from "./internal/effect/tag.js"
import { Engine } from "./internal/engine.js"
import * as Operations from "./internal/operations.js"
import { resolve, type Resolved, serviceId } from "./internal/options.js"
import { promisesOf } from "./internal/promises.js"
import * as Registry from "./internal/registry.js"
import type { TagClass } from "./Interop.js"
import type { PoolAdvice } from "./PoolAdvice.js"
import type { BorrowError, ConnectionNotFoundError, ConnectTimeoutError, PoolClosedError } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import * as PoolLayer from "./PoolLayer.js"
import type { PoolLease } from "./PoolLease.js"
import type { PoolOptions } from "./PoolOptions.js"
import type { PoolStats } from "./PoolStats.js"
import type { PromisePool } from "./PromisePool.js"

export type {
  /**
   * @since 3.0.0
   * @category models
   */
  ConnectionPool
} from "./ConnectionPool.js"
export type {
  /**
   * @since 3.0.0
   * @category models
   */
  PoolOptions
} from "./PoolOptions.js"

const make = <C, E = never, R = never>(
  options: PoolOptions<C, E, R>
): Effect.Effect<ConnectionPool<C, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function*() {
    const around = withoutSpan(yield* surroundings<Exclude<R, Scope.Scope> | Scope.Scope>())
    const clock = yield* currentClock
    return yield* acquireForgettable<ConnectionPool<C, E>>((forget) => {
      const resolved = resolve(options, Registry.freeName)
      // The pool's fibers have the services of `around`, and each open a scope of its own.
      const engine = new Engine(
        resolved as Resolved<C, E, Scope.Scope>,
        around as Surroundings<never>,
        clock,
        Registry.leave
      )
      const { budget, budgetWeight = 1 } = engine.options
      if (budget !== undefined) {
        engine.seat = new Seat(budget, engine, budgetWeight)
        budget.onJoin?.(engine)
      }
      const close = Operations.close(engine)
      const pool = new ConnectionPoolImpl(engine, Effect.andThen(close, forget))
      Registry.enter(pool.name, pool, engine.state, () => engine.now(), metricTags(around))
      Operations.start(engine)
      return { value: pool, close }
    })
  })

/**
 * The accessors of a pool as a service. Each does what the pool's own member of that name does.
 *
 * @since 3.0.0
 * @category models
 */
export interface Accessors<Self, C, E> {
  /** `get`: leases a connection until the scope closes. */
  readonly connection: Effect.Effect<C, E | BorrowError, Self | Scope.Scope>
  readonly use: <A, E2, R>(
    f: (connection: C) => Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | BorrowError, R | Self>
  /** `exclusive`: leases a connection that nobody else has until the scope closes. */
  readonly exclusive: Effect.Effect<C, E | BorrowError, Self | Scope.Scope>
  readonly useExclusive: <A, E2, R>(
    f: (connection: C) => Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | BorrowError, R | Self>
  readonly acquire: Effect.Effect<C, E | BorrowError, Self>
  readonly acquireWith: (
    options: { readonly timeout: Duration.DurationInput }
  ) => Effect.Effect<C, E | BorrowError, Self>
  readonly release: (connection: C) => Effect.Effect<void, ConnectionNotFoundError, Self>
  readonly drop: (connection: C) => Effect.Effect<void, ConnectionNotFoundError, Self>
  readonly dropById: (connectionId: number) => Effect.Effect<void, ConnectionNotFoundError, Self>
  readonly reconnect: (connection: C) => Effect.Effect<C, E | BorrowError | ConnectionNotFoundError, Self>
  readonly invalidate: (connection: C) => Effect.Effect<void, never, Self>
  readonly dropExpired: Effect.Effect<number, never, Self>
  readonly clear: Effect.Effect<void, never, Self>
  readonly resize: (size: { readonly min?: number; readonly max?: number }) => Effect.Effect<void, never, Self>
  readonly awaitReady: Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError, Self>
  readonly close: Effect.Effect<void, never, Self>
  readonly size: Effect.Effect<number, never, Self>
  readonly stats: Effect.Effect<PoolStats, never, Self>
  readonly events: Stream.Stream<PoolEvent, never, Self>
  readonly notices: Stream.Stream<PoolEvent, never, Self>
  readonly leases: Effect.Effect<ReadonlyArray<PoolLease>, never, Self>
  readonly advise: Effect.Effect<PoolAdvice, never, Self>

  /**
   * Makes the pool as a layer; it closes with the layer. A wrong option is a defect. Building it never fails, unless
   * `failFast` is set.
   */
  readonly layer: <R, F extends boolean = false>(
    options: PoolOptions<C, E, R> & PoolLayer.Options<F>
  ) => Layer.Layer<Self, PoolLayer.FailFast<F, E | ConnectTimeoutError>, Exclude<R, Scope.Scope>>
}

/**
 * A tag whose service is a pool, with accessors.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, C, E>
  extends TagClass<Self, Id, ConnectionPool<C, E>>, Accessors<Self, C, E>
{}

/**
 * Makes a tag for a pool of any connection type, so that one program can have several pools.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 *
 * interface Page {
 *   readonly render: (url: string) => Effect.Effect<string>
 * }
 *
 * class Pages extends Pool.Service<Pages, Page>()("app/Pages") {}
 *
 * const PagesLive = Pages.layer({
 *   open: Effect.succeed<Page>({ render: (url) => Effect.succeed(`<h1>${url}</h1>`) }),
 *   maxConnections: 4
 * })
 *
 * const program = Pages.use((page) => page.render("https://effect.website"))
 *
 * Effect.runPromise(program.pipe(Effect.provide(PagesLive)))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
const Service = <Self, C, E = never>() => <const Id extends string>(id: Id): ServiceClass<Self, Id, C, E> => {
  const tag = tagOf<Self, ConnectionPool<C, E>>()(serviceId(id))
  const accessors: Accessors<Self, C, E> = {
    ...accessorsOf(tag) as Omit<Accessors<Self, C, E>, "layer">,
    layer: <R, F extends boolean>(options: PoolOptions<C, E, R> & PoolLayer.Options<F>) =>
      PoolLayer.layerOf(
        tag as PoolLayer.TagFor<Self, ConnectionPool<C, E>, ConnectionPool<C, E>>,
        make<C, E, R>,
        options
      ) as Layer.Layer<Self, PoolLayer.FailFast<F, E | ConnectTimeoutError>, Exclude<R, Scope.Scope>>
  }
  return Object.assign(tag, accessors) as unknown as ServiceClass<Self, Id, C, E>
}

/**
 * The service of a program with one pool of sockets. `TcpPoolLive` of `@socketpool/node` provides it. Use
 * `Pool.Service` for further pools.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 *
 * // Effect<Uint8Array, ConnectError | ConnectionError | PoolExhaustedError | …, Pool>
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* Pool.connection
 *   yield* connection.send("hello")
 *   return yield* connection.recv()
 * }))
 * ```
 *
 * @since 3.0.0
 * @category tags
 */
export class Pool extends Service<Pool, Connection, ConnectError>()("@socketpool/core/Pool") {
  /**
   * Makes a pool that closes with the scope. It opens nothing until it is asked to, unless `minConnections` or
   * `initialConnections` say so; it opens those in the background and logs their failures.
   *
   * A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
   *
   * @example
   * ```ts
   * import { Pool } from "@socketpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* Pool.make({ open: Effect.succeed("a page"), maxConnections: 4, name: "pages" })
   *   return yield* pool.use((page) => Effect.succeed(page.length))
   * })
   *
   * Effect.runPromise(Effect.scoped(program))
   * ```
   */
  static readonly make = make

  /**
   * All pools of this process that have not closed, the oldest first. Meant for monitoring.
   *
   * @example
   * ```ts
   * import { Pool } from "@socketpool/core"
   * import { Effect } from "effect"
   *
   * const allStats = Effect.flatMap(Pool.running, (pools) => Effect.forEach(pools, (pool) => pool.stats))
   * ```
   */
  static readonly running: Effect.Effect<ReadonlyArray<ConnectionPool<any, unknown>>> = Effect.sync(Registry.pools)

  /**
   * Returns whether a value is a pool that `Pool.make` has made.
   *
   * @example
   * ```ts
   * import { Pool } from "@socketpool/core"
   *
   * const nameOf = (value: unknown) => Pool.isConnectionPool(value) ? value.name : "not a pool"
   * ```
   */
  static readonly isConnectionPool = isConnectionPool

  /**
   * Opens a pool to code that is not Effect: the same pool, with functions that return promises. It may be called for
   * one pool several times.
   *
   * @example
   * ```ts
   * import { Pool } from "@socketpool/core"
   * import { Effect, Scope } from "effect"
   *
   * const main = async () => {
   *   const scope = await Effect.runPromise(Scope.make())
   *   const made = Pool.make({ open: Effect.succeed("a page"), maxConnections: 4 })
   *   const pages = Pool.promises(await Effect.runPromise(Scope.extend(made, scope)))
   *   const length = await pages.use(async (page) => page.length, { timeout: "1 second" })
   *   await pages.close()
   *   return length
   * }
   * ```
   */
  static readonly promises: <C, E>(pool: ConnectionPool<C, E>) => PromisePool<C> = promisesOf

  /**
   * Makes a tag for a pool of any connection type, so that one program can have several pools.
   *
   * @example
   * ```ts
   * import { Pool } from "@socketpool/core"
   * import { Effect } from "effect"
   *
   * class Reads extends Pool.Service<Reads, string>()("app/Reads") {}
   * class Writes extends Pool.Service<Writes, string>()("app/Writes") {}
   *
   * const copy = Reads.use((from) => Writes.use((to) => Effect.log(`copies ${from} to ${to}`)))
   *
   * const program = copy.pipe(
   *   Effect.provide(Reads.layer({ open: Effect.succeed("a replica") })),
   *   Effect.provide(Writes.layer({ open: Effect.succeed("the primary"), maxConnections: 2 }))
   * )
   *
   * Effect.runPromise(program)
   * ```
   */
  // `Context.Tag` declares a member of this name that exists in types only; both meanings hold.
  static override readonly Service = Service as typeof Service & ConnectionPool<Connection, ConnectError>
}

/**
 * @since 3.0.0
 */
export declare namespace Pool {
  /**
   * @since 3.0.0
   * @category models
   */
  export type Options<C, E = never, R = never> = PoolOptions<C, E, R>
}
