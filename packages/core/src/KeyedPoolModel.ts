/**
 * The types of a keyed pool, without the code that makes one.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Budget } from "./BudgetModel.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import type { BorrowError, ConnectionNotFoundError, PoolClosedError, PoolExhaustedError } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { PoolLease } from "./PoolLease.js"
import type { PoolOptions } from "./PoolOptions.js"
import type { PoolStats } from "./PoolStats.js"

/**
 * The options that can differ from key to key.
 *
 * @since 3.0.0
 * @category models
 */
export type KeyOptions<C, E, R> = Partial<
  Omit<PoolOptions<C, E, R>, "open" | "name" | "maxConnections" | "budget" | "budgetWeight">
>

/**
 * The options of a keyed pool, besides those that each key's pool takes.
 *
 * @since 3.0.0
 * @category models
 */
export interface KeyedOptions<K, C, E, R> {
  /** Opens a connection for a key, as `PoolOptions.open` does. */
  readonly open: (key: K) => Effect.Effect<C, E, R | Scope.Scope>

  /** Names the keyed pool, and the pools of its keys, in errors, logs, metrics and traces. Default: `pool-1`, … */
  readonly name?: string

  /** Limits the connections of all keys together. At least 1. Default: 200. */
  readonly maxConnections?: number

  /** Limits the connections of one key. At least 1. Default: `maxConnections`. */
  readonly maxConnectionsPerKey?: number

  /**
   * Limits the keys that have a pool. The first borrow for one more forgets the key that has not been used for longest,
   * of those without leases and waiters, and closes its idle connections. If there is none, the borrow fails with
   * `PoolExhaustedError` reason `TooManyKeys`. At least 1. Default: 1,000.
   */
  readonly maxKeys?: number

  /**
   * Forgets a key once it has had no connection, no waiter and no borrow for so long, or up to a quarter longer. More
   * than 0. Default: 60 seconds.
   */
  readonly keyIdleTimeout?: Duration.DurationInput

  /** The options of one key's pool, in place of those for all. Runs once for each key. Default: none. */
  readonly options?: (key: K) => KeyOptions<C, E, R>

  /**
   * Returns the value that keys are compared by, in place of the keys themselves: for keys that are objects and not of
   * `Data`. Default: the key.
   */
  readonly identify?: (key: K) => unknown

  /** The part of a key while several want more connections than there may be. More than 0. Default: 1 for all. */
  readonly weight?: (key: K) => number

  /**
   * Names a key in errors, events and metrics: its pool is called `name[label]`. Without a label, nothing of a key is
   * shown. Labels must not be secret. Default: none.
   */
  readonly label?: (key: K) => string | undefined

  /** Limits the labels, because each has metrics of its own. Further ones become `other`. Default: 20. */
  readonly maxLabels?: number

  /** A budget that the keyed pool shares with other pools. `maxConnections` stays its own limit. Default: none. */
  readonly budget?: Budget
}

/**
 * The options of a keyed pool. A wrong value is a defect that names the option, the value and the rule.
 *
 * @since 3.0.0
 * @category models
 */
export type Options<K, C, E, R> =
  & KeyedOptions<K, C, E, R>
  & Omit<PoolOptions<C, E, R>, "open" | "name" | "maxConnections" | "budget" | "budgetWeight">

/**
 * The options that `make` of `PoolsOptions` passes on to the pool of a key: its name, and its part of the common limit.
 *
 * @since 3.0.0
 * @category models
 */
export interface KeyShare {
  readonly name: string
  readonly maxConnections: number
  readonly budget: Budget
  readonly budgetWeight: number
}

/**
 * The options of a keyed pool whose pools the caller makes.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolsOptions<K, C, E, R> extends Omit<KeyedOptions<K, C, E, R>, "open" | "options"> {
  /** Makes the pool of a key, with the options of its share. It must not wait. Runs once for each key. */
  readonly make: (key: K, share: KeyShare) => Effect.Effect<ConnectionPool<C, E>, never, R | Scope.Scope>
}

/**
 * The statistics of all keys together, those included that have been forgotten. `minConnections` is the sum over the
 * keys.
 *
 * @since 3.0.0
 * @category models
 */
