/** Who is compared. */
import type { Subject } from "../subject.js"
import { effect4Pools } from "./effect4.js"
import { bareEffects, effect3Pools, inView, linesOfFibers, ourPools } from "./effects.js"
import { arrays, promisePools } from "./promises.js"

/** Those that borrow where nobody has to wait. */
export const subjects: ReadonlyArray<Subject> = [
  ...ourPools,
  ...effect3Pools,
  ...effect4Pools,
  ...promisePools,
  ...bareEffects,
  ...arrays
]

/** Those in which borrowers can wait as in a pool. */
export const pools = subjects.filter(({ kind }) => kind !== "limit")

/** Those in which borrowers can wait at all. */
export const queues = [...pools, ...linesOfFibers]

export const yardstick = "socketpool use"

/** Ours alone, with nobody looking and with all eyes on it. */
export { inView }

export const everybody: ReadonlyArray<Subject> = [...new Set([...subjects, ...linesOfFibers, ...inView])]
