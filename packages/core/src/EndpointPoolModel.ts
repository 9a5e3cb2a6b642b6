/**
 * The types of a pool of endpoints, without the code that makes one.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Budget } from "./BudgetModel.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import type { CompleteEndpoint } from "./Endpoint.js"
import type { Endpoints } from "./Endpoints.js"
import type { NoEndpointError } from "./PoolError.js"
import type { PoolOptions } from "./PoolOptions.js"

/**
 * The options of a pool of endpoints that are about the endpoints. `C` is the type of the connections, and `R` are the
 * services that `probe` needs.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointOptions<in C, out R = never> {
  /**
   * The discovery: each element is the whole set of endpoints. If it fails, it is read again, after 100 ms, 200 ms and so
   * on up to 20 s, and the last set stays. If it ends, the last set stays for good.
   */
  readonly endpoints: Endpoints<unknown>

  /** Limits the connections of all endpoints together. At least 1. Default: 200. */
  readonly maxConnections?: number

  /** Limits the connections of one endpoint. At least 1. Default: `maxConnections`. */
  readonly maxConnectionsPerEndpoint?: number

  /**
   * Ejects an endpoint after this many failures in a row: opens that fail, and leases that end with a failure that
   * `isFailure` counts. An ejected endpoint is the last choice, not a forbidden one. At least 1. Default: 3.
   */
  readonly ejectAfter?: number

  /**
   * The time until one connection of the pool's own finds out whether an ejected endpoint works again, times the number
   * of its ejections in a row, at most 5 minutes or the time itself if that is longer, ±20 %. More than 0. Default: 10
   * seconds.
   */
  readonly ejectionTime?: Duration.DurationInput

  /**
   * Limits the part of the endpoints that are ejected at the same time, rounded down, because more are down together only
   * if something else is wrong. From 0, for no ejections, to 1. A single endpoint is never ejected. Default: 0.5.
   */
  readonly maxEjected?: number

  /**
   * The time in which an endpoint that is new, or has recovered, comes to its full part of the load. Its load counts more
   * at first. 0 turns that off. Default: 10 seconds.
   */
  readonly slowStart?: Duration.DurationInput

  /**
   * The interval at which one connection moves to an endpoint that has fewer than its part: an idle connection closes at
   * another endpoint, or one that is returned. `Infinity` turns that off. More than 0. Default: 1 second.
   */
  readonly rebalance?: Duration.DurationInput

  /**
   * Whether the end of a lease is a failure of the endpoint. A success ends a row of failures. Runs at the end of each
   * lease, in the borrower's fiber, so it must be quick. Default: a failure with `ConnectionError`, except for the
   * reasons that are the caller's own: `Closed` and `Released`.
   */
  readonly isFailure?: (exit: Exit.Exit<unknown, unknown>) => boolean

  /**
   * Asks a server for its tier, for servers that change their roles: 0 for the primary and 1 for a replica, for example.
   * The answer replaces the `tier` of the discovery. It is a whole number from 0 on; another answer is a defect.
   *
   * - Every new connection is asked before it is lent. If the probe fails, the open fails with `NoEndpointError` reason
   *   `ProbeFailed`.
   * - Every endpoint is asked at the start and at each `probeInterval`, so the pool keeps at least one connection to
   *   each. While an endpoint fails, or a borrower waits for a tier that no endpoint has, all are asked every second:
   *   also those that are ejected, if no endpoint of the lowest tier works. The pool leases a connection for that.
   * - An endpoint that changes its tier loses the connections that were opened before: idle ones close at once, and
   *   leased ones on return. The event `EndpointMoved` tells it.
   * - Each question has 5 seconds, or `probeInterval` if that is shorter. A probe that fails counts as a failure of the
   *   endpoint and closes the connection, and the last answer stays.
   *
   * Default: none.
   */
  readonly probe?: (
    connection: C,
    endpoint: CompleteEndpoint
  ) => Effect.Effect<{ readonly tier: number }, unknown, R>

  /** The interval between two probes of an endpoint, ±10 %. Needs `probe`. More than 0. Default: 10 seconds. */
  readonly probeInterval?: Duration.DurationInput
}

/**
 * The options of a pool of endpoints. A wrong value is a defect that names the option, the value and the rule.
 *
 * `minConnections` and `initialConnections` are for each endpoint, as far as `maxConnections` has room. `maxPending` and
 * `acquireTimeout` are for the whole pool.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<C, E, R, RProbe = never>
  extends EndpointOptions<C, RProbe>, Omit<PoolOptions<C, E, R>, "open" | "maxConnections">
{
  /** Opens a connection to an endpoint, as `PoolOptions.open` does. Connect to the endpoint's `host` and `port`. */
  readonly open: (endpoint: CompleteEndpoint) => Effect.Effect<C, E, R | Scope.Scope>
}

