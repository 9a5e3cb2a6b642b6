/**
 * The seam to Effect 4: every name of Effect that another major version spells or means differently. Everything else in
 * core imports only names that mean the same. This file has fibers, their surroundings, time, logs and causes.
 *
 * In Effect 4 whoever resumes or interrupts a fiber runs it, at once and within its own call. Nothing here does that: a
 * borrower's code must not run in the middle of a transition of the pool.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as EffectFiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type { Option } from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { type AsyncContext, bind, isTimed, quietTimer } from "../host.js"
import { type Park, parked, type Resume } from "./parking.js"

// --- Fibers ---------------------------------------------------------------------------------------------------------

export type Fiber<A, E> = EffectFiber.Fiber<A, E>

/** The fiber that asked for something. */
export type Holder = EffectFiber.Fiber<any, any>

export type CloseableScope = Scope.Closeable

export const withFiber: <A, E, R>(f: (fiber: Holder) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.withFiber

export const fiberNumber = (fiber: Holder): number => fiber.id

/** The span of a fiber, or of another borrower that has kept one. */
export const spanOf = (
  holder: Pick<Holder, "cache"> | { readonly currentSpan: Tracer.AnySpan | undefined }
): Tracer.AnySpan | undefined => "cache" in holder ? holder.cache.span : holder.currentSpan

export const schedulerOf = (fiber: Holder): Scheduler.Scheduler => fiber.cache.scheduler

export const clockOf = (fiber: Holder): Clock.Clock => fiber.getRef(Clock.Clock)

type Register<A, E> = (resume: Resume<A, E>) => void | Effect.Effect<unknown>

/**
 * Parks this fiber until it is resumed. It resumes in the asynchronous context that it parked in, whatever resumes it
 * and whatever else the scheduler runs in the same turn: Effect 4 sees to that itself.
 */
export const asyncIn = <A, E = never>(fiber: Holder, register: Register<A, E>): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const later = new Resumption(fiber, resume)
    const cancel = register(later.resume)
    later.isRegistering = false
    return cancel && Effect.asVoid(cancel)
  })

/** `asyncIn` for a wait that need not be told when it is interrupted. Costs less. */
export const parkIn = <A, E = never>(fiber: Holder, park: Park<A, E>): Effect.Effect<A, E> =>
  parked<A, E>((resume) => {
    const later = new Resumption(fiber, resume)
    park(later.resume)
    later.isRegistering = false
  })

/**
 * Resumes a fiber in a later turn, but at once while it still registers: then it does not wait yet. The first call
 * counts, in whatever order a scheduler runs the turns.
 */
class Resumption<A, E> {
  isRegistering = true
  private isResumed = false

  constructor(private readonly fiber: Holder, private readonly now: Resume<A, E>) {}

  readonly resume = (effect: Effect.Effect<A, E>): void => {
    if (this.isResumed) return
    this.isResumed = true
    if (this.isRegistering) return this.now(effect)
    this.fiber.currentDispatcher.scheduleTask(() => {
      strike(this.fiber)
      this.now(effect)
    }, 0)
  }
}

/** Ends as the first of two effects ends, and interrupts the other. */
export const firstOf: <A, E, R, A2, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<A2, E2, R2>
) => Effect.Effect<A | A2, E | E2, R | R2> = Effect.raceFirst

export const async = <A, E = never>(register: Register<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => asyncIn(fiber, register))

/** Fibers that have been stopped, and whose interruption is still to come. */
const stopped = new Set<Fiber<any, any>>()

const strike = (fiber: Fiber<any, any>): void => {
  if (stopped.size > 0 && stopped.delete(fiber)) fiber.interruptUnsafe()
}

/** Interrupts a fiber without waiting for it. It takes no further step, even if it has just been resumed or started. */
export const stop = (fiber: Fiber<any, any> | undefined): void => {
  if (fiber === undefined) return
  if (fiber === EffectFiber.getCurrent()) return fiber.interruptUnsafe()
  stopped.add(fiber)
  fiber.currentDispatcher.scheduleTask(() => strike(fiber), 0)
}

/** Starts a fiber that ends with this one at the latest. */
export const forkChild = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { uninterruptible: "inherit" })

