/**
 * The past of all pools, as `GET /api/history` returns it.
 *
 * @since 0.1.0
 */
import { PoolEvent } from "@socketpool/core/PoolEvent"
import * as Schema from "effect/Schema"
import { columns } from "./internal/row.js"

/**
 * The names of the figures in a row of `PoolHistory`, in order. `at` is in milliseconds since 1970, `wait…` and `use…`
 * are in milliseconds, and `waitCount` and `useCount` count them. `failed` is the sum over all reasons. The others are
 * as in `PoolStats`.
 *
 * @since 0.1.0
 * @category models
 */
export const historyColumns: ReadonlyArray<string> = columns

/**
 * The past of one pool.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolHistory = Schema.Struct({
  /** The number of the pool, as in `Snapshot`. */
  id: Schema.Number,
  name: Schema.String,
  /** The rows, oldest first, each with the figures that `historyColumns` names. */
  rows: Schema.Array(Schema.Array(Schema.Number)),
  /** The last 200 notices, oldest first. */
  notices: Schema.Array(PoolEvent),
  /** The last 20 `OpenFailed` and `Exhausted` notices, oldest first; other notices do not push them out. */
  failures: Schema.Array(PoolEvent)
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolHistory = typeof PoolHistory.Type

/**
 * The past of all running pools, and of pools that closed within the history.
 *
 * @since 0.1.0
 * @category models
 */
export const History = Schema.Struct({
  /** The start of this dashboard, in milliseconds since 1970. A restarted one numbers its pools from 1 again. */
  startedAt: Schema.Number,
  /** The time between two snapshots, in milliseconds. */
  intervalMillis: Schema.Number,
  /** The time that rows are kept, in milliseconds. */
  historyMillis: Schema.Number,
  /** True if the dashboard has a token, and so allows drop, clear and resize. */
  actions: Schema.Boolean,
  /** The names of the figures in a row: `historyColumns` of the process that serves them. */
  columns: Schema.Array(Schema.String),
  pools: Schema.Array(PoolHistory)
})

/**
 * @since 0.1.0
 * @category models
 */
export type History = typeof History.Type
