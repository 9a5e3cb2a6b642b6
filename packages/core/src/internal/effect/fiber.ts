/**
 * The seam to Effect: every name of Effect that another major version spells or means differently. Everything else in
 * core imports only names that mean the same. This file has fibers, their surroundings, time, logs and causes.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as LogLevel from "effect/LogLevel"
import type { Option } from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Schedule from "effect/Schedule"
import { defaultScheduler, type Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { type AsyncContext, currentContext, isTimed, noContext, quietTimer } from "../host.js"
import { type Park, parked, type Resume } from "./parking.js"

// --- Fibers ---------------------------------------------------------------------------------------------------------

export type Fiber<A, E> = RuntimeFiber<A, E>

/** The fiber that asked for something. */
export type Holder = RuntimeFiber<any, any>

export type CloseableScope = Scope.CloseableScope

export const withFiber: <A, E, R>(f: (fiber: Holder) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiberRuntime

export const fiberNumber = (fiber: Holder): number => fiber.id().id

export const spanOf = (holder: Pick<Holder, "currentSpan">): Tracer.AnySpan | undefined => holder.currentSpan

export const schedulerOf = (fiber: Holder): Scheduler => fiber.currentScheduler

export const clockOf = (fiber: Holder): Clock.Clock => Context.get(fiber.currentDefaultServices, Clock.Clock)

type Register<A, E> = (resume: Resume<A, E>) => void | Effect.Effect<unknown>

/**
 * Parks this fiber until it is resumed. It resumes in the asynchronous context that it parked in, whatever resumes it
 * and whatever else the scheduler runs in the same turn.
 */
export const asyncIn = <A, E = never>(fiber: Holder, register: Register<A, E>): Effect.Effect<A, E> => {
  const taken = currentContext()
  return Effect.async<A, E>(
    ((resume: Resume<A, E>) => register((effect) => resumeIn(fiber, taken, resume, effect))) as any
  )
}

/**
 * Ends as the first of two effects ends, and interrupts the other. An `Effect.raceFirst` of effect 3.22 that is
 * interrupted between the making of its fibers and their start never ends.
 */
export const firstOf = <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.flatten(Effect.raceAll<Effect.Effect<Exit.Exit<A | A2, E | E2>, never, R | R2>>([
    Effect.exit(one),
    Effect.exit(other)
  ]))

/** `asyncIn` for a wait that need not be told when it is interrupted. Costs less. */
export const parkIn = <A, E = never>(fiber: Holder, park: Park<A, E>): Effect.Effect<A, E> => {
  const taken = currentContext()
  return parked<A, E>((resume) => park((effect) => resumeIn(fiber, taken, resume, effect)))
}

export const async = <A, E = never>(register: Register<A, E>): Effect.Effect<A, E> =>
  Effect.withFiberRuntime((fiber) => asyncIn(fiber as Holder, register))

/**
 * Resumes a fiber that is parked, in the asynchronous context in which it parked. The fiber goes on in a task of its
 * scheduler, and the scheduler runs the tasks of many fibers in one turn. So the task itself enters the context.
 */
const resumeIn = <E>(
  fiber: Holder,
  taken: AsyncContext | undefined,
  resume: (effect: E) => void,
  effect: E
): void => {
  const scheduled = fiber as { currentScheduler: Scheduler }
  const scheduler = scheduled.currentScheduler
  const context = taken ?? noContext()
  if (context !== undefined) scheduled.currentScheduler = inContext(scheduler, context)
  else if (scheduler === defaultScheduler) scheduled.currentScheduler = wakes
  resume(effect)
  scheduled.currentScheduler = scheduler
}

/**
 * Runs all that is resumed in one turn in one microtask. The scheduler of effect 3.22 has a promise, two arrays and a
 * look into a weak map for each task of a fiber, which together cost as much as the rest of a wake.
 */
class Wakes implements Scheduler {
  private tasks: Array<() => void> = []

  /** Priorities order the tasks of one fiber, and a fiber that is resumed has one. */
  scheduleTask(task: () => void): void {
    // Another task of the scheduler that has begun would be a turn late.
    if (this.tasks.push(task) === 1) void Promise.resolve().then(this.run)
  }

  private readonly run = (): void => {
    const { tasks } = this
    this.tasks = []
    for (const task of tasks) {
      try {
        task()
      } catch (error) {
        // An observer of a fiber has thrown. That ends as it does in the scheduler, and the others go on.
        void Promise.reject(error)
      }
    }
  }

  shouldYield(fiber: Holder): number | false {
    return defaultScheduler.shouldYield(fiber)
  }
}

const wakes = new Wakes()

/** A scheduler whose tasks run in a context. */
const inContext = (scheduler: Scheduler, context: AsyncContext): Scheduler => ({
  scheduleTask: (task, priority, fiber) => scheduler.scheduleTask(() => context.runInAsyncScope(task), priority, fiber),
  shouldYield: (fiber) => scheduler.shouldYield(fiber)
})

/** Interrupts a fiber without waiting for it. */
export const stop = (fiber: Fiber<any, any> | undefined): void => fiber?.unsafeInterruptAsFork(FiberId.none)

/** Starts a fiber that ends with this one at the latest. */
export const forkChild: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber<A, E>, never, R> = Effect.fork

/** The outcome of a fiber that has ended, as if this fiber had come to it. */
export const outcomeOf = <A, E>(fiber: Fiber<A, E>): Effect.Effect<A, E> | undefined => {
  const exit = fiber.unsafePoll()
  return exit === null ? undefined : exit._tag === "Failure" ? exit : Effect.as(fiber.inheritAll, exit.value)
}

export const yieldNow: Effect.Effect<void> = Effect.yieldNow()

/** Completes in the next turn of the timers: input that has arrived by now is read first. */
export const graceTurn: Effect.Effect<void> = Effect.sleep(0)

// --- Surroundings ---------------------------------------------------------------------------------------------------

/** Everything that a fiber inherits from the place where it is started. */
export type Surroundings<R> = Runtime.Runtime<R>

export const surroundings: <R>() => Effect.Effect<Surroundings<R>, never, R> = Effect.runtime

/** Takes nothing of a fiber but its clock and its scheduler. */
export const onlyTime = (fiber: Holder, clock: Clock.Clock): Surroundings<never> =>
  Runtime.setFiberRef(
    Runtime.setFiberRef(
      Runtime.defaultRuntime,
      DefaultServices.currentServices,
      Context.add(DefaultServices.liveServices, Clock.Clock, clock)
    ),
    FiberRef.currentScheduler,
    fiber.currentScheduler
  )

/** The tags of `Effect.tagMetrics`. */
export const metricTags = (
  surroundings: Pick<Surroundings<never>, "fiberRefs">
): ReadonlyArray<readonly [key: string, value: string]> =>
  FiberRefs.getOrDefault(surroundings.fiberRefs, FiberRef.currentMetricLabels)
    .map(({ key, value }) => [key, value] as const)

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber<A, E>

export interface Executor {
  /**
   * Starts a fiber in a later turn, with nothing of the caller's: no span, no annotation, no interruption, no
   * asynchronous context.
   */
  readonly fork: Fork
  /** `fork` for a fiber whose sleep does not keep the process alive. */
  readonly forkQuietly: Fork
  /** Runs a task in a later turn of the scheduler. */
  readonly later: (task: () => void) => void
}

export const executor = (surroundings: Surroundings<never>, context: AsyncContext | undefined): Executor => {
  // The builder may have been uninterruptible; its fibers are not. (No fiber inherits that its builder was
  // interrupted.)
  const own = Runtime.make({
    context: surroundings.context,
    fiberRefs: surroundings.fiberRefs,
    runtimeFlags: RuntimeFlags.disable(
      RuntimeFlags.enable(surroundings.runtimeFlags, RuntimeFlags.Interruption),
      // Effect counts fibers by the tags of `Effect.tagMetrics`, and never forgets such a series.
      metricTags(surroundings).length > 0 ? RuntimeFlags.RuntimeMetrics : RuntimeFlags.None
    )
  })
  const given = FiberRefs.getOrDefault(own.fiberRefs, FiberRef.currentScheduler)
  const scheduler = context === undefined ? given : inContext(given, context)
  const services = FiberRefs.getOrDefault(own.fiberRefs, DefaultServices.currentServices)
  const quiet = Runtime.setFiberRef(
    own,
    DefaultServices.currentServices,
    Context.add(services, Clock.Clock, quietly(Context.get(services, Clock.Clock)))
  )
  const options = { immediate: false, scheduler }
  return {
    fork: (effect) => Runtime.runFork(own, effect, options),
    forkQuietly: (effect) => Runtime.runFork(quiet, effect, options),
    later: (task) => scheduler.scheduleTask(task, 0)
  }
}

/** A clock whose sleepers do not keep the process alive, if it is the host's. A test's clock has no timers. */
const quietly = (clock: Clock.Clock): Clock.Clock => {
  const timer = quietTimer
  if (timer === undefined || clock !== Context.get(DefaultServices.liveServices, Clock.Clock)) return clock
  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    const millis = Duration.toMillis(duration)
    if (!isTimed(millis)) return Effect.never
    return Effect.async<void>((resume) => Effect.sync(timer(() => resume(Effect.void), millis)))
  }
  return Object.create(clock, { sleep: { value: sleep } })
}

