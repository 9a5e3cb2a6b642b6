import { exitOf, makeClock, type RunningFiber, Sleepers, type TurnRunner, turnRunner } from "@socketpool/test-seam"
import type { Effect, Exit } from "effect"
import { Duration } from "effect"

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
  /** The lines that were logged. */
  readonly log: Array<string> = []
  private readonly runner: TurnRunner
  private readonly sleepers = new Sleepers()

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

  /** The number of fibers that sleep. */
  get asleep(): number {
    return this.sleepers.size
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
      const { next } = this.sleepers
      if (next > end || next === Infinity) break
      // After a stall they are late.
      this.now = Math.max(this.now, next)
      while (this.sleepers.next <= this.now) {
        this.sleepers.wakeNext()
        this.settle()
      }
      look()
    }
    this.now = end
    look()
  }

  private sleep(millis: number): Effect.Effect<void> {
    // Whole milliseconds, as a real timer's.
    return this.sleepers.sleep(() => this.now, (now) => Math.ceil(now + millis))
  }
}
