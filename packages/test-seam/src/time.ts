/** Clocks, chance, schedules, schedulers, and fibers that run by all of these. */
import {
  Clock,
  Context,
  DefaultServices,
  type Duration,
  Effect,
  FiberRef,
  HashSet,
  Logger,
  Random,
  Runtime,
  Schedule,
  Scheduler
} from "effect"
import type { RunningFiber } from "./fibers.js"

export { TestClock } from "effect"

export type DurationInput = Duration.DurationInput

// --- Clocks ---------------------------------------------------------------------------------------------------------

export interface ClockMembers {
  /** The time of day in milliseconds. */
  readonly wallMillis: () => number
  /** Time that nobody sets. */
  readonly nanos: () => bigint
  readonly sleep: (duration: Duration.Duration) => Effect.Effect<void>
}

export const makeClock = ({ nanos, sleep, wallMillis }: ClockMembers): Clock.Clock => ({
  [Clock.ClockTypeId]: Clock.ClockTypeId,
  currentTimeMillis: Effect.sync(wallMillis),
  currentTimeNanos: Effect.sync(nanos),
  unsafeCurrentTimeMillis: wallMillis,
  unsafeCurrentTimeNanos: nanos,
  sleep
})

export const wallMillis = (clock: Clock.Clock): number => clock.unsafeCurrentTimeMillis()

export const nanos = (clock: Clock.Clock): bigint => clock.unsafeCurrentTimeNanos()

/** Another clock with the same time, but for these members. */
export const clockLike = (clock: Clock.Clock, members: Partial<ClockMembers> = {}): Clock.Clock =>
  makeClock({
    wallMillis: () => wallMillis(clock),
    nanos: () => nanos(clock),
    sleep: (duration) => clock.sleep(duration),
    ...members
  })

export const currentClock: Effect.Effect<Clock.Clock> = Effect.clock

export const withClock: {
  (clock: Clock.Clock): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, clock: Clock.Clock): Effect.Effect<A, E, R>
} = Effect.withClock

/** Fails with an error of one's own if the effect has not ended within a time. */
export const timeoutFail: {
  <E1>(options: { readonly duration: DurationInput; readonly onTimeout: () => E1 }): <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | E1, R>
  <A, E, R, E1>(
    effect: Effect.Effect<A, E, R>,
    options: { readonly duration: DurationInput; readonly onTimeout: () => E1 }
  ): Effect.Effect<A, E | E1, R>
} = Effect.timeoutFail

// --- Chance ---------------------------------------------------------------------------------------------------------

type Around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** These values are drawn in turn. */
export const withDraws = (...values: readonly [number, ...Array<number>]): Around =>
  Effect.withRandom(Random.fixed([...values]))

export const withSeed = (seed: string): Around => Effect.withRandom(Random.make(seed))

// --- Schedules ------------------------------------------------------------------------------------------------------

type Steps<In> = Schedule.Schedule<unknown, In>

/** Steps when both schedules do, and ends when either does. */
export const bothSchedules = <In>(a: Steps<In>, b: Steps<In>): Steps<In> => Schedule.intersect(a, b)

/** Runs an effect with each input. */
export const tapInput = <In>(schedule: Steps<unknown>, f: (input: In) => Effect.Effect<unknown>): Steps<In> =>
  Schedule.tapInput(schedule as Steps<In>, f)

/** Runs an effect in each step. */
export const tapStep = (schedule: Steps<unknown>, effect: Effect.Effect<unknown>): Steps<unknown> =>
  Schedule.mapEffect(schedule, () => effect)

// --- Schedulers -----------------------------------------------------------------------------------------------------

export const withScheduler: {
  (scheduler: Scheduler.Scheduler): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, scheduler: Scheduler.Scheduler): Effect.Effect<A, E, R>
} = Effect.withScheduler

/** A scheduler on which every task waits this number of milliseconds. */
export const lateScheduler = (millis: number): Scheduler.Scheduler => Scheduler.timer(millis)

/** Effect's own scheduler, which tells of each fiber that is to run. */
export const toldScheduler = (tell: (fiber: RunningFiber<unknown, unknown>) => void): Scheduler.Scheduler => {
  const scheduler = new Scheduler.MixedScheduler(2048)
  return {
    shouldYield: (fiber) => scheduler.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => {
      if (fiber !== undefined) tell(fiber)
      scheduler.scheduleTask(task, priority)
    }
  }
}

/** Effect's own scheduler, which calls back before each task. */
export const beforeTasks = (tell: () => void): Scheduler.Scheduler => {
  const scheduler = new Scheduler.MixedScheduler(2048)
  return {
    shouldYield: (fiber) => scheduler.shouldYield(fiber),
    scheduleTask: (task, priority) =>
      scheduler.scheduleTask(() => {
        tell()
        task()
      }, priority)
  }
}

class Turns extends Scheduler.ControlledScheduler {
  constructor(private readonly stepsBeforeYield: number) {
    super()
  }

  override shouldYield(fiber: RunningFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > this.stepsBeforeYield ? 0 : false
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

/** Fibers that can be made to step aside often, which moves them against each other. */
export const turnRunner = (options: {
  readonly clock: Clock.Clock
  readonly seed: number
  readonly stepsBeforeYield: number
  readonly log: (message: string, cause: string) => void
}): TurnRunner => {
  const turns = new Turns(options.stepsBeforeYield)
  const atOnce: Scheduler.Scheduler = {
    shouldYield: () => false,
    scheduleTask: (task, priority) => turns.scheduleTask(task, priority)
  }
  const services = DefaultServices.liveServices.pipe(
    Context.add(Clock.Clock, options.clock),
    Context.add(Random.Random, Random.make(options.seed))
  )
  const logger = Logger.make<unknown, void>(({ cause, message }) => options.log(String(message), String(cause)))
  const runtime = Runtime.defaultRuntime.pipe(
    Runtime.setFiberRef(FiberRef.currentScheduler as FiberRef.FiberRef<Scheduler.Scheduler>, turns),
    Runtime.setFiberRef(DefaultServices.currentServices, services),
    Runtime.setFiberRef(FiberRef.currentLoggers, HashSet.make(logger))
  )
  return {
    fork: (effect) => Runtime.runFork(runtime, effect, { scheduler: turns }),
    forkAtOnce: (effect) => Runtime.runFork(runtime, effect, { scheduler: atOnce }),
    isIdle: () => turns.tasks.buckets.length === 0,
    takeTurn: () => turns.step()
  }
}
