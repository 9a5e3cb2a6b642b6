/**
 * The seam between the tests and Effect: every name of Effect that another major version spells or means differently.
 * The tests of every package with a second edition import everything else from Effect itself, so that one text serves
 * both.
 *
 * Another edition lays its own files over these. They have the same names, but no type that only one edition has.
 */
export * from "./data.js"
export * from "./fibers.js"
export * from "./observing.js"
export * from "./sleepers.js"
export * from "./time.js"
