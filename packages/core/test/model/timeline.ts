import type { Exit, Fiber } from "effect"
import {
  Clock,
  Context,
  DefaultServices,
  Duration,
  Effect,
  FiberRef,
  HashSet,
  Logger,
  Random,
  Runtime,
  Scheduler
} from "effect"

interface Sleeper {
  readonly at: number
  readonly resume: () => void
}

/** More turns than anything that comes to rest takes. */
const restless = 100_000

/** Effect's controlled scheduler. Fibers can be made to step aside often, which moves them against each other. */
class Turns extends Scheduler.ControlledScheduler {
  constructor(private readonly stepsBeforeYield: number) {
    super()
  }

  override shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > this.stepsBeforeYield ? 0 : false
  }
}

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
  private readonly turns: Turns
  private readonly atOnce: Scheduler.Scheduler = {
    shouldYield: () => false,
    scheduleTask: (task, priority) => this.turns.scheduleTask(task, priority)
  }
  private readonly sleepers: Array<Sleeper> = []
  private readonly runtime: Runtime.Runtime<never>

  constructor(options: { readonly stepsBeforeYield?: number; readonly seed?: number } = {}) {
    this.turns = new Turns(options.stepsBeforeYield ?? 2048)
    const services = DefaultServices.liveServices.pipe(
      Context.add(Clock.Clock, this.clock()),
      Context.add(Random.Random, Random.make(options.seed ?? 0))
    )
    const logger = Logger.make<unknown, void>(({ cause, message }) => {
      this.log.push(`${String(message)} ${String(cause)}`)
    })
    this.runtime = Runtime.defaultRuntime.pipe(
      Runtime.setFiberRef(FiberRef.currentScheduler as FiberRef.FiberRef<Scheduler.Scheduler>, this.turns),
      Runtime.setFiberRef(DefaultServices.currentServices, services),
      Runtime.setFiberRef(FiberRef.currentLoggers, HashSet.make(logger))
    )
  }

  /** How many sleep. */
  get asleep(): number {
    return this.sleepers.length
  }

  /** Starts a fiber; it runs until it first waits for something. */
  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> {
    return Runtime.runFork(this.runtime, effect, { scheduler: this.turns })
  }

  /** Runs an effect that never waits, in one step, before anything else can run. */
  call<A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> {
    const fiber = Runtime.runFork(this.runtime, effect, { scheduler: this.atOnce })
    const exit = fiber.unsafePoll()
    if (exit === null) throw new Error("it waits")
    return exit
  }

  /** Lets everything run until it waits for time to pass or for somebody. */
  settle(): void {
    for (let turn = 0; this.turns.tasks.buckets.length > 0; turn++) {
      if (turn > restless) throw new Error("it does not come to rest")
      this.turns.step()
    }
  }

  /** Lets time pass. Whenever everything rests at an instant at which somebody woke, and at the end, `look` is called. */
  pass(millis: number, look: () => void): void {
    const end = this.now + millis
    this.settle()
    for (;;) {
      const next = this.sleepers[0]
      if (next === undefined || next.at > end) break
      this.now = next.at
      while (this.sleepers.length > 0 && this.sleepers[0]!.at <= this.now) {
        this.sleepers.shift()!.resume()
        this.settle()
      }
      look()
    }
    this.now = end
    look()
  }

  private clock(): Clock.Clock {
    const now = () => this.now
    const nanos = () => BigInt(Math.floor(this.now * 1e6))
    return {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: now,
      unsafeCurrentTimeNanos: nanos,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanos: Effect.sync(nanos),
      sleep: (duration) => this.sleep(Duration.toMillis(duration))
    }
  }

  private sleep(millis: number): Effect.Effect<void> {
    return Effect.async((resume) => {
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
