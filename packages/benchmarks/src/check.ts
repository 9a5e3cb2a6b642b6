/**
 * A quick check of a few ratios, for every change: few subjects, short rounds, generous margins. Only a full run
 * measures the ratios themselves.
 */
import { subjectOf } from "./subjects/index.js"
import { type Crowd, crowdTitle, rates } from "./workloads/lending.js"

const effort = { rounds: 5, millis: 80, warmUpMillis: 2_000 }

const one: Crowd = { borrowers: 1, size: 1 }
const many: Crowd = { borrowers: 64, size: 8 }
const afterBurst = (size: number): Crowd => ({ borrowers: 1, size, bursts: true })

const use = "socketpool use"
const promises = "socketpool (promises)"

/** The least ratio, our subject and its crowd, and what it is compared with, which has the same crowd if none is given. */
type Bound = readonly [least: number, ours: string, crowd: Crowd, other: string, otherCrowd?: Crowd]

const bounds: ReadonlyArray<Bound> = [
  [5, use, one, "effect 3 Pool.make"],
  [1.2, use, many, "effect 3 Pool.make"],
  [3, use, { ...many, paces: true }, "effect 3 Pool.make"],
  [0.5, use, one, "effect 3 acquireUseRelease over an array"],
  [0.4, "socketpool get, scoped", one, "effect 3 scoped with a finalizer over an array"],
  [0.6, use, afterBurst(1_000), use, one],
  [0.5, use, afterBurst(10_000), use, one],
  [0.3, "socketpool EndpointPool use, 4 endpoints", { borrowers: 1, size: 4 }, use],
  [0.3, "socketpool EndpointPool use, 4 endpoints", many, use],
  [0.25, "socketpool use, a subscriber of events", { ...one, steps: true }, use],
  [0.7, promises, one, "generic-pool"],
  [0.4, promises, many, "generic-pool"]
]

/** Measures every bound and prints the result. Returns whether all are kept. */
export const check = async (): Promise<boolean> => {
  let kept = true
  for (const [least, ours, crowd, other, otherCrowd = crowd] of bounds) {
    const pair = [[subjectOf(ours), crowd], [subjectOf(other), otherCrowd]] as const
    const [mine, theirs] = await rates(pair, effort)
    // The best rounds, because the others also measure what else the machine does.
    const ratio = mine!.max / theirs!.max
    const isKept = ratio >= least
    kept &&= isKept
    const against = otherCrowd === crowd ? other : `${other}, ${crowdTitle(otherCrowd)}`
    const what = `${ours}, ${crowdTitle(crowd)}, against ${against}`
    console.log(`${isKept ? "kept  " : "BROKEN"} ${what}: ${ratio.toFixed(2)}, at least ${least}`)
  }
  return kept
}