/** The outcome of a fiber that has ended, as if this fiber had come to it. */
export const outcomeOf = <A, E>(fiber: Fiber<A, E>): Effect.Effect<A, E> | undefined => fiber.pollUnsafe()

export const yieldNow: Effect.Effect<void> = Effect.yieldNow

const hostClock = Context.get(Context.empty(), Clock.Clock)

/**
 * Completes in a later turn of the timers: input that has arrived by now is read first. On the host's clock, to sleep for
 * no time is not to wait for a timer; a millisecond is the shortest that is.
 */
export const graceTurn: Effect.Effect<void> = Effect.flatMap(
  Clock.Clock,
  (clock) => clock.sleep(clock === hostClock ? Duration.millis(1) : Duration.zero)
)

// --- Surroundings ---------------------------------------------------------------------------------------------------

/** Everything that a fiber inherits from the place where it is started. */
export type Surroundings<R> = Context.Context<R>

export const surroundings: <R>() => Effect.Effect<Surroundings<R>, never, R> = Effect.context

/** Takes nothing of a fiber but its clock and its scheduler. */
export const onlyTime = (fiber: Holder, clock: Clock.Clock): Surroundings<never> =>
  Context.add(Context.make(Clock.Clock, clock), Scheduler.Scheduler, fiber.cache.scheduler) as Surroundings<never>

/** The attributes of `Metric.CurrentMetricAttributes`. */
export const metricTags = (
  surroundings: Surroundings<never>
): ReadonlyArray<readonly [key: string, value: string]> =>
  Object.entries(Context.get(surroundings, Metric.CurrentMetricAttributes))

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
  // Effect counts fibers by the attributes of their metrics, and never forgets such a series.
  const own = metricTags(surroundings).length > 0
    ? Context.add(surroundings, Metric.FiberRuntimeMetrics, undefined) as Surroundings<never>
    : surroundings
  const dispatcher = Context.get(own, Scheduler.Scheduler).makeDispatcher()
  const schedule = (task: () => void) => dispatcher.scheduleTask(task, 0)
  const later = context === undefined ? schedule : (task: () => void) => schedule(bind(context, task))
  const forkIn = (around: Surroundings<never>): Fork => {
    const run = Effect.runForkWith(around)
    // It would start at once.
    const later = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.withFiber<A, E>((fiber) =>
        Effect.callback<A, E>((resume) =>
          schedule(() => {
            strike(fiber)
            resume(effect)
          })
        )
      )
    return bind(context, <A, E>(effect: Effect.Effect<A, E>) => run(later(effect))) as Fork
  }
  const clock = Context.get(own, Clock.Clock)
  return {
    fork: forkIn(own),
    forkQuietly: forkIn(Context.add(own, Clock.Clock, quietly(clock)) as Surroundings<never>),
    later
  }
}

/** A clock whose sleepers do not keep the process alive, if it is the host's. A test's clock has no timers. */
const quietly = (clock: Clock.Clock): Clock.Clock => {
  const timer = quietTimer
  if (timer === undefined || clock !== hostClock) return clock
  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    const millis = Duration.toMillis(duration)
    if (!isTimed(millis)) return Effect.never
    return Effect.callback<void>((resume) => Effect.sync(timer(() => resume(Effect.void), millis)))
  }
  return Object.create(clock, { sleep: { value: sleep } })
}

