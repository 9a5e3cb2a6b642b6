/**
 * A bounded pool of connections, or of anything else that is opened and closed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Layer from "effect/Layer"
import type * as EffectPool from "effect/Pool"
import type * as Runtime from "effect/Runtime"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Connection } from "./Connection.js"
import type { ConnectError } from "./ConnectionError.js"
import { ConnectionPoolImpl } from "./internal/connectionPool.js"
import { Engine } from "./internal/engine.js"
import * as Operations from "./internal/operations.js"
import { resolve } from "./internal/options.js"
import * as Registry from "./internal/registry.js"
import type { PoolAdvice } from "./PoolAdvice.js"
import type { BorrowError, ConnectionNotFoundError, ConnectTimeoutError, PoolClosedError } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { PoolLease } from "./PoolLease.js"
import type { PoolStats } from "./PoolStats.js"

/**
 * A pool of connections of type `C` that fail to open with `E`.
 *
 * It is an `effect` `Pool` too: any function that takes one takes this (`Pool.get(pool)`, `Pool.invalidate(pool, c)`,
 * `yield* pool`). On purpose it differs in one thing: borrowing from a closed pool fails with `PoolClosedError`
 * instead of interrupting the caller.
 *
 * Borrowers are served in the order in which they came. A borrower that is interrupted while it waits leaves the queue
 * at once; whatever was being opened for it serves somebody else.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionPool<C, E = never> extends EffectPool.Pool<C, E | BorrowError> {
  readonly name: string

  /**
   * Leases a connection until the caller's scope closes. When the scope closes with a success or a typed failure, the
   * connection goes back to the pool; after an interruption or a defect it is closed, unless `onRelease` decides
   * otherwise.
   *
   * Fails with `PoolExhaustedError` when none became available within `acquireTimeout` or `maxPending` others wait
   * already, with `PoolClosedError` when the pool is closing, and with the connector's own error when opening failed.
   * A fiber that holds every lease there can be, by `get` or `use`, fails at once with `PoolExhaustedError` reason
   * `SelfDeadlock`. (A lease that another fiber is to end belongs into `acquire`.)
   */
  readonly get: Effect.Effect<C, E | BorrowError, Scope.Scope>

  /**
   * Leases a connection for as long as one effect runs: the fastest way, and one without a `Scope`. It ends as `get`
   * does, by the effect's own exit, and fails as `get` does.
   */
  use<A, E2, R>(f: (connection: C) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | BorrowError, R>

  /**
   * Leases a connection until `release` or `drop`. Prefer `use` or `get`. Fails as `get` does.
   *
   * Whoever calls this must not be interrupted before having noted what to give back: make it the acquire of an
   * `Effect.acquireUseRelease`, or call it inside `Effect.uninterruptible`; elsewhere an interrupt that strikes just then
   * loses the connection until the pool closes. In such a region an interrupt does not end the wait either:
   * `acquireTimeout` does.
   */
  readonly acquire: Effect.Effect<C, E | BorrowError>

  /**
   * `acquire` with a timeout of its own in place of `acquireTimeout`. With a timeout of 0 it never waits: when no
   * connection is idle it fails at once with `PoolExhaustedError` reason `NoWait`, and the pool opens a connection in
   * the background, if it may, that a later call can find.
   */
  acquireWith(options: { readonly timeout: Duration.DurationInput }): Effect.Effect<C, E | BorrowError>

  /**
   * Ends a lease that was taken with `acquire`, or early one that this fiber has taken with `get` or `use`, as after a
   * success. Returns at once: it never waits for a close. Fails with `ConnectionNotFoundError` when there is no such
   * lease, or not any more: it was released or dropped before, or the pool has closed and `drainTimeout` has passed.
   *
   * Two who took the same connection by hand one after the other cannot be told apart, unless `lease` gives each a view
   * of its own, as socket pools do.
   */
  release(connection: C): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * Takes one connection out of the pool and closes it, idle or leased, whoever holds it. Its place is free once it has closed. Returns
   * at once. If it was leased with `get` or `use`, their end has nothing left to do. Fails with
   * `ConnectionNotFoundError` when this pool does not have the connection.
   */
  drop(connection: C): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * `drop` by the number that the pool has given the connection, as its events and `leases` tell it: for operators, who
   * see numbers. Fails with `ConnectionNotFoundError` when no open connection has it.
   */
  dropById(connectionId: number): Effect.Effect<void, ConnectionNotFoundError>

  /**
   * Closes a leased connection and opens another in its place, for the same lease: what ended the lease of the old one
   * ends that of the new one. For a connection that its holder has found broken, or that must be a fresh one. It goes
   * before those who wait in the queue, and takes as long as an open, at most `acquireTimeout`.
   *
   * With `concurrency` above 1, a connection that others hold too closes when the last of them has released it.
   *
   * Fails with `ConnectionNotFoundError` when there is no such lease (any more), with the connector's own error when
   * opening failed, and as `get` does. After a failure or an interruption the lease has ended and the old connection is
   * closed; only when the pool was closing already, with `PoolClosedError`, nothing has changed.
   */
  reconnect(connection: C): Effect.Effect<C, E | BorrowError | ConnectionNotFoundError>

  /** `effect/Pool`'s word: closes a connection that is idle now, and a leased one when it comes back. */
  invalidate(connection: C): Effect.Effect<void>

  /**
   * Closes every idle connection that has expired or is stale, now; how many. Does not wait for the closes, nor for
   * replacements, as the reaper does for those that `minConnections` needs.
   */
  readonly dropExpired: Effect.Effect<number>

  /**
   * Begins a new generation, for instance after a failover: idle connections close now, leased ones when they come
   * back, and opens in flight are given up. Borrowers go on waiting and get connections opened from now on. Returns at
   * once; on a closed pool it does nothing.
   */
  readonly clear: Effect.Effect<void>

  /**
   * Changes `minConnections` and `maxConnections` while the pool runs; what is left out stays. More room serves the
   * queue at once. With less room the connections that are too many close: idle ones now, the longest idle first, then
   * opens in flight, leased ones when they come back; no lease is cut. Returns at once; on a closed pool it does
   * nothing. Wrong values are a defect (`RangeError`) that names the option, the value and the rule, and change nothing.
   */
  resize(size: { readonly min?: number; readonly max?: number }): Effect.Effect<void>

  /**
   * Completes when `minConnections` and `initialConnections` are open. Fails with the connector's own error, or with
   * `ConnectTimeoutError`, as soon as an open for them has failed, and at once while the pool waits to try again after
   * such a failure; retry it to sit an outage out. Fails with `PoolClosedError` when the pool is closing.
   */
  readonly awaitReady: Effect.Effect<void, E | ConnectTimeoutError | PoolClosedError>

  /**
   * Closes the pool, as closing its scope does. Borrowers that wait, and all that come, get `PoolClosedError`; idle
   * connections close now, leased ones when they come back, or after `drainTimeout` by force. Completes when all have
   * closed, at most `drainTimeout` + `closeTimeout` later. Calling it again waits for the same end; interrupting the
   * call does not stop the closing.
   */
  readonly close: Effect.Effect<void>

  /** How many connections are open: idle and in use. */
  readonly size: Effect.Effect<number>

  /** What the pool is doing and has done, all counted at one moment. */
  readonly stats: Effect.Effect<PoolStats>

  /**
   * What happens in the pool from the moment of subscription on, until it has closed. A subscriber that is slow loses
   * the oldest events, at most 1,024 are kept for it; it never slows the pool. Without a subscriber events cost nothing.
   */
  readonly events: Stream.Stream<PoolEvent>

  /**
   * `events` without `Borrowed` and `Released`: what an operator wants to hear of. A subscriber costs the borrowers
   * nothing.
   */
  readonly notices: Stream.Stream<PoolEvent>

  /** The leases that are held now, longest first: who has what. */
  readonly leases: Effect.Effect<ReadonlyArray<PoolLease>>

  /**
   * How large the pool should be, by the arrivals, holds and waits since it was made. `PoolAdvice.advise` takes a part of
   * that time.
   */
  readonly advise: Effect.Effect<PoolAdvice>
}

