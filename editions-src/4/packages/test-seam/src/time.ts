/** Clocks, chance, schedules, schedulers, and fibers that run by all of these. */
import { Clock, Context, type Duration, Effect, Logger, Random, References, Schedule, Scheduler } from "effect"
import { dual } from "effect/Function"
import type { RunningFiber } from "./fibers.js"

export { TestClock } from "effect/testing"

export type DurationInput = Duration.Input

// --- Clocks ---------------------------------------------------------------------------------------------------------

export interface ClockMembers {
  /** The time of day in milliseconds. */
  readonly wallMillis: () => number
  /** Time that nobody sets. */
  readonly nanos: () => bigint
  readonly sleep: (duration: Duration.Duration) => Effect.Effect<void>
}

export const makeClock = ({ nanos, sleep, wallMillis }: ClockMembers): Clock.Clock => {
  const wallNanos = () => BigInt(Math.round(wallMillis() * 1e6))
  return {
    currentTimeMillis: Effect.sync(wallMillis),
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanos: Effect.sync(nanos),
    currentTimeMillisUnsafe: wallMillis,
    currentTimeNanosUnsafe: wallNanos,
    monotonicTimeNanosUnsafe: nanos,
    sleep
  }
}

export const wallMillis = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe()

export const nanos = (clock: Clock.Clock): bigint => clock.monotonicTimeNanosUnsafe()

/** Another clock with the same time, but for these members. */
export const clockLike = (clock: Clock.Clock, members: Partial<ClockMembers> = {}): Clock.Clock =>
  makeClock({
    wallMillis: () => wallMillis(clock),
    nanos: () => nanos(clock),
    sleep: (duration) => clock.sleep(duration),
    ...members
  })

export const currentClock: Effect.Effect<Clock.Clock> = Clock.clockWith(Effect.succeed)

export const withClock: {
  (clock: Clock.Clock): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, clock: Clock.Clock): Effect.Effect<A, E, R>
} = Effect.provideService(Clock.Clock)

/** Fails with an error of one's own if the effect has not ended within a time. */
export const timeoutFail: {
  <E1>(options: { readonly duration: DurationInput; readonly onTimeout: () => E1 }): <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | E1, R>
  <A, E, R, E1>(
    effect: Effect.Effect<A, E, R>,
    options: { readonly duration: DurationInput; readonly onTimeout: () => E1 }
  ): Effect.Effect<A, E | E1, R>
} = dual(
  2,
  <A, E, R, E1>(
    effect: Effect.Effect<A, E, R>,
    { duration, onTimeout }: { readonly duration: DurationInput; readonly onTimeout: () => E1 }
  ): Effect.Effect<A, E | E1, R> => Effect.timeoutOrElse(effect, { duration, orElse: () => Effect.fail(onTimeout()) })
)

// --- Chance ---------------------------------------------------------------------------------------------------------

type Around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** These values are drawn in turn. */
export const withDraws = (...values: readonly [number, ...Array<number>]): Around => {
  let drawn = 0
  const next = () => values[drawn++ % values.length]!
  return Effect.provideService(Random.Random, {
    nextDoubleUnsafe: next,
    nextIntUnsafe: () => Math.floor(next() * Number.MAX_SAFE_INTEGER)
  })
}

export const withSeed = (seed: string): Around => Random.withSeed(seed)

// --- Schedules ------------------------------------------------------------------------------------------------------

type Steps<In> = Schedule.Schedule<unknown, In>

/** Steps when both schedules do, and ends when either does. */
export const bothSchedules = <In>(a: Steps<In>, b: Steps<In>): Steps<In> => Schedule.max([a, b]) as Steps<any>

/** Runs an effect with each input. */
export const tapInput = <In>(schedule: Steps<unknown>, f: (input: In) => Effect.Effect<unknown>): Steps<In> =>
  Schedule.tap(schedule as Steps<In>, ({ input }) => f(input))

/** Runs an effect in each step. */
export const tapStep = (schedule: Steps<unknown>, effect: Effect.Effect<unknown>): Steps<unknown> =>
  Schedule.map(schedule, () => effect)

// --- Schedulers -----------------------------------------------------------------------------------------------------

export const withScheduler: {
  (scheduler: Scheduler.Scheduler): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, scheduler: Scheduler.Scheduler): Effect.Effect<A, E, R>
} = Effect.provideService(Scheduler.Scheduler)

