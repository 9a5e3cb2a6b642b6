/** All subjects. */
import type { Subject } from "../subject.js"
import { effect4Pools } from "./effect4.js"
import { bareEffects, effect3Pools, ourPools } from "./effects.js"
import { arrays, promisePools } from "./promises.js"

export const subjects: ReadonlyArray<Subject> = [
  ...ourPools,
  ...effect3Pools,
  ...effect4Pools,
  ...promisePools,
  ...bareEffects,
  ...arrays
]

/** Those in which borrowers can wait. */
export const pools = subjects.filter(({ kind }) => kind !== "limit")

export const yardstick = "socketpool use"
