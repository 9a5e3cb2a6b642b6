/**
 * The runner for tests of what happens in memory alone: their clock costs next to nothing.
 *
 * A wait for a socket, a file or a process does not show, so tests of these need `vitest.js`.
 */
import { itAround } from "./testers.js"
import { inVirtualTime } from "./virtualTime.js"

export { assert, describe, expect, expectTypeOf } from "@effect/vitest"

/**
 * Effect's `it`, whose `effect` and `scoped` run in virtual time. Promises and the event loop's own queues may bring
 * something: one turn of it is enough for what is in memory.
 */
export const it = itAround(inVirtualTime(setImmediate))