/**
 * The options that `make` of `PoolsOptions` passes on to the pool of an endpoint.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointShare {
  readonly name: string
  readonly maxConnections: number
  readonly minConnections: number
  readonly initialConnections: number
  readonly maxPending: number
  readonly budget: Budget
  readonly budgetWeight: number
}

/**
 * The options of a pool of endpoints whose pools the caller makes, such as pools of sockets.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolsOptions<C, E, R, RProbe = never> extends
  EndpointOptions<C, RProbe>,
  Pick<
    PoolOptions<C, E, R>,
    | "name"
    | "attributes"
    | "minConnections"
    | "initialConnections"
    | "maxPending"
    | "acquireTimeout"
    | "drainTimeout"
    | "concurrency"
    | "budget"
    | "budgetWeight"
  >
{
  /**
   * Makes the pool of an endpoint, with the options of its share. It must not wait. Runs once for each endpoint, and again
   * for one that returns to the set or moves to another address.
   */
  readonly make: (
    endpoint: CompleteEndpoint,
    share: EndpointShare
  ) => Effect.Effect<ConnectionPool<C, E>, never, R | Scope.Scope>
}

/**
 * The state and the figures of one endpoint.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointStatus {
  readonly id: string
  readonly host: string
  readonly port: number
  /** The last answer of `probe`; without one, the tier of the newest set. */
  readonly tier: number
  readonly weight: number
  /**
   * - `Up`: takes its part of the load.
   * - `SlowStart`: new or recovered, and takes less at first.
   * - `Ejected`: has failed too often, and is the last choice.
   * - `Draining`: has left the set. It lends no more, and its connections close when they come back.
   */
  readonly state: "Up" | "SlowStart" | "Ejected" | "Draining"
  readonly inUse: number
  readonly idle: number
  readonly opening: number
  /** The borrowers that wait for a connection of this endpoint. */
  readonly waiting: number
  /** The leases given so far. */
  readonly acquired: number
  /** Leases, waiting borrowers and opens, divided by the weight, which counts less during the slow start. */
  readonly load: number
  /** The failures since the last success. */
  readonly failures: number
  /** The times that it has been ejected. */
  readonly ejections: number
  /** The end of the ejection in milliseconds since 1970, if it is ejected. */
  readonly ejectedUntil?: number
  /** The name and the message of the last error, until something succeeds. */
  readonly lastError?: string
}

/**
 * One pool for several servers that do the same. Each borrower goes to the endpoint with the least load for its weight,
 * of the lowest tier that has one not ejected. An endpoint that fails loses its borrowers to others: they fail only when
 * every endpoint has failed.
 *
 * It is a `ConnectionPool`, with these differences:
 *
 * - A borrow fails with `NoEndpointError` if the discovery has given no endpoint yet, or if `probe` failed.
 * - A connect error is the last one, after every endpoint of every tier has failed since the borrower came.
 * - `resize` sets `max` for all endpoints together, and `min` for each.
 * - `awaitReady` completes when one endpoint is ready, and fails when all have failed.
 * - `reconnect` opens the next connection to the same endpoint.
 * - Events have an `endpoint`.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointPool<out C, out E = never> extends ConnectionPool<C, E | NoEndpointError> {
  /** The endpoints of the newest set, in its order, and then those that drain. */
  readonly endpoints: Effect.Effect<ReadonlyArray<EndpointStatus>>

  /**
   * The part of the pool that is one endpoint, for work that must reach that server. Fails with `NoEndpointError` if there
   * is no endpoint of that `id`; so does a later borrow, once the endpoint has left the set. The part closes with the
   * pool: its `close` does what `clear` does. Its `events` are those of the whole pool.
   */
  at(id: string): Effect.Effect<ConnectionPool<C, E | NoEndpointError>, NoEndpointError>

  /**
   * The part of the pool that is one tier, as it is at the moment of each borrow. It never goes to another tier. A borrow
   * fails with `NoEndpointError` if the tier has no endpoint: at once, or after `acquireTimeout` if the pool has a `probe`,
   * because an endpoint may come to the tier meanwhile. A tier that is no whole number from 0 on is a defect.
   */
  tier(tier: number): ConnectionPool<C, E | NoEndpointError>
}
