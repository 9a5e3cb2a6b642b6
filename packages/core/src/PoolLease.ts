/**
 * The leases of a pool, as an operator sees them.
 *
 * @since 3.0.0
 */

/**
 * The holder of a lease: the fiber, its span when it asked (if it had one), and the milliseconds held so far.
 *
 * A promise borrower is called `promise #7` where a fiber is called `#7`, and its `span` is the label it was given.
 *
 * The span is its name, and what its request was for: the attribute `http.route`, `url.path` or `rpc.method` of the span
 * or of its nearest parent that has one, as in `http.server GET /orders/:id`.
 *
 * @since 3.0.0
 * @category models
 */
export interface LeaseHolder {
  readonly fiber: string
  readonly span?: string
  readonly heldMillis: number
}

/**
 * One held lease.
 *
 * @since 3.0.0
 * @category models
 */
export interface PoolLease {
  /** The pool's number of the connection, as in its events. `dropById` takes it. */
  readonly connectionId: number
  readonly holder: LeaseHolder
  /** Whether it has been held for longer than `leakThreshold`. */
  readonly suspected: boolean
  /** Whether it has its connection to itself, although others could share it: a lease of `exclusive` or `useExclusive`. */
  readonly exclusive: boolean
}
