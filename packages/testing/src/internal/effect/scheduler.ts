/** The seam to Effect: schedulers that force fibers to yield, and fibers that run on them. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { AnyFiber, Fiber } from "./fiber.js"

export type Task = () => void

/** Tasks that run later. */
export interface Queue {
  scheduleTask(task: Task, priority: number): void
}

/**
 * The answer of a scheduler's `shouldYield` that forces a yield. The fiber then schedules itself with this priority, so
 * that `scheduleTask` knows the reason. No program uses such a priority.
 */
const forced = 2 ** 40

/** A scheduler that can make a fiber yield before any step. */
export abstract class ForcingScheduler implements Scheduler.Scheduler {
  /** Whether this fiber yields before its next step. Asked before each step. */
  protected abstract forcesYield(fiber: AnyFiber): boolean

  /** Takes a task to run later. `isForced` if it continues a fiber that `forcesYield` made yield. */
  protected abstract take(task: Task, isForced: boolean, priority: number, fiber: AnyFiber | undefined): void

  shouldYield(fiber: AnyFiber): number | false {
    return this.forcesYield(fiber) ? forced : false
  }

  scheduleTask(task: Task, priority: number, fiber?: AnyFiber): void {
    this.take(task, priority === forced, priority, fiber)
  }
}

/**
 * Counts the runtime steps from a forced yield until the fiber is back where it was: the yield sets and restores the
 * scheduling priority. A scheduler that counts these steps, and forces a yield more often than that, stops all
 * progress. The number depends on the version of Effect, so it is counted at run time.
 */
const count = (): number => {
  const tasks: Array<Task> = []
  let asked = 0
  let steps = 0
  Effect.runFork(Effect.sync(() => steps = asked), {
    immediate: false,
    scheduler: {
      shouldYield: () => asked++ === 0 ? forced : false,
      scheduleTask: (task) => void tasks.push(task)
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

export const runLater = (scheduler: Scheduler.Scheduler, task: Task): void => scheduler.scheduleTask(task, 0)

/** Effect's own queue. */
export const ordinary = (): Queue => new Scheduler.MixedScheduler(2048)

export const withScheduler: <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scheduler: Scheduler.Scheduler
) => Effect.Effect<A, E, R> = Effect.withScheduler

/** Starts a program on a scheduler, which decides when its first step is. */
export const start = <A, E>(
  program: Effect.Effect<A, E>,
  on: { readonly scheduler: Scheduler.Scheduler; readonly clock: Clock.Clock; readonly seed: number }
): Fiber<A, E> =>
  Effect.runFork(
    program.pipe(Effect.withRandom(Random.make(on.seed)), Effect.withClock(on.clock)),
    { scheduler: on.scheduler, immediate: false }
  )
