/** A clock that stands still until `advance` moves it to the next moment at which a sleeper wakes. */
import type { Time } from "./effect/clock.js"

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

export class VirtualClock implements Time {
  /** Milliseconds since the start. */
  now = 0
  /** Sorted by wake time, the next one last. */
  private readonly sleepers: Array<Sleeper> = []

  wakeAfter(millis: number, wake: () => void): (() => void) | undefined {
    const until = this.now + millis
    if (until === Infinity) return undefined
    const sleeper: Sleeper = { until, wake }
    this.insert(sleeper)
    return () => {
      const index = this.sleepers.lastIndexOf(sleeper)
      if (index !== -1) this.sleepers.splice(index, 1)
    }
  }

  /** The number of sleepers. */
  get asleep(): number {
    return this.sleepers.length
  }

  /** The time at which the next sleeper wakes. */
  get next(): number | undefined {
    return this.sleepers.at(-1)?.until
  }

  /** Moves to that time and wakes all its sleepers. */
  advance(): void {
    const now = this.next!
    this.now = now
    while (this.next === now) this.sleepers.pop()!.wake()
  }

  private insert(sleeper: Sleeper): void {
    const { sleepers } = this
    let low = 0
    let high = sleepers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sleepers[middle]!.until > sleeper.until) low = middle + 1
      else high = middle
    }
    sleepers.splice(low, 0, sleeper)
  }
}
