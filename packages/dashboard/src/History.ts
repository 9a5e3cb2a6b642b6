/**
 * The past of all pools, as `GET /api/history` returns it.
 *
 * @since 3.0.0
 */
import { PoolEvent } from "@socketpool/core/PoolSchemas"
import * as Schema from "effect/Schema"
import { withFields } from "./internal/effect.js"
import { columns } from "./internal/row.js"

/**
 * The names of the figures in a row of `PoolHistory`, in order. `at` is in milliseconds since 1970, `wait…`, `use…` and
 * `oldestWait` are in milliseconds, and `waitCount` and `useCount` count them. The percentiles are those of the minute
 * before, and 0 if nothing was measured in it. `failed` is the sum over all reasons. The others are as in
 * `PoolStats`.
 *
 * @since 3.0.0
 * @category models
 */
export const historyColumns: ReadonlyArray<string> = columns

/**
 * The failures of one kind: the last of them, their number, and the time of the first in milliseconds since 1970. Failed
 * opens are of one kind if their errors differ in numbers alone, exhausted requests if they have one reason.
 *
 * @since 3.0.0
 * @category models
 */
export const FailureGroup = withFields(PoolEvent, { count: Schema.Number, firstAt: Schema.Number })

/**
 * @since 3.0.0
 * @category models
 */
export type FailureGroup = typeof FailureGroup.Type

/**
 * The past of one pool.
 *
 * @since 3.0.0
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
  /** The last 20 kinds of `OpenFailed` and `Exhausted` notices, the latest last. */
  failures: Schema.Array(FailureGroup)
})

/**
 * @since 3.0.0
 * @category models
 */
export type PoolHistory = typeof PoolHistory.Type

/**
 * The past of all running pools, and of pools that closed within the history.
 *
 * @since 3.0.0
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
 * @since 3.0.0
 * @category models
 */
export type History = typeof History.Type
