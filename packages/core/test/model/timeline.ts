import { async, exitOf, makeClock, type RunningFiber, type TurnRunner, turnRunner } from "@socketpool/test-seam"
import type { Exit } from "effect"
import { Duration, Effect } from "effect"

interface Sleeper {
  readonly at: number
  readonly resume: () => void
}

/** More turns than anything that comes to rest takes. */
const restless = 100_000

/**
 * A scheduler and a clock that are both driven by hand, so that a run takes no real time and goes the same way each
 * time. `TestClock` keeps the same order (wake the next sleeper, let everything come to rest, and so on), but at every
 * step it waits for several turns of the real timer: 100,000 steps would take minutes.
 */
export class Timeline {
  /** Milliseconds. */
  now = 0
  /** What was logged. */
  readonly log: Array<string> = []
  private readonly runner: TurnRunner
  private readonly sleepers: Array<Sleeper> = []

  constructor(options: { readonly stepsBeforeYield?: number; readonly seed?: number } = {}) {
    this.runner = turnRunner({
      clock: makeClock({
        wallMillis: () => this.now,
        nanos: () => BigInt(Math.floor(this.now * 1e6)),
        sleep: (duration) => this.sleep(Duration.toMillis(duration))
      }),
      seed: options.seed ?? 0,
      stepsBeforeYield: options.stepsBeforeYield ?? 2048,
      log: (message, cause) => void this.log.push(`${message} ${cause}`)
    })
  }

  /** How many sleep. */
  get asleep(): number {
    return this.sleepers.length
  }

  /** Starts a fiber; it runs until it first waits for something. */
  fork<A, E>(effect: Effect.Effect<A, E>): RunningFiber<A, E> {
    return this.runner.fork(effect)
  }

  /** Runs an effect that never waits, in one step, before anything else can run. */
  call<A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> {
    const exit = exitOf(this.runner.forkAtOnce(effect))
    if (exit === undefined) throw new Error("it waits")
    return exit
  }

  /** Lets everything run until it waits for time to pass or for somebody. */
  settle(): void {
    for (let turn = 0; !this.runner.isIdle(); turn++) {
      if (turn > restless) throw new Error("it does not come to rest")
      this.runner.takeTurn()
    }
  }

  /** Lets time pass. Whenever everything rests at an instant at which somebody woke, and at the end, `look` is called. */
  pass(millis: number, look: () => void): void {
    const end = this.now + millis
    this.settle()
    for (;;) {
      const next = this.sleepers[0]
      if (next === undefined || next.at > end) break
      // After a stall they are late.
      this.now = Math.max(this.now, next.at)
      while (this.sleepers.length > 0 && this.sleepers[0]!.at <= this.now) {
        this.sleepers.shift()!.resume()
        this.settle()
      }
      look()
    }
    this.now = end
    look()
  }

  private sleep(millis: number): Effect.Effect<void> {
    return async((resume) => {
      // Whole milliseconds, as a real timer's.
      const at = Math.ceil(this.now + millis)
      if (!(at > this.now)) return resume(Effect.void)
      const sleeper: Sleeper = { at, resume: () => resume(Effect.void) }
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