/** A scheduler on which every task waits this number of milliseconds. */
export const lateScheduler = (millis: number): Scheduler.Scheduler =>
  new Scheduler.MixedScheduler("async", (run) => {
    const timer = setTimeout(run, millis)
    return () => clearTimeout(timer)
  })

/** Whether an interruption takes hold before the fiber's next step. Reads what Effect 4.1 keeps to itself. */
const isStruck = (fiber: RunningFiber<unknown, unknown> & { readonly _deferredInterrupt?: boolean }): boolean =>
  fiber._deferredInterrupt === true

/** Effect's own scheduler, which tells of each fiber that is to run. */
export const toldScheduler = (tell: (fiber: RunningFiber<unknown, unknown>) => void): Scheduler.Scheduler => {
  const scheduler = new Scheduler.MixedScheduler()
  return {
    executionMode: scheduler.executionMode,
    shouldYield: (fiber) => {
      // No task says whose it is, but every fiber asks before its first step.
      if (fiber.currentOpCount === 1) {
        tell(fiber)
        // The interruption comes in place of the yield, and before the step.
        if (isStruck(fiber)) return true
      }
      return scheduler.shouldYield(fiber)
    },
    makeDispatcher: () => scheduler.makeDispatcher()
  }
}

/** Effect's own scheduler, which calls back before each task. */
export const beforeTasks = (tell: () => void): Scheduler.Scheduler => {
  const scheduler = new Scheduler.MixedScheduler()
  return {
    executionMode: scheduler.executionMode,
    shouldYield: (fiber) => scheduler.shouldYield(fiber),
    makeDispatcher: () => {
      const dispatcher = scheduler.makeDispatcher()
      return {
        scheduleTask: (task, priority) =>
          dispatcher.scheduleTask(() => {
            tell()
            task()
          }, priority),
        flush: () => dispatcher.flush()
      }
    }
  }
}

/** A scheduler whose fibers share one queue, which somebody runs. */
class Turns implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private tasks: Array<{ readonly task: () => void; readonly priority: number }> = []

  constructor(readonly shouldYield: (fiber: RunningFiber<unknown, unknown>) => boolean) {}

  get isIdle(): boolean {
    return this.tasks.length === 0
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task, priority) => void this.tasks.push({ task, priority }),
      // Only `Effect.runSync` flushes, and it brings a scheduler of its own.
      flush: () => {}
    }
  }

  /** Runs the tasks that are there now. */
  take(): void {
    const tasks = this.tasks.sort((one, other) => one.priority - other.priority)
    this.tasks = []
    for (const { task } of tasks) task()
  }
}

/** Runs fibers in turns that somebody takes by hand. */
export interface TurnRunner {
  /** Starts a fiber; it runs until it first waits for something. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => RunningFiber<A, E>
  /** Starts a fiber that never steps aside. */
  readonly forkAtOnce: <A, E>(effect: Effect.Effect<A, E>) => RunningFiber<A, E>
  /** Whether no fiber can go on. */
  readonly isIdle: () => boolean
  readonly takeTurn: () => void
}

const randomOf = (seed: number) =>
  Effect.runSync(Random.withSeed(Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Random.Random))), seed))

/** Fibers that can be made to step aside often, which moves them against each other. */
export const turnRunner = (options: {
  readonly clock: Clock.Clock
  readonly seed: number
  readonly stepsBeforeYield: number
  readonly log: (message: string, cause: string) => void
}): TurnRunner => {
  const turns = new Turns((fiber) => fiber.currentOpCount > options.stepsBeforeYield)
  const atOnce: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: () => false,
    makeDispatcher: () => turns.makeDispatcher()
  }
  const logger = Logger.make<unknown, void>(({ cause, message }) => options.log(String(message), String(cause)))
  const run = Effect.runForkWith(
    Context.empty().pipe(
      Context.add(Clock.Clock, options.clock),
      Context.add(Random.Random, randomOf(options.seed)),
      Context.add(References.CurrentLoggers, new Set([logger]))
    )
  )
  return {
    fork: (effect) => run(effect, { scheduler: turns }),
    forkAtOnce: (effect) => run(effect, { scheduler: atOnce }),
    isIdle: () => turns.isIdle,
    takeTurn: () => turns.take()
  }
}
