/**
 * A pool of this library under `@effect/sql`.
 *
 * @since 3.0.0
 */
export * as Acquirer from "./Acquirer.js"
export * as Pg from "./Pg.js"
