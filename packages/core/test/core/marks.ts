import { type State, Touched } from "../../src/internal/state.js"
import { delayedUntil } from "../../src/internal/transitions/demand.js"
import { nextSilent } from "../../src/internal/transitions/keepalive.js"
import { nextStale } from "../../src/internal/transitions/retiring.js"
import { nextPassed } from "../../src/internal/transitions/trial.js"

/** The moments that the pool's timers wait for, each with the marks that make the engine look at it. */
const moments: ReadonlyArray<{
  readonly name: string
  readonly marks: number
  readonly of: (state: State<any>) => number | undefined
}> = [
  { name: "acquireTimeout", marks: Touched.queue, of: (state) => state.deadlines.head?.waiter.deadline },
  { name: "the open limiter", marks: Touched.queue, of: delayedUntil },
  { name: "the end of a trial", marks: Touched.nothing, of: nextPassed },
  { name: "idleTimeout", marks: Touched.leases, of: nextStale },
  { name: "keepaliveTime", marks: Touched.leases, of: nextSilent },
  { name: "leakThreshold", marks: Touched.leases, of: (state) => state.held.head?.since },
  ...(["opening", "aborting", "validating", "resetting", "closing"] as const).map((list) => ({
    name: `the deadline of ${list}`,
    marks: Touched.nothing,
    of: (state: State<any>) => state[list].head?.deadline
  })),
  {
    name: "the drain",
    marks: Touched.nothing,
    of: (state) => state.phase === "Draining" && state.inUse > 0 ? state.drainDeadline : undefined
  }
]

/** Fails when a transition has brought a moment forward without the mark that makes a timer look at it. */
export class Marks {
  private before: Array<number>

  constructor(private readonly state: State<any>) {
    this.before = this.read()
  }

  private read(): Array<number> {
    return moments.map(({ of }) => of(this.state) ?? Infinity)
  }

  /** Reads and clears the marks, as the engine does after each transition. */
  check(): void {
    const { touched } = this.state
    this.state.touched = Touched.nothing
    const after = this.read()
    for (const [i, { marks, name }] of moments.entries()) {
      if (after[i]! < this.before[i]! && (touched & (marks | Touched.everything)) === 0) {
        throw new Error(`a transition moved ${name} forward and marked only ${touched}`)
      }
    }
    this.before = after
  }
}
