/** The sleepers of a clock that somebody sets. */
import { Effect } from "effect"
import { async } from "./fibers.js"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** Sleepers in the order of their times; those of one time in the order in which they came. */
export class Sleepers {
  private readonly sleepers: Array<Sleeper> = []

  /** The number of sleepers. */
  get size(): number {
    return this.sleepers.length
  }

  /** The time at which the next one wakes; `Infinity` if nobody sleeps. */
  get next(): number {
    return this.sleepers[0]?.at ?? Infinity
  }

  wakeNext(): void {
    this.sleepers.shift()?.wake()
  }

  /** Sleeps until a time, which is reckoned from the time at which the effect runs. */
  sleep(now: () => number, until: (now: number) => number): Effect.Effect<void> {
    return async((resume) => {
      const start = now()
      const at = until(start)
      if (!(at > start)) return resume(Effect.void)
      const sleeper: Sleeper = { at, wake: () => resume(Effect.void) }
      // Behind those that wake at the same instant.
      const behind = this.sleepers.findIndex((other) => other.at > at)
      this.sleepers.splice(behind < 0 ? this.sleepers.length : behind, 0, sleeper)
      return Effect.sync(() => {
        const index = this.sleepers.indexOf(sleeper)
        if (index >= 0) this.sleepers.splice(index, 1)
      })
    })
  }
}