/**
 * How a pool opens, keeps and closes its connections. Wrong values are a defect of `make`, which names the option, the
 * value and the rule.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolOptions<C, E, R> {
  /**
   * Opens one connection; its finalizers close it. It runs in a fiber of the pool's, with the context that `make` was
   * called in, in a `Scope` of the connection's own, and may be interrupted (`connectTimeout`, `close`).
   */
  readonly open: Effect.Effect<C, E, R | Scope.Scope>

  /**
   * The pool's name in errors, logs, metrics and traces; the figures of pools of one name are added up. Default: `pool-1`,
   * `pool-2` …, the first that no other pool has.
   */
  readonly name?: string

  /**
   * What spans say of the pool besides its name, such as `server.address`; pools of sockets say that by themselves.
   * Nothing secret belongs here. Default: nothing.
   */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>

  /**
   * The most connections there may be at once, in whatever state: a connection counts from the decision to open it
   * until its close has finished. Default: 200, as in gsocketpool.
   */
  readonly maxConnections?: number

  /**
   * How many connections are kept open. They are opened in the background, at the start and whenever one has gone;
   * after a failure with the delays of `retry`. At most `maxConnections`. Default: 0.
   */
  readonly minConnections?: number

  /**
   * How many connections are opened at the start; afterwards only `minConnections` is a floor. At most
   * `maxConnections`. Default: 0, as in gsocketpool.
   */
  readonly initialConnections?: number

  /**
   * How many opens may be in flight at once, so that a burst does not become a storm of connects. Default: 4, or
   * `maxConnections` if that is less.
   *
   * While opens fail there are fewer, so that a server that is down, or just coming back, is not stormed: ten may fail at
   * once, or those in flight if they are more, and after that one more begins each 100 milliseconds, whoever asks, until one succeeds. A failed open fails the
   * oldest waiter. A borrower whose timeout passes before an attempt of its own could begin gets the error of the last.
   */
  readonly maxConnecting?: number

  /**
   * How many borrowers may wait; the next one fails at once with `PoolExhaustedError` reason `QueueFull`. With 0
   * nobody waits. `Infinity` is allowed. Default: 10,000.
   */
  readonly maxPending?: number

  /**
   * How long a borrow may take as a whole, waiting and opening included. With 0 nobody waits. Default: 10 seconds.
   */
  readonly acquireTimeout?: Duration.DurationInput

  /**
   * How long one open may take. Then it is interrupted, and the oldest waiter gets `ConnectTimeoutError`. More than 0.
   * Default: 5 seconds, so that a borrower can outlive one failed open.
   */
  readonly connectTimeout?: Duration.DurationInput

  /**
   * How old a connection may become. It never cuts a lease: an expired connection is closed when it is about to be
   * lent, when it comes back, or by the reaper. Default: 600 seconds.
   */
  readonly connectionTTL?: Duration.DurationInput

  /**
   * How much of `connectionTTL` may be cut off, as a fraction from 0 to 1. For each connection a part of it is drawn
   * once, when it opens, so that connections born together do not expire together. Default: 0.1.
   */
  readonly ttlJitter?: number

  /**
   * How long a connection may be idle, as long as more than `minConnections` are open: then it closes, at that moment,
   * the longest idle first. Give it less than the server's own limit. More than 0. Default: none.
   */
  readonly idleTimeout?: Duration.DurationInput

  /** After so many leases a connection closes when it comes back. At least 1. Default: none. */
  readonly maxUses?: number

  /**
   * Whether the pool closes expired and stale connections by itself. Without it they are closed only when they are
   * about to be lent, or come back. Default: true.
   */
  readonly reapExpired?: boolean

  /**
   * When the reaper closes expired idle connections. One that `minConnections` needs is replaced before it closes; when
   * there is no room beside it, it closes first, one at a time, and it makes room at once for a borrower who waits. The schedule starts with the first connection; while
   * there is none the reaper is parked, without a timer, and starts the schedule anew afterwards. A schedule that ends
   * stops it for good. Default: every 180 seconds, as in gsocketpool.
   */
  readonly reapSchedule?: Schedule.Schedule<unknown>

  /**
   * A free test whether a connection is still there, run whenever an idle one is about to be lent and when one comes
   * back. It must not block. If it dies, the connection is closed. Default: none.
   */
  readonly isConnected?: (connection: C) => boolean

  /** The protocol's own idea of expiry, besides `connectionTTL`; run where `isConnected` is, and by the reaper. */
  readonly isExpired?: (connection: C) => boolean

  /**
   * Completes when the peer goes away: an idle connection is then closed at once, a leased one when it comes back. It
   * runs in a fiber of the pool's for as long as the connection lives. An answer of `"Desync"` says that something came
   * that nobody had asked for, and closes are counted so; anything else counts as `Disconnected`. Default: none.
   */
  readonly closed?: (connection: C) => Effect.Effect<unknown, unknown>

  /**
   * Asks a connection that has been idle for longer than `validateAfterIdle` whether it still works, before it is lent.
   * It runs in a fiber of the pool's while the borrower waits, within the borrower's own deadline; whatever becomes
   * available first serves it, at once if there is another connection that need not be asked. A connection that answers `false`, fails, dies or does not answer within
   * `validateTimeout` closes, and with it every idle one that was open when it was asked: they are suspect, and asking
   * each would cost an outage one timeout per connection. Leased ones that were open then are asked when they come back.
   * Default: none.
   */
  readonly validate?: (connection: C) => Effect.Effect<boolean, unknown>

  /**
   * How long a connection must have been idle to be asked by `validate`; with 0 it is asked before every lease, unless
   * it goes straight from one borrower to the next. An answer that comes too late for its borrower is good for a second
   * at least, so that those who do not wait find a connection when they try again. Default: 1 second.
   */
  readonly validateAfterIdle?: Duration.DurationInput

  /** How long `validate` may take. More than 0. Default: 2 seconds. */
  readonly validateTimeout?: Duration.DurationInput

  /**
   * What a borrower is given: a view of the connection for this one lease, so that it can be revoked by `onRelease`.
   * Runs at every borrow and must not block. `release` and `drop` then take the view. Default: the connection itself.
   */
  readonly lease?: (connection: C) => C

  /**
   * Decides after each lease whether the connection can be lent again, and makes it ready for that. Runs in a fiber of
   * the pool's, so a release never waits for it; an answer at hand (`Effect.succeed("keep")`) costs no fiber. It has
   * `closeTimeout` to answer. If it dies or hangs, the connection is closed. Not asked about connections that close
   * anyway. Default: `"keep"` after a success or a typed failure, `"discard"` after an interruption or a defect.
   */
  readonly onRelease?: (connection: C, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<"keep" | "discard">

  /**
   * How many leases one connection may have at once, for protocols that answer several requests on one connection; as
   * in `effect/Pool`. With `"lifo"` a connection in use that has room is lent before an idle one, with `"fifo"` after.
   * A lease after which the connection must not be lent again closes it when the last lease has ended. At least 1.
   * Default: 1.
   */
  readonly concurrency?: number

  /**
   * Which idle connection is lent first: with `"lifo"` the one used last, so that those not needed grow old and
   * expire; with `"fifo"` the one idle for longest, so that all are used alike. Default: `"lifo"`.
   */
  readonly order?: "lifo" | "fifo"

  /**
   * The delays between attempts to fill up to `minConnections` after a failure; sees the connector's error. It starts
   * anew once a connection has served, or after a minute without a failure. When it ends, the pool stops filling
   * until an open succeeds. Default: exponential from 100 milliseconds to 20 seconds, jittered by 20 %.
   */
  readonly retry?: Schedule.Schedule<unknown, E>

  /**
   * How long a connection's finalizers may take. Then its place is given to another, and a warning is logged; the
   * finalizers go on. Default: 5 seconds.
   */
  readonly closeTimeout?: Duration.DurationInput

  /**
   * How long `close` waits for leases to come back before it closes their connections by force. Default: 10 seconds.
   */
  readonly drainTimeout?: Duration.DurationInput

  /**
   * A lease held for longer than this is suspected to be a leak: a warning and an event `LeakSuspected` name the fiber
   * and the span that took it, and when; `LeakReturned` tells when it has come back. Nothing is taken from its holder.
   * More than 0. Default: none.
   */
  readonly leakThreshold?: Duration.DurationInput
}

