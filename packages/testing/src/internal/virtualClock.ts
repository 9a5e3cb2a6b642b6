/** A clock that stands still until `advance` moves it to the next moment at which a sleeper wakes. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  /** Milliseconds since the start. */
  now = 0
  /** Sorted by wake time, the next one last. */
  private readonly sleepers: Array<Sleeper> = []

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async((resume) => {
      const until = this.now + Duration.toMillis(duration)
      if (until === Infinity) return
      const sleeper: Sleeper = { until, wake: () => resume(Effect.void) }
      this.insert(sleeper)
      return Effect.sync(() => {
        const index = this.sleepers.lastIndexOf(sleeper)
        if (index !== -1) this.sleepers.splice(index, 1)
      })
    })
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
