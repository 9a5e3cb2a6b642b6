/** The lists of subjects. */
import type { Subject } from "../subject.js"
import { effect4Pools } from "./effect4.js"
import { bareEffects, effect3Pools, inView, linesOfFibers, ourPools } from "./effects.js"
import { endpointPools } from "./endpoints.js"
import { keyedPools } from "./keyed.js"
import { ourPromises } from "./ourPromises.js"
import { arrays, promisePools } from "./promises.js"

/** The subjects of workloads in which nobody waits. */
export const subjects: ReadonlyArray<Subject> = [
  ...ourPools,
  ourPromises,
  ...effect3Pools,
  ...effect4Pools,
  ...promisePools,
  ...bareEffects,
  ...arrays
]

/** The pools: subjects with a queue that a borrower can leave. */
export const pools = subjects.filter(({ kind }) => kind !== "limit")

/** All subjects with a queue. */
export const queues = [...pools, ...linesOfFibers]

export const yardstick = "socketpool use"

/** Our pool without and with observers. */
export { inView }

export const everybody: ReadonlyArray<Subject> = [
  ...new Set([...subjects, ...linesOfFibers, ...inView, ...keyedPools, ...endpointPools])
]

export const subjectOf = (name: string): Subject => everybody.find((subject) => subject.name === name)!
