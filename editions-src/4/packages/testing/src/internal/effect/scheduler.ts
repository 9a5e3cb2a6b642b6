/** The seam to Effect: schedulers that force fibers to yield, and fibers that run on them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { AnyFiber, Fiber } from "./fiber.js"

export type Task = () => void

/** Tasks that run later. */
export interface Queue {
  scheduleTask(task: Task, priority: number): void
}

/** Whether an interruption takes hold before the fiber's next step. Reads what Effect 4.1 keeps to itself. */
const isStruck = (fiber: AnyFiber & { readonly _deferredInterrupt?: boolean }): boolean =>
  fiber._deferredInterrupt === true

/**
 * Whether the fiber is at the beginning of its end by an interruption. If it yields there, before its own start, that
 * start goes on as if nothing had come. Effect's own scheduler cannot do that: it counts steps from the beginning.
 */
const isEnding = (fiber: AnyFiber & { readonly _interruptedCause?: unknown }): boolean =>
  fiber.currentOpCount === 1 && fiber._interruptedCause !== undefined

/** A scheduler that can make a fiber yield before any step. All its fibers share one queue. */
export abstract class ForcingScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** The fiber that has been told to yield. Its next task, which follows at once, is the one that continues it. */
  private yielding: AnyFiber | undefined = undefined

  /** Whether this fiber yields before its next step. Asked before each step. */
  protected abstract forcesYield(fiber: AnyFiber): boolean

  /** Takes a task to run later. `isForced` if it continues a fiber that `forcesYield` made yield. */
  protected abstract take(task: Task, isForced: boolean, priority: number, fiber: AnyFiber | undefined): void

  shouldYield(fiber: AnyFiber): boolean {
    this.yielding = undefined
    const goesOn = isEnding(fiber)
    const isForced = this.forcesYield(fiber)
    if (goesOn) return false
    // An interruption comes in place of the yield.
    if (isForced && !isStruck(fiber)) this.yielding = fiber
    return isForced
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const dispatcher: Scheduler.SchedulerDispatcher = {
      scheduleTask: (task, priority) => {
        const fiber = this.yielding
        if (fiber === undefined || fiber.currentDispatcher !== dispatcher) {
          return this.take(task, false, priority, undefined)
        }
        this.yielding = undefined
        this.take(task, true, priority, fiber)
      },
      // Only `Effect.runSync` flushes, and it brings a scheduler of its own.
      flush: () => {}
    }
    return dispatcher
  }
}

/**
 * Counts the runtime steps from a forced yield until the fiber is back where it was. A scheduler that counts these
 * steps, and forces a yield more often than that, stops all progress. The number depends on the version of Effect, so
 * it is counted at run time.
 */
const count = (): number => {
  const tasks: Array<Task> = []
  let asked = 0
  let steps = 0
  Effect.runFork(Effect.sync(() => steps = asked), {
    scheduler: {
      executionMode: "async",
      shouldYield: () => asked++ === 0,
      makeDispatcher: () => ({ scheduleTask: (task) => void tasks.push(task), flush: () => {} })
    }
  })
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task()
  // The first call caused the yield, and the last one belongs to the program's own step.
  return steps - 2
}

let cost: number | undefined

export const costInSteps = (): number => cost ??= count()

/** The steps that the fiber has taken since it last yielded. */
export const stepsInARow = (fiber: AnyFiber): number => fiber.currentOpCount

export const runLater = (scheduler: Scheduler.Scheduler, task: Task): void =>
  scheduler.makeDispatcher().scheduleTask(task, 0)

/** As many turns in a row may keep the event loop waiting, as in Effect 3. */
const patience = 2048

/**
 * Effect's own queue. Its turns are microtasks: those of Effect 4 are turns of the event loop, so that a fiber which
 * lets others have many turns would take longer than what these wait for.
 */
export const ordinary = (): Queue => {
  let left = patience
  const turn = (run: Task) => {
    if (left-- > 0) {
      queueMicrotask(run)
    } else {
      left = patience
      setImmediate(run)
    }
    // Only `Effect.runSync` cancels a turn.
    return () => {}
  }
  return new Scheduler.MixedScheduler("async", turn).makeDispatcher()
}

export const withScheduler = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scheduler: Scheduler.Scheduler
): Effect.Effect<A, E, R> => Effect.provideService(effect, Scheduler.Scheduler, scheduler)

/** Starts a program on a scheduler, which decides when its first step is. */
export const start = <A, E>(
  program: Effect.Effect<A, E>,
  on: { readonly scheduler: Scheduler.Scheduler; readonly clock: Clock.Clock; readonly seed: number }
): Fiber<A, E> =>
  Effect.runFork(
    Effect.andThen(
      Effect.yieldNow,
      program.pipe(Random.withSeed(on.seed), Effect.provideService(Clock.Clock, on.clock))
    ),
    { scheduler: on.scheduler }
  )
