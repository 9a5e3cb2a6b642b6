/**
 * The leases of a pool, as an operator sees them.
 *
 * @since 0.1.0
 */
import type * as Schemas from "./PoolSchemas.js"

/**
 * The holder of a lease: the fiber, its span when it asked (if it had one), and the milliseconds held so far.
 *
 * The span is its name, and what its request was for: the attribute `http.route`, `url.path` or `rpc.method` of the span
 * or of its nearest parent that has one, as in `http.server GET /orders/:id`.
 *
 * @since 0.1.0
 * @category models
 */
export type LeaseHolder = typeof Schemas.LeaseHolder.Type

/**
 * One held lease.
 *
 * @since 0.1.0
 * @category models
 */
export type PoolLease = typeof Schemas.PoolLease.Type
