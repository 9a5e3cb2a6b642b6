/**
 * A pool of this library under `@effect/sql`.
 *
 * @since 0.1.0
 */
export * as Acquirer from "./Acquirer.js"
export * as Pg from "./Pg.js"
