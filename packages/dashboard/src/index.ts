/**
 * @since 0.1.0
 */

/**
 * A live page of all pools of the process, and its HTTP interface.
 *
 * @since 0.1.0
 */
export * as Dashboard from "./Dashboard.js"

/**
 * The past of all pools, as `GET /api/history` returns it.
 *
 * @since 0.1.0
 */
export * as History from "./History.js"

/**
 * The metrics of all pools for Prometheus, as a route of your own server.
 *
 * @since 0.1.0
 */
export * as Prometheus from "./Prometheus.js"

/**
 * The state of all pools, as `GET /api/pools` returns it; the live page and `socketpool top` show it.
 *
 * @since 0.1.0
 */
export * as Snapshot from "./Snapshot.js"
