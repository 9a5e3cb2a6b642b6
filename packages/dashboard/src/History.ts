/**
 * What the dashboard has noted before a page was opened, as JSON.
 *
 * @since 0.1.0
 */
import { PoolEvent } from "@socketpool/core/PoolEvent"
import * as Schema from "effect/Schema"
import { type Column, columns } from "./internal/row.js"

/**
 * What each row of `PoolHistory` holds, in this order. `at` is in milliseconds since 1970, times are in milliseconds; all
 * else is as in `PoolStats`. `failed` is the sum over all reasons.
 *
 * @since 0.1.0
 * @category models
 */
export const historyColumns: ReadonlyArray<Column> = columns

/**
 * One pool's past.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolHistory = Schema.Struct({
  /** The number that the pool has in `Snapshot`. */
  id: Schema.Number,
  name: Schema.String,
  /** Figures, oldest first, each as `historyColumns` says. */
  rows: Schema.Array(Schema.Array(Schema.Number)),
  /** The last notices, oldest first, at most 200. */
  notices: Schema.Array(PoolEvent),
  /** The last `OpenFailed` and `Exhausted`, oldest first, at most 20: other notices do not push them out. */
  failures: Schema.Array(PoolEvent)
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolHistory = typeof PoolHistory.Type

/**
 * The past of all pools that run, and of those that closed not long ago.
 *
 * @since 0.1.0
 * @category models
 */
export const History = Schema.Struct({
  /** When this dashboard was started, in milliseconds since 1970; another one numbers its pools anew. */
  startedAt: Schema.Number,
  /** How far apart snapshots are, in milliseconds. */
  intervalMillis: Schema.Number,
  /** How long figures are kept, in milliseconds. */
  historyMillis: Schema.Number,
  /** Whether the dashboard lets those who have the token drop, clear and resize. */
  actions: Schema.Boolean,
  columns: Schema.Array(Schema.String),
  pools: Schema.Array(PoolHistory)
})

/**
 * @since 0.1.0
 * @category models
 */
export type History = typeof History.Type
