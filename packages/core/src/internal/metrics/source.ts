/** The metrics of all pools of one name, including pools that have closed. */
import { Histogram } from "../histogram.js"
import type { State } from "../state.js"
import { counts, type Series, type Times, timings } from "./instruments.js"

export class Source {
  /** The states of running pools, each with the pool's clock. */
  private readonly states = new Map<State<any>, () => number>()
  /** The counts of pools that have closed. */
  private readonly past = new Map<Series | Times, number | Histogram>()

  constructor(
    readonly name: string,
    /** The tags from `Effect.tagMetrics` where the pools were made. */
    readonly tags: ReadonlyArray<readonly [key: string, value: string]>
  ) {}

  enter(state: State<any>, now: () => number): void {
    this.states.set(state, now)
  }

  leave(state: State<any>): void {
    const now = this.states.get(state)
    if (now === undefined) return
    this.states.delete(state)
    for (const { kind, series } of counts) {
      if (kind !== "Counter") continue
      for (const line of series) {
        this.past.set(line, line.join((this.past.get(line) as number) ?? 0, line.read(state, now())))
      }
    }
    for (const timing of timings) {
      const sum = (this.past.get(timing) as Histogram) ?? new Histogram()
      sum.add(timing.read(state))
      this.past.set(timing, sum)
    }
  }

  count(series: Series): number {
    let value = (this.past.get(series) as number) ?? 0
    for (const [state, now] of this.states) value = series.join(value, series.read(state, now()))
    return value
  }

  times(timing: Times): Histogram {
    const past = this.past.get(timing) as Histogram | undefined
    const sum = new Histogram()
    if (past !== undefined) sum.add(past)
    for (const state of this.states.keys()) sum.add(timing.read(state))
    return sum
  }
}