/** Runs an effect that does not wait, at once, in these surroundings. */
export const runNow = <A, E, R>(around: Surroundings<R>, effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> => {
  const given = Context.get(around, Scheduler.Scheduler)
  let isNow = true
  // One that makes fibers yield at random would not let the effect end at once.
  const scheduler: Scheduler.Scheduler = {
    executionMode: given.executionMode,
    shouldYield: (fiber) => isNow ? false : given.shouldYield(fiber),
    makeDispatcher: () => given.makeDispatcher()
  }
  // Otherwise what the effect makes would go on with the scheduler of this one run.
  const exit = Effect.runSyncExitWith(around)(Effect.provideService(effect, Scheduler.Scheduler, scheduler))
  isNow = false
  return exit
}

export const withScope = <R>(surroundings: Surroundings<R>, scope: Scope.Scope): Surroundings<R | Scope.Scope> =>
  Context.add(surroundings, Scope.Scope, scope)

/** Without the span of the place where they were taken: it has ended by the time that they are used. */
export const withoutSpan = <R>(surroundings: Surroundings<R>): Surroundings<R> =>
  Context.omit(Tracer.ParentSpan)(surroundings as Context.Context<any>) as Surroundings<R>

/**
 * Makes something that closes with the caller's scope. `make` gets the effect that makes the scope forget it, for when
 * it has closed before: the scope may stay open for long.
 */
export const acquireForgettable = <A>(
  make: (forget: Effect.Effect<void>) => { readonly value: A; readonly close: Effect.Effect<void> }
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.flatMap(Scope.fork(scope, "sequential"), (own) => {
        const forget = Scope.close(own, Exit.void)
        return Effect.sync(() => make(forget)).pipe(
          Effect.tapCause(() => forget),
          Effect.flatMap(({ close, value }) => Effect.as(Scope.addFinalizer(own, close), value))
        )
      }))
  )

// --- Time -----------------------------------------------------------------------------------------------------------

export const currentClock: Effect.Effect<Clock.Clock> = Clock.Clock

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

export const wallMillis = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe()

type Step<In> = (input: In) => Effect.Effect<unknown, unknown>

/** Runs a schedule from its beginning: each step completes after the step's delay, and fails when the schedule ends. */
export const steps = <In>(schedule: Schedule.Schedule<unknown, In>): Effect.Effect<Step<In>> =>
  Schedule.toStepWithSleep(schedule)

/** Steps as soon as either schedule does. */
export const sooner = (a: Schedule.Schedule<unknown>, b: Schedule.Schedule<unknown>): Schedule.Schedule<unknown> =>
  Schedule.min([a, b])

/** Interrupts an effect after a time, and waits for its end no longer than that. A failure stays a failure. */
export const atMost = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Option<A>, E, R> =>
  Effect.interruptible(Effect.timeoutOption(disconnected(effect), Duration.millis(millis)))

/** Lets who is interrupted go on, while the effect ends in a fiber of its own. */
const disconnected = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(restore(effect), { uninterruptible: "inherit" }),
      (fiber) => Effect.onInterrupt(restore(EffectFiber.join(fiber)), () => Effect.sync(() => stop(fiber)))
    )
  )

// --- Logs -----------------------------------------------------------------------------------------------------------

const levels = { warn: "Warn", info: "Info" } as const

export const log = (level: "warn" | "info", text: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWithLevel(levels[level])(text, cause)

// --- Causes -----------------------------------------------------------------------------------------------------------

export const hasDies: (cause: Cause.Cause<unknown>) => boolean = Cause.hasDies

export const hasInterrupts: (cause: Cause.Cause<unknown>) => boolean = Cause.hasInterrupts

export const isOnlyInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.hasInterruptsOnly

/** The typed failures, if there is nothing else. */
export const onlyErrors = ({ reasons }: Cause.Cause<unknown>): ReadonlyArray<unknown> | undefined =>
  reasons.length > 0 && reasons.every(Cause.isFailReason) ? reasons.map(({ error }) => error) : undefined

/** The cause of a promise's rejection. Effect 4 rejects with the error or the defect alone. */
export const causeOfRejection = (reason: unknown): Cause.Cause<unknown> => Cause.fail(reason)

/** The exit of what nobody in particular interrupted. */
export const interrupted: Exit.Exit<never> = Exit.interrupt()

/** The first typed failure. */
export const firstError: <E>(cause: Cause.Cause<E>) => Option<E> = Cause.findErrorOption

/** Replaces every failure and every defect. */
export const mapErrors = (cause: Cause.Cause<unknown>, f: (error: unknown) => unknown): Cause.Cause<unknown> =>
  Cause.fromReasons(cause.reasons.map((reason) => {
    if (Cause.isFailReason(reason)) return Cause.makeFailReason(f(reason.error))
    return Cause.isDieReason(reason) ? Cause.makeDieReason(f(reason.defect)) : reason
  }))
