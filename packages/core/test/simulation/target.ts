/** The pool that the simulated borrowers use: our pool, effect's, or one with a defect planted in it. */
import { type ConnectionPool, Pool, type PoolStats } from "@socketpool/core"
import { type DurationInput, provideScope, toJson } from "@socketpool/test-seam"
import type { ScriptedConnector } from "@socketpool/testing"
import { Duration, Effect, Exit, Pool as EffectPool, Scope } from "effect"
import type { Options } from "./options.js"

export type Connection = ScriptedConnector.ScriptedConnection
type OpenError = ScriptedConnector.ScriptedOpenError
export type Open = Effect.Effect<Connection, OpenError, Scope.Scope>

/** The verbs of every pool, and those of ours. An action whose verb a target lacks is not drawn for it. */
export interface Target {
  readonly use: <A, E>(f: (connection: Connection) => Effect.Effect<A, E>) => Effect.Effect<A, unknown>
  readonly get: Effect.Effect<Connection, unknown, Scope.Scope>
  readonly invalidate: (connection: Connection) => Effect.Effect<void>
  readonly close: Effect.Effect<void>
  readonly own?: {
    readonly useExclusive: Target["use"]
    readonly acquire: Effect.Effect<Connection, unknown>
    readonly acquireWith: (options: { readonly timeout: DurationInput }) => Effect.Effect<Connection, unknown>
    readonly release: (connection: Connection) => Effect.Effect<void, unknown>
    readonly drop: (connection: Connection) => Effect.Effect<void, unknown>
    readonly dropExpired: Effect.Effect<number>
    readonly reconnect: (connection: Connection) => Effect.Effect<Connection, unknown>
    readonly clear: Effect.Effect<void>
    readonly resize: (size: { readonly min?: number; readonly max?: number }) => Effect.Effect<void>
    readonly awaitReady: Effect.Effect<void, unknown>
    readonly stats: () => PoolStats
  }
}

type MakeTarget = (open: Open, options: Options) => Effect.Effect<Target>

const inScope = <C>(make: Effect.Effect<C, never, Scope.Scope>) =>
  Effect.flatMap(
    Scope.make(),
    (scope) => Effect.map(provideScope(make, scope), (pool) => ({ pool, scope, close: Scope.close(scope, Exit.void) }))
  )

/** The pool's numbers, without a fiber to ask for them. */
const numbers = (pool: ConnectionPool<Connection, OpenError>): PoolStats =>
  (toJson(pool) as { readonly stats: PoolStats }).stats

export const socketpool: MakeTarget = (open, options) =>
  Effect.map(inScope(Pool.make({ open, ...options.pool })), ({ pool }) => ({
    use: (f) => pool.use(f),
    get: pool.get,
    invalidate: (connection) => pool.invalidate(connection),
    close: pool.close,
    own: {
      useExclusive: (f) => pool.useExclusive(f),
      acquire: pool.acquire,
      acquireWith: (options) => pool.acquireWith(options),
      release: (connection) => pool.release(connection),
      drop: (connection) => pool.drop(connection),
      dropExpired: pool.dropExpired,
      reconnect: (connection) => pool.reconnect(connection),
      clear: pool.clear,
      resize: (size) => pool.resize(size),
      awaitReady: pool.awaitReady,
      stats: () => numbers(pool)
    }
  }))

/** Effect's own pool, with a timeout around each borrow. */
export const effectPool: MakeTarget = (open, { acquireTimeout, pool: { connectionTTL, maxConnections: max } }) =>
  Effect.map(
    inScope(
      connectionTTL === Infinity ?
        EffectPool.make({ acquire: open, size: max }) :
        EffectPool.makeWithTTL({ acquire: open, min: 0, max, timeToLive: connectionTTL })
    ),
    ({ close, pool, scope }) => {
      const get = acquireTimeout === Infinity
        ? EffectPool.get(pool)
        : Effect.timeout(EffectPool.get(pool), Duration.millis(acquireTimeout))
      return {
        use: (f) => Effect.scoped(Effect.flatMap(get, f)),
        get,
        invalidate: (connection) => provideScope(EffectPool.invalidate(pool, connection), scope),
        close
      }
    }
  )

type Own = NonNullable<Target["own"]>

const planted = (plant: (own: Own) => Partial<Own>): MakeTarget => (open, options) =>
  Effect.map(socketpool(open, options), (target) => ({ ...target, own: { ...target.own!, ...plant(target.own!) } }))

/** Ours, but every second release is lost. */
export const losesReleases = planted((own) => {
  let releases = 0
  return { release: (connection) => Effect.suspend(() => ++releases % 2 === 0 ? Effect.void : own.release(connection)) }
})

/** Ours, but an exclusive lease is one like any other. */
export const sharesExclusives: MakeTarget = (open, options) =>
  Effect.map(socketpool(open, options), (target) => ({ ...target, own: { ...target.own!, useExclusive: target.use } }))

/** Ours, but every second acquire gives what the one before it gave. */
export const lendsTwice = planted((own) => {
  let acquires = 0
  let last: Connection | undefined
  return {
    acquire: Effect.suspend(() =>
      ++acquires % 2 === 0 && last !== undefined ?
        Effect.succeed(last) :
        Effect.tap(own.acquire, (connection) => Effect.sync(() => last = connection))
    )
  }
})
