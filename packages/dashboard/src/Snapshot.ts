/**
 * What the live page and `socketpool top` are told of all pools, as JSON.
 *
 * @since 0.1.0
 */
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import { PoolEvent } from "@socketpool/core/PoolEvent"
import { PoolLease } from "@socketpool/core/PoolLease"
import { PoolStats } from "@socketpool/core/PoolStats"
import * as Schema from "effect/Schema"

/** The page's own number of a pool; names need not be unique. */
const id = Schema.Number

/**
 * One pool at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolSnapshot = Schema.Struct({
  id,
  name: Schema.String,
  stats: PoolStats,
  /** The longest leases, longest first, at most 200; `stats.leased` says how many there are. */
  leases: Schema.Array(PoolLease),
  advice: PoolAdvice.PoolAdvice
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolSnapshot = typeof PoolSnapshot.Type

/**
 * All pools of the process at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export const Snapshot = Schema.Struct({
  /** When, in milliseconds since 1970. */
  at: Schema.Number,
  pools: Schema.Array(PoolSnapshot)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type

/**
 * Something that has happened in a pool.
 *
 * @since 0.1.0
 * @category models
 */
export const Notice = Schema.Struct({ id, event: PoolEvent })

/**
 * @since 0.1.0
 * @category models
 */
export type Notice = typeof Notice.Type

/**
 * The figures of one pool that are drawn over time. All but the first six count from the beginning, so that differences
 * of two points tell what happened between them.
 *
 * @since 0.1.0
 * @category models
 */
export const Point = Schema.Struct({
  /** When, in milliseconds since 1970. */
  at: Schema.Number,
  idle: Schema.Number,
  inUse: Schema.Number,
  opening: Schema.Number,
  pending: Schema.Number,
  maxConnections: Schema.Number,
  /** Leases given. */
  acquired: Schema.Number,
  /** Milliseconds that borrowers waited for them. */
  waitedMillis: Schema.Number,
  /** Leases that have ended. */
  holds: Schema.Number,
  /** Milliseconds for which those were held. */
  heldMillis: Schema.Number,
  opened: Schema.Number,
  closed: Schema.Number,
  /** Requests that got no connection. */
  failed: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export type Point = typeof Point.Type

/**
 * What happened before somebody looked.
 *
 * @since 0.1.0
 * @category models
 */
export const History = Schema.Struct({
  /** How often the figures are read, in milliseconds. */
  intervalMillis: Schema.Number,
  /** Whether a token opens the actions: drop, clear and resize. */
  hasActions: Schema.Boolean,
  pools: Schema.Array(Schema.Struct({ id, name: Schema.String, points: Schema.Array(Point) })),
  /** The newest 200, the oldest first. */
  notices: Schema.Array(Notice)
})

/**
 * @since 0.1.0
 * @category models
 */
export type History = typeof History.Type

/**
 * The figures of a point in time.
 *
 * @since 0.1.0
 * @category conversions
 */
export const pointOf = (at: number, stats: PoolStats): Point => ({
  at,
  idle: stats.idle,
  inUse: stats.inUse,
  opening: stats.opening,
  pending: stats.pending,
  maxConnections: stats.maxConnections,
  acquired: stats.acquired,
  waitedMillis: stats.waitTime.totalMillis,
  holds: stats.useTime.count,
  heldMillis: stats.useTime.totalMillis,
  opened: stats.opened,
  closed: total(stats.closed),
  failed: total(stats.failed)
})

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
