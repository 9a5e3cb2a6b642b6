/**
 * A quick check of a few ratios, for every change: few subjects, short rounds, generous margins. Only a full run
 * measures the ratios themselves.
 */
import type { Subject } from "./subject.js"
import { subjects } from "./subjects/index.js"
import { rates } from "./workloads/lending.js"

const effort = { rounds: 5, millis: 80, warmUpMillis: 3_000 }

const named = (...names: ReadonlyArray<string>): ReadonlyArray<Subject> =>
  names.map((name) => subjects.find((subject) => subject.name === name)!)

interface Bound {
  readonly what: string
  readonly least: number
  readonly borrowers: number
  readonly size: number
  /** Our subject and its competitor. */
  readonly pair: readonly [string, string]
}

const bounds: ReadonlyArray<Bound> = [
  {
    what: "use, one borrower, against effect 3",
    least: 5,
    borrowers: 1,
    size: 1,
    pair: ["socketpool use", "effect 3 Pool.make"]
  },
  {
    what: "use, 64 borrowers over 8, against effect 3",
    least: 1.2,
    borrowers: 64,
    size: 8,
    pair: ["socketpool use", "effect 3 Pool.make"]
  },
  {
    what: "use, one borrower, against acquireUseRelease over an array",
    least: 0.5,
    borrowers: 1,
    size: 1,
    pair: ["socketpool use", "effect 3 acquireUseRelease over an array"]
  },
  {
    what: "get, one borrower, against a bare scope with a finalizer",
    least: 0.4,
    borrowers: 1,
    size: 1,
    pair: ["socketpool get, scoped", "effect 3 scoped with a finalizer over an array"]
  }
]

/** Measures every bound and prints the result. Returns whether all are kept. */
export const check = async (): Promise<boolean> => {
  let kept = true
  for (const { borrowers, least, pair, size, what } of bounds) {
    const [ours, other] = await rates(named(...pair), { borrowers, size }, effort)
    const ratio = ours!.median / other!.median
    const isKept = ratio >= least
    kept &&= isKept
    console.log(`${isKept ? "kept  " : "BROKEN"} ${what}: ${ratio.toFixed(2)}, at least ${least}`)
  }
  return kept
}
