/**
 * Who has what, now.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { LeaseHolder } from "./PoolError.js"

/**
 * One lease that is held.
 *
 * @since 0.1.0
 * @category models
 */
export const PoolLease = Schema.Struct({
  /** The pool's own number of the connection, as in its events; `dropById` takes it. */
  connectionId: Schema.Number,
  /** Who took it, and for how long it has been held. */
  holder: LeaseHolder,
  /** Whether it has been held for longer than `leakThreshold`. */
  suspected: Schema.Boolean
})

/**
 * @since 0.1.0
 * @category models
 */
export type PoolLease = typeof PoolLease.Type