export interface KeyedStats extends PoolStats {
  /** The keys that have a pool now. */
  readonly keys: number
  /** The most keys that may have a pool. */
  readonly maxKeys: number
  /** The connections that keys could use and may not open, because `maxConnections` or the budget is reached. */
  readonly wanted: number
  /** The keys that have been forgotten so far. */
  readonly forgotten: number
  /** The borrows that failed because there were as many keys as there may be. */
  readonly tooManyKeys: number
}

/**
 * The figures of one key.
 *
 * @since 3.0.0
 * @category models
 */
export interface KeyUsage {
  /** The number of the key, which counts the keys as they come. A key that comes again has a new one. */
  readonly number: number
  /** The label of the key, by the option `label`. Nothing else of a key is shown. */
  readonly label?: string
  /** The connections that the key has or may open. */
  readonly held: number
  readonly inUse: number
  readonly idle: number
  readonly pending: number
  /** The wait of the oldest waiter so far, in milliseconds; 0 if nobody waits. */
  readonly oldestWaitMillis: number
  /** The connections that the key could use beyond those, and may not open. */
  readonly wanted: number
}

/**
 * A pool for each key: each tenant, each host, each database. The first borrow for a key makes its pool. The keys share
 * one limit: a free place goes to the key that has the fewest connections for its weight, and a busy key gives places
 * back to others, as the pools of a `Budget` do.
 *
 * Keys are compared with `Equal`: strings and numbers by value, objects of `Data` by their fields, and other objects by
 * identity.
 *
 * @since 3.0.0
 * @category models
 */
export interface KeyedPool<K, C, E = never> {
  readonly name: string
  /** Leases a connection of a key until the scope closes, as `ConnectionPool.get` does. */
  readonly get: (key: K) => Effect.Effect<C, E | BorrowError, Scope.Scope>
  /** Leases a connection of a key while an effect runs, as `ConnectionPool.use` does. */
  readonly use: <A, E2, R>(
    key: K,
    f: (connection: C) => Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | BorrowError, R>
  /** Leases a connection of a key until `release` or `drop`. */
  readonly acquire: (key: K) => Effect.Effect<C, E | BorrowError>
  /** Gives back a connection, of whatever key. */
  readonly release: (connection: C) => Effect.Effect<void, ConnectionNotFoundError>
  /** Removes a connection, of whatever key, and closes it now. */
  readonly drop: (connection: C) => Effect.Effect<void, ConnectionNotFoundError>
  /** Closes a connection, of whatever key, when nobody holds it. */
  readonly invalidate: (connection: C) => Effect.Effect<void>
  /**
   * The pool of a key, for its statistics, or to clear or resize it. Makes it if there is none. It does not keep the key
   * from being forgotten: ask again each time.
   */
  readonly lookup: (key: K) => Effect.Effect<ConnectionPool<C, E>, PoolExhaustedError | PoolClosedError>
  /** The keys that have a pool now, the one used last at the end. */
  readonly keys: Effect.Effect<ReadonlyArray<K>>
  /**
   * Forgets a key, as after a tenant left, and completes when its connections have closed. Borrowers that wait are
   * served first, and leases have `drainTimeout`. A later borrow makes a new pool at once.
   */
  readonly forget: (key: K) => Effect.Effect<void>
  /** Replaces all connections of all keys, each when nobody holds it. */
  readonly clear: Effect.Effect<void>
  /**
   * Closes the pools of all keys at the same time. Waiters fail with `PoolClosedError`, and leases have `drainTimeout`.
   * The keyed pool closes with its scope, too.
   */
  readonly close: Effect.Effect<void>
  /** The open connections of all keys. */
  readonly size: Effect.Effect<number>
  readonly stats: Effect.Effect<KeyedStats>
  /**
   * The figures of the `most` busiest keys, those with the most waiters first, then those with the most connections in
   * use. For monitoring: it takes one step for each key. A `most` that is not whole or less than 0 is a defect.
   */
  readonly busiest: (most: number) => Effect.Effect<ReadonlyArray<KeyUsage>>
  /** The events of all keys, as `ConnectionPool.events`. */
  readonly events: Stream.Stream<PoolEvent>
  /** The leases of all keys, longest first. */
  readonly leases: Effect.Effect<ReadonlyArray<PoolLease>>
}