const make = <C, E = never, R = never>(
  options: PoolOptions<C, E, R>
): Effect.Effect<ConnectionPool<C, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<Exclude<R, Scope.Scope> | Scope.Scope>()
    const clock = yield* Effect.clock
    return yield* Effect.acquireRelease(
      Effect.sync(() => {
        const resolved = resolve(options)
        const open = Effect.mapInputContext(
          resolved.open,
          (scope: Context.Context<Scope.Scope>) =>
            Context.merge(runtime.context, scope) as Context.Context<R | Scope.Scope>
        )
        const engine = new Engine<C, E>({ ...resolved, open }, runtime as Runtime.Runtime<never>, clock)
        const pool = new ConnectionPoolImpl(engine)
        Registry.enter(pool, engine.state, metricTags(runtime.fiberRefs))
        Operations.start(engine)
        return pool
      }),
      (pool) => pool.close
    )
  })

const metricTags = (fiberRefs: FiberRefs.FiberRefs): ReadonlyArray<readonly [key: string, value: string]> =>
  FiberRefs.getOrDefault(fiberRefs, FiberRef.currentMetricLabels).map(({ key, value }) => [key, value] as const)

/**
 * The surface of a pool as a service: each accessor does what the pool's own member of that name does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Accessors<Self, C, E> {
  /** `get`: a connection that is leased until the scope closes. */
  readonly connection: Effect.Effect<C, E | BorrowError, Self | Scope.Scope>
  readonly use: <A, E2, R>(
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

  /** The pool as a layer; it closes with the layer. Wrong options are a defect. */
  readonly layer: <R>(options: PoolOptions<C, E, R>) => Layer.Layer<Self, never, Exclude<R, Scope.Scope>>
}

