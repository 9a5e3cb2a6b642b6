/**
 * The state of all pools, as `GET /api/pools` returns it; the live page and `socketpool top` show it.
 *
 * @since 3.0.0
 */
import {
  BorrowFailure,
  EndpointStatus,
  KeyedStats,
  KeyUsage,
  PoolAdvice,
  PoolLease,
  PoolStats,
  TimeSummary
} from "@socketpool/core/PoolSchemas"
import * as Schema from "effect/Schema"
import { optionalKey, record } from "./internal/effect.js"

/**
 * The counts and times of a pool in the last minute, while `PoolStats` covers its whole life. It is a little more
 * than a minute, and less while the pool is younger or the dashboard has not known it for that long.
 *
 * @since 3.0.0
 * @category models
 */
export const Recent = Schema.Struct({
  /** The time that is covered, in milliseconds. */
  millis: Schema.Number,
  /** Leases given. */
  acquired: Schema.Number,
  /** Of those leases, how many had to wait. */
  waited: Schema.Number,
  /** Borrowers that an interrupt ended while they waited. */
  cancelled: Schema.Number,
  opened: Schema.Number,
  openFailed: Schema.Number,
  /** Requests that got no connection, by reason. */
  failed: record(BorrowFailure, Schema.Number),
  /** The maxima are upper bounds, like the percentiles. */
  waitTime: TimeSummary,
  useTime: TimeSummary,
  openTime: TimeSummary,
  /** The time from the sending of a request to its whole response, if the pool is that of a `Client`. */
  roundTripTime: optionalKey(TimeSummary)
})

/**
 * @since 3.0.0
 * @category models
 */
export type Recent = typeof Recent.Type

/**
 * A lease in a snapshot.
 *
 * @since 3.0.0
 * @category models
 */
export const LeaseSnapshot = Schema.Struct({
  ...PoolLease.fields,
  /** The number of leases that its connection has, this one included. */
  connectionLeases: Schema.Number
})

/**
 * @since 3.0.0
 * @category models
 */
export type LeaseSnapshot = typeof LeaseSnapshot.Type

/**
 * One endpoint of a pool of endpoints.
 *
 * @since 3.0.0
 * @category models
 */
export const EndpointSnapshot = Schema.Struct({
  ...EndpointStatus.fields,
  /** Its part of the leases that all endpoints have given in the last minute, from 0 to 1; 0 if there were none. */
  share: Schema.Number
})

/**
 * @since 3.0.0
 * @category models
 */
export type EndpointSnapshot = typeof EndpointSnapshot.Type

/**
 * The endpoints of a pool.
 *
 * @since 3.0.0
 * @category models
 */
export const EndpointsSnapshot = Schema.Struct({
  /** The number of the endpoints, those that drain included. */
  count: Schema.Number,
  /**
   * Up to 100 of them in the order of the newest set, and then those that drain. Of more, those that are not `Up` come
   * first, and then those with the most load.
   */
  listed: Schema.Array(EndpointSnapshot)
})

/**
 * @since 3.0.0
 * @category models
 */
export type EndpointsSnapshot = typeof EndpointsSnapshot.Type

/**
 * One pool at one moment.
 *
 * @since 3.0.0
 * @category models
 */
export const PoolSnapshot = Schema.Struct({
  /** The number that the dashboard gives the pool, because names need not be unique. */
  id: Schema.Number,
  name: Schema.String,
  stats: PoolStats,
  /** The last minute; absent in snapshots of version 0.1. */
  recent: optionalKey(Recent),
  /** The last failed open, unless one has succeeded since. The error is shortened, and shows no password of a URL. */
  openFailure: optionalKey(Schema.Struct({ at: Schema.Number, error: Schema.String })),
  /**
   * The 200 longest leases, longest first, but at most 8 of one connection: a connection can have many.
   * `stats.leased` counts all of them.
   */
  leases: Schema.Array(LeaseSnapshot),
  /** The endpoints; absent if it is no pool of endpoints. */
  endpoints: optionalKey(EndpointsSnapshot),
  advice: PoolAdvice
})

/**
 * @since 3.0.0
 * @category models
 */
export type PoolSnapshot = typeof PoolSnapshot.Type

/**
 * The share of a pool in a budget.
 *
 * @since 3.0.0
 * @category models
 */
