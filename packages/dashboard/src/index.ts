/**
 * @since 0.1.0
 */
export * as Dashboard from "./Dashboard.js"
/**
 * @since 0.1.0
 */
export * as Prometheus from "./Prometheus.js"
/**
 * @since 0.1.0
 */
export * from "./Snapshot.js"
