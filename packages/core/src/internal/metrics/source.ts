/** The metrics of all pools of one name that run, with the counts of those that have closed meanwhile. */
import { Histogram } from "../histogram.js"
import type { State } from "../state.js"
import { counts, type Instrument, type Series, type Times, timings } from "./instruments.js"

export class Source {
  private hasSessions = false
  /** The states of running pools, each with the pool's clock. */
  private readonly states = new Map<State<any>, () => number>()
  /**
   * The counts of pools that have closed while others of the name run on: a sum must not fall. By key, because the next
   * copy of this module has instruments of its own.
   */
  private past: Map<string, number> | undefined = undefined
  private pastTimes: Map<string, Histogram> | undefined = undefined

  constructor(
    readonly name: string,
    /** The tags from `Effect.tagMetrics` where the pools were made. */
    readonly tags: ReadonlyArray<readonly [key: string, value: string]>
  ) {}

  enter(state: State<any>, now: () => number): void {
    this.states.set(state, now)
    this.hasSessions ||= state.sessions !== undefined
  }

  /** Whether a pool of the name has, or had, what the instrument measures. */
  has({ isOfSessions }: Instrument): boolean {
    return isOfSessions !== true || this.hasSessions
  }

  /** Returns whether other pools of the name still run. */
  leave(state: State<any>): boolean {
    const now = this.states.get(state)
    if (now === undefined) return true
    this.states.delete(state)
    if (this.states.size === 0) return false
    const past = this.past ??= new Map()
    for (const { kind, series } of counts) {
      if (kind !== "Counter") continue
      for (const line of series) {
        past.set(line.key, line.join(past.get(line.key) ?? 0, line.read(state, now())))
      }
    }
    const pastTimes = this.pastTimes ??= new Map()
    for (const timing of timings) {
      const sum = pastTimes.get(timing.name) ?? new Histogram()
      sum.add(timing.read(state))
      pastTimes.set(timing.name, sum)
    }
    return true
  }

  count(series: Series): number {
    let value = this.past?.get(series.key) ?? 0
    for (const [state, now] of this.states) value = series.join(value, series.read(state, now()))
    return value
  }

  times(timing: Times): Histogram {
    const past = this.pastTimes?.get(timing.name)
    const sum = new Histogram()
    if (past !== undefined) sum.add(past)
    for (const state of this.states.keys()) sum.add(timing.read(state))
    return sum
  }
}
