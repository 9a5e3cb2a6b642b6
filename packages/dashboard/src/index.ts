/**
 * @since 0.1.0
 */

/**
 * A page that shows all pools of the process while they work, and the HTTP interface behind it.
 *
 * @since 0.1.0
 */
export * as Dashboard from "./Dashboard.js"

/**
 * What the dashboard has noted before a page was opened, as JSON.
 *
 * @since 0.1.0
 */
export * as History from "./History.js"

/**
 * The figures of all pools for Prometheus, to be served by a server that is there already.
 *
 * @since 0.1.0
 */
export * as Prometheus from "./Prometheus.js"

/**
 * What the live page and `socketpool top` are told of all pools, as JSON.
 *
 * @since 0.1.0
 */
export * as Snapshot from "./Snapshot.js"