/** Runs an effect that does not wait, at once, in these surroundings. */
export const runNow = <A, E, R>(around: Surroundings<R>, effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> => {
  const given = FiberRefs.getOrDefault(around.fiberRefs, FiberRef.currentScheduler)
  let isNow = true
  // One that makes fibers yield at random would not let the effect end at once.
  const scheduler: Scheduler = given === defaultScheduler ? given : {
    scheduleTask: (task, priority, fiber) => given.scheduleTask(task, priority, fiber),
    shouldYield: (fiber) => isNow ? false : given.shouldYield(fiber)
  }
  // Otherwise what the effect makes would go on with the scheduler of this one run.
  const exit = Runtime.runSyncExit(around)(Effect.withScheduler(effect, scheduler))
  isNow = false
  return exit
}

export const withScope = <R>(
  { context, fiberRefs, runtimeFlags }: Surroundings<R>,
  scope: Scope.Scope
): Surroundings<R | Scope.Scope> =>
  Runtime.make({ context: Context.add(context, Scope.Scope, scope), fiberRefs, runtimeFlags })

/** Without the span of the place where they were taken: it has ended by the time that they are used. */
export const withoutSpan = <R>({ context, fiberRefs, runtimeFlags }: Surroundings<R>): Surroundings<R> =>
  Runtime.make({ context: Context.omit(Tracer.ParentSpan)(context as any) as any, fiberRefs, runtimeFlags })

/**
 * Makes something that closes with the caller's scope. `make` gets the effect that makes the scope forget it, for when
 * it has closed before: the scope may stay open for long.
 */
export const acquireForgettable = <A>(
  make: (forget: Effect.Effect<void>) => { readonly value: A; readonly close: Effect.Effect<void> }
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (own) => {
        const forget = Scope.close(own, Exit.void)
        return Effect.sync(() => make(forget)).pipe(
          Effect.tapErrorCause(() => forget),
          Effect.flatMap(({ close, value }) => Effect.as(Scope.addFinalizer(own, close), value))
        )
      }))
  )

