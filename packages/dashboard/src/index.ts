/**
 * @since 3.0.0
 */

/**
 * A live page of all pools of the process, and its HTTP interface.
 *
 * @since 3.0.0
 */
export * as Dashboard from "./Dashboard.js"

/**
 * The past of all pools, as `GET /api/history` returns it.
 *
 * @since 3.0.0
 */
export * as History from "./History.js"

/**
 * The metrics of all pools for Prometheus, as a route of your own server.
 *
 * @since 3.0.0
 */
export * as Prometheus from "./Prometheus.js"

/**
 * The state of all pools, as `GET /api/pools` returns it; the live page and `socketpool top` show it.
 *
 * @since 3.0.0
 */
export * as Snapshot from "./Snapshot.js"