export const ShareSnapshot = Schema.Struct({
  /** The name of the pool or the keyed pool. */
  name: Schema.String,
  /** The number of the pool in this snapshot, if it is one of `pools`. */
  poolId: optionalKey(Schema.Number),
  /** The number of the keyed pool in this snapshot, if it is one of `keyedPools`. */
  keyedPoolId: optionalKey(Schema.Number),
  held: Schema.Number,
  wanted: Schema.Number,
  weight: Schema.Number,
  /** The time for which it has wanted a place without a break, in milliseconds; 0 if it wants none. */
  wantedMillis: Schema.Number
})

/**
 * @since 3.0.0
 * @category models
 */
export type ShareSnapshot = typeof ShareSnapshot.Type

/**
 * One of the processes that share a budget.
 *
 * @since 3.0.0
 * @category models
 */
export const HolderSnapshot = Schema.Struct({
  holder: Schema.String,
  held: Schema.Number,
  wanted: Schema.Number,
  /** Whether it has died, and its places are still withheld from others. */
  isDead: Schema.Boolean
})

/**
 * @since 3.0.0
 * @category models
 */
export type HolderSnapshot = typeof HolderSnapshot.Type

/**
 * The processes that share a budget, as of the last answer of the store that it stands on.
 *
 * @since 3.0.0
 * @category models
 */
export const FleetSnapshot = Schema.Struct({
  /** The name of this process among the holders. */
  holder: Schema.String,
  /** The places that this process may take up. */
  granted: Schema.Number,
  /** The places that all processes take up or have been granted. */
  held: Schema.Number,
  /** The places that all processes want beyond those. */
  wanted: Schema.Number,
  /** The number of the processes. */
  members: Schema.Number,
  /** Up to 50 of them in the order of their names: this one, the dead, and those that want or hold the most. */
  holders: Schema.Array(HolderSnapshot),
  /** Whether the store cannot be reached, so that no place is granted. */
  isLost: Schema.Boolean
})

/**
 * @since 3.0.0
 * @category models
 */
export type FleetSnapshot = typeof FleetSnapshot.Type

/**
 * One budget at one moment. `held`, `wanted` and `pools` are those of this process.
 *
 * @since 3.0.0
 * @category models
 */
export const BudgetSnapshot = Schema.Struct({
  /** The number that the dashboard gives the budget, because names need not be unique. */
  id: Schema.Number,
  name: Schema.String,
  /** The number of places; of all processes together, if several share them. */
  limit: Schema.Number,
  held: Schema.Number,
  wanted: Schema.Number,
  /** The processes that share it; absent in a budget of one process. */
  fleet: optionalKey(FleetSnapshot),
  /** The number of its pools. */
  members: Schema.Number,
  /** Up to 200 of its pools: those that have wanted a place for longest, and then those with the most places. */
  pools: Schema.Array(ShareSnapshot),
  /** The last 20 `Starved` events, oldest first: their times in milliseconds since 1970, and the pools' names. */
  starved: Schema.Array(Schema.Struct({ at: Schema.Number, pool: Schema.String }))
})

/**
 * @since 3.0.0
 * @category models
 */
export type BudgetSnapshot = typeof BudgetSnapshot.Type

/**
 * One keyed pool at one moment.
 *
 * @since 3.0.0
 * @category models
 */
export const KeyedPoolSnapshot = Schema.Struct({
  /** The number that the dashboard gives the keyed pool, because names need not be unique. */
  id: Schema.Number,
  name: Schema.String,
  stats: KeyedStats,
  /** The 20 busiest keys: those with the most waiters first, then those with the most connections in use. */
  busiest: Schema.Array(KeyUsage)
})

/**
 * @since 3.0.0
 * @category models
 */
export type KeyedPoolSnapshot = typeof KeyedPoolSnapshot.Type

/**
 * All pools of the process at one moment.
 *
 * @since 3.0.0
 * @category models
 */
export const Snapshot = Schema.Struct({
  /** The time of the snapshot, in milliseconds since 1970. */
  at: Schema.Number,
  pools: Schema.Array(PoolSnapshot),
  /** The budgets; absent in snapshots of version 0.1. */
  budgets: optionalKey(Schema.Array(BudgetSnapshot)),
  /** The keyed pools; absent in snapshots of version 0.1. */
  keyedPools: optionalKey(Schema.Array(KeyedPoolSnapshot))
})

/**
 * @since 3.0.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type
