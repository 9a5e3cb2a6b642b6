/**
 * The leases of a pool, as an operator sees them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { optionalKey } from "./internal/effect/schema.js"

/**
 * The holder of a lease: the fiber, its span when it asked (if it had one), and the milliseconds held so far.
 *
 * The span is its name, and what its request was for: the attribute `http.route`, `url.path` or `rpc.method` of the span
 * or of its nearest parent that has one, as in `http.server GET /orders/:id`.
 *
 * @since 0.1.0
 * @category models
 */
export const LeaseHolder = Schema.Struct({
  fiber: Schema.String,
  span: optionalKey(Schema.String),
  heldMillis: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export type LeaseHolder = typeof LeaseHolder.Type

/**
 * One held lease.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolLease = Schema.Struct({
  /** The pool's number of the connection, as in its events. `dropById` takes it. */
  connectionId: Schema.Number,
  holder: LeaseHolder,
  /** Whether it has been held for longer than `leakThreshold`. */
  suspected: Schema.Boolean
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolLease = typeof PoolLease.Type
