/**
 * A clock that somebody sets, in place of Effect's test clock: that one waits for a single turn before it wakes a
 * sleeper, and for the fibers that a sleeper's task resumes. Here the fibers run on a scheduler that counts its tasks:
 * when there is none, and none comes for a while, everything rests.
 */
import { Clock, Duration, Effect, Scheduler } from "effect"
import { async, type RunningFiber } from "./fibers.js"
import { Sleepers } from "./sleepers.js"
import { type DurationInput, makeClock } from "./time.js"

/** Effect's own scheduler, with one queue for all fibers. It knows when none of them can go on. */
class CountingScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private readonly inner = new Scheduler.MixedScheduler()
  private readonly queue = this.inner.makeDispatcher()
  private waiting = 0
  /** The number of tasks that have run. */
  run = 0
  /** Called whenever the last task has been done. */
  onRest: () => void = () => undefined

  get isResting(): boolean {
    return this.waiting === 0
  }

  shouldYield(fiber: RunningFiber<unknown, unknown>): boolean {
    return this.inner.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task, priority) => this.scheduleTask(task, priority),
      flush: () => this.queue.flush()
    }
  }

  private scheduleTask(task: () => void, priority: number): void {
    this.waiting++
    this.queue.scheduleTask(() => {
      this.waiting--
      this.run++
      try {
        task()
      } finally {
        if (this.waiting === 0) this.onRest()
      }
    }, priority)
  }
}

/** Calls back when whatever may bring a task has had the time to do so. */
export type Patience = (then: () => void) => void

/** Sleepers wake in the order of their times, those of one time together. */
class VirtualTime {
  now = 0
  private readonly sleepers = new Sleepers()
  private readonly adjusting: Array<{ readonly end: number; readonly done: () => void }> = []
  private looks = false

  constructor(private readonly scheduler: CountingScheduler, private readonly patience: Patience) {
    scheduler.onRest = () => this.look()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return this.sleepers.sleep(() => this.now, (now) => now + Duration.toMillis(duration))
  }

  /** Lets everything come to rest, then wakes the next sleeper, until there is none up to this instant. */
  setTime(end: () => number): Effect.Effect<void> {
    return async((resume) => {
      this.adjusting.push({ end: end(), done: () => resume(Effect.void) })
      this.look()
    })
  }

  private look(): void {
    if (this.adjusting.length === 0 || this.looks) return
    this.looks = true
    const { run } = this.scheduler
    this.patience(() => {
      this.looks = false
      if (!this.scheduler.isResting) return
      if (this.scheduler.run === run) this.goOn()
      else this.look()
    })
  }

  private goOn(): void {
    const [first] = this.adjusting
    if (first === undefined) return
    const { next } = this.sleepers
    if (next <= first.end) {
      this.now = Math.max(this.now, next)
      while (this.sleepers.next <= this.now) this.sleepers.wakeNext()
    } else {
      this.adjusting.shift()
      this.now = Math.max(this.now, first.end)
      first.done()
    }
    this.look()
  }
}

/** Runs an effect, and all fibers that it starts, by a clock of its own. */
export const inVirtualTime =
  (patience: Patience) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const scheduler = new CountingScheduler()
      const time = new VirtualTime(scheduler, patience)
      const clock = {
        ...makeClock({
          wallMillis: () => time.now,
          nanos: () => BigInt(Math.floor(time.now * 1e6)),
          sleep: (duration) => time.sleep(duration)
        }),
        // `TestClock.adjust` finds these at the current clock.
        adjust: (duration: DurationInput) => time.setTime(() => time.now + Duration.toMillis(duration)),
        setTime: (instant: number) => time.setTime(() => instant)
      }
      return Effect.andThen(Effect.yieldNow, effect).pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.provideService(Scheduler.Scheduler, scheduler)
      )
    })
