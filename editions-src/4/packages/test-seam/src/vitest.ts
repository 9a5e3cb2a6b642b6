/** The seam between the tests and the runner for effects: `it.scoped` and `it.scopedLive` are in one edition only. */
import { itAround } from "./testers.js"
import { inVirtualTime } from "./virtualTime.js"

export * from "@effect/vitest"

/** The milliseconds without any task after which everything rests, also what waits for a socket. As in Effect 3. */
const quiet = 10

export const it = itAround(inVirtualTime((then) => setTimeout(then, quiet)))