// --- Time -----------------------------------------------------------------------------------------------------------

export const currentClock: Effect.Effect<Clock.Clock> = Effect.clock

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

export const wallMillis = (clock: Clock.Clock): number => clock.unsafeCurrentTimeMillis()

type Step<In> = (input: In) => Effect.Effect<unknown, unknown>

/** Runs a schedule from its beginning: each step completes after the step's delay, and fails when the schedule ends. */
export const steps = <In>(schedule: Schedule.Schedule<unknown, In>): Effect.Effect<Step<In>> =>
  Effect.map(Schedule.driver(schedule), (driver) => (input: In) => driver.next(input))

/** Steps as soon as either schedule does. */
export const sooner = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.union(a, b)

/** Interrupts an effect after a time, and waits for its end no longer than that. A failure stays a failure. */
export const atMost = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Option<A>, E, R> =>
  Effect.interruptible(Effect.timeoutOption(Effect.disconnect(effect), Duration.millis(millis)))

// --- Logs -----------------------------------------------------------------------------------------------------------

const levels = { warn: LogLevel.Warning, info: LogLevel.Info }

export const log = (level: "warn" | "info", text: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWithLevel(levels[level], text, cause)

// --- Causes -----------------------------------------------------------------------------------------------------------

export const hasDies: (cause: Cause.Cause<unknown>) => boolean = Cause.isDie

export const hasInterrupts: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterrupted

export const isOnlyInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterruptedOnly

/** The typed failures, if there is nothing else. */
export const onlyErrors = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> | undefined =>
  hasDies(cause) || hasInterrupts(cause) || Cause.isEmpty(cause) ? undefined : [...Cause.failures(cause)]

/** The cause of a promise's rejection: of a fiber its own, of anything else a typed failure. */
export const causeOfRejection = (reason: unknown): Cause.Cause<unknown> =>
  Runtime.isFiberFailure(reason) ? reason[Runtime.FiberFailureCauseId] : Cause.fail(reason)

/** The exit of what nobody in particular interrupted. */
export const interrupted: Exit.Exit<never> = Exit.interrupt(FiberId.none)

/** The first typed failure. */
export const firstError: <E>(cause: Cause.Cause<E>) => Option<E> = Cause.failureOption

/** Replaces every failure and every defect. */
export const mapErrors = (cause: Cause.Cause<unknown>, f: (error: unknown) => unknown): Cause.Cause<unknown> =>
  Cause.match(cause, {
    onEmpty: Cause.empty as Cause.Cause<unknown>,
    onFail: (error) => Cause.fail(f(error)),
    onDie: (defect) => Cause.die(f(defect)),
    onInterrupt: Cause.interrupt,
    onSequential: Cause.sequential,
    onParallel: Cause.parallel
  })