/**
 * A tag whose service is a pool, with accessors.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, C, E>
  extends Context.TagClass<Self, Id, ConnectionPool<C, E>>, Accessors<Self, C, E>
{}

/**
 * Makes a tag for a pool of any connection type, so that a program can have several.
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
 * class Pages extends Pool.Service<Pages>()("app/Pages")<Page>() {}
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
 * @since 0.1.0
 * @category constructors
 */
const Service = <Self>() => <const Id extends string>(id: Id) => <C, E = never>(): ServiceClass<Self, Id, C, E> => {
  const tag = class extends Context.Tag(id)<Self, ConnectionPool<C, E>>() {}
  const accessors: Accessors<Self, C, E> = {
    connection: Effect.flatMap(tag, (pool) => pool.get),
    use: (f) => Effect.flatMap(tag, (pool) => pool.use(f)),
    acquire: Effect.flatMap(tag, (pool) => pool.acquire),
    acquireWith: (options) => Effect.flatMap(tag, (pool) => pool.acquireWith(options)),
    release: (connection) => Effect.flatMap(tag, (pool) => pool.release(connection)),
    drop: (connection) => Effect.flatMap(tag, (pool) => pool.drop(connection)),
    dropById: (connectionId) => Effect.flatMap(tag, (pool) => pool.dropById(connectionId)),
    reconnect: (connection) => Effect.flatMap(tag, (pool) => pool.reconnect(connection)),
    invalidate: (connection) => Effect.flatMap(tag, (pool) => pool.invalidate(connection)),
    dropExpired: Effect.flatMap(tag, (pool) => pool.dropExpired),
    clear: Effect.flatMap(tag, (pool) => pool.clear),
    resize: (size) => Effect.flatMap(tag, (pool) => pool.resize(size)),
    awaitReady: Effect.flatMap(tag, (pool) => pool.awaitReady),
    close: Effect.flatMap(tag, (pool) => pool.close),
    size: Effect.flatMap(tag, (pool) => pool.size),
    stats: Effect.flatMap(tag, (pool) => pool.stats),
    events: Stream.unwrap(Effect.map(tag, (pool) => pool.events)),
    notices: Stream.unwrap(Effect.map(tag, (pool) => pool.notices)),
    leases: Effect.flatMap(tag, (pool) => pool.leases),
    advise: Effect.flatMap(tag, (pool) => pool.advise),
    layer: (options) => Layer.scoped(tag, make(options))
  }
  return Object.assign(tag, accessors) as unknown as ServiceClass<Self, Id, C, E>
}

/**
 * The service that a program uses when it has one pool of sockets; `TcpPoolLive` of `@socketpool/node` provides it.
 * `Pool.Service` makes tags for other pools.
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
 * @since 0.1.0
 * @category tags
 */
export class Pool extends Service<Pool>()("@socketpool/core/Pool")<Connection, ConnectError>() {
  /**
   * Makes a pool that closes with the scope. Opens nothing before it is asked to, unless `minConnections` or
   * `initialConnections` say so; those are opened in the background, and their failures are logged, not raised.
   *
   * Wrong options are a defect (`RangeError`) that names the option, the value and the rule.
   */
  static readonly make = make

  /**
   * All pools of this process that have not closed, the oldest first: for those who watch over them.
   */
  static readonly running: Effect.Effect<ReadonlyArray<ConnectionPool<any, unknown>>> = Effect.sync(Registry.pools)

  // `Context.Tag` declares a member of this name that exists in types only; both meanings hold.
  static override readonly Service = Service as typeof Service & ConnectionPool<Connection, ConnectError>
}

/**
 * @since 0.1.0
 */
export declare namespace Pool {
  /**
   * @since 0.1.0
   * @category models
   */
  export type Options<C, E = never, R = never> = PoolOptions<C, E, R>
}
