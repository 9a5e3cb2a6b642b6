/**
 * A scheduler that stops a fiber before a given runtime step. It can also make all fibers yield more often than Effect
 * does.
 *
 * @since 3.0.0
 */
import { rules, Table } from "@socketpool/core/Checks"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { costInSteps, ForcingScheduler, ordinary, stepsInARow, type Task } from "./internal/effect/scheduler.js"

type AnyFiber = Fiber.RuntimeFiber<any, any>

/**
 * A stop of a fiber, and the actions there.
 *
 * @since 3.0.0
 * @category models
 */
export interface Stop {
  /** The step, counted from 0, before which the fiber stops. */
  readonly at: number
  /** Runs before the fiber yields, so that nothing else has run since its last step. Default: nothing. */
  readonly strike?: (fiber: AnyFiber) => void
  /**
   * Runs once the fiber has yielded. The fiber continues when this calls `goOn`. Default: it continues in its turn.
   */
  readonly aside?: (goOn: () => void, fiber: AnyFiber) => void
}

/**
 * The progress of a watched fiber.
 *
 * @since 3.0.0
 * @category models
 */
export interface Watch {
  /** The steps that the fiber has taken. */
  readonly steps: number
  /** Whether the fiber has reached its stop. */
  readonly reached: boolean
}

/**
 * A scheduler that can watch fibers.
 *
 * @since 3.0.0
 * @category models
 */
export interface SteppingScheduler extends Scheduler.Scheduler {
  /**
   * Counts the steps of a fiber from now on and stops it before one of them. With `"all"` it counts the steps of every
   * fiber that has no watch of its own.
   */
  readonly watch: (fiber: AnyFiber | "all", stop: Stop) => Watch
}

class Watched implements Watch {
  steps = 0
  reached = false

  constructor(readonly stop: Stop) {}

  /** Counts a step. Returns whether the fiber stops before it. */
  next(): boolean {
    if (this.steps++ !== this.stop.at) return false
    this.reached = true
    return true
  }
}

class SteppingSchedulerImpl extends ForcingScheduler implements SteppingScheduler {
  private readonly base = ordinary()
  private readonly watched = new Map<AnyFiber, Watched>()
  private all: Watched | undefined = undefined
  /** Fibers between the yield of their stop and the queue. */
  private readonly stopping = new Map<AnyFiber, Watched>()
  /** The fiber that returns from a forced yield, or has just done so. */
  private resumed: AnyFiber | undefined = undefined

  constructor(private readonly budget: number) {
    super()
  }

  watch(fiber: AnyFiber | "all", stop: Stop): Watch {
    const watched = new Watched(stop)
    if (fiber === "all") this.all = watched
    else this.watched.set(fiber, watched)
    return watched
  }

  protected forcesYield(fiber: AnyFiber): boolean {
    const watched = this.watched.get(fiber) ?? this.all
    if (watched?.next() === true) {
      this.stopping.set(fiber, watched)
      watched.stop.strike?.(fiber)
      return true
    }
    const excused = fiber === this.resumed ? costInSteps() : 0
    return stepsInARow(fiber) > this.budget + excused
  }

  protected take(task: Task, isForced: boolean, priority: number, fiber: AnyFiber | undefined): void {
    if (!isForced || fiber === undefined) return this.base.scheduleTask(task, priority)
    const goOn = () => this.base.scheduleTask(() => this.resume(fiber, task), 0)
    const aside = this.stopping.get(fiber)?.stop.aside
    this.stopping.delete(fiber)
    if (aside === undefined) goOn()
    else aside(goOn, fiber)
  }

  private resume(fiber: AnyFiber, task: Task): void {
    this.resumed = fiber
    try {
      task()
    } finally {
      this.resumed = undefined
    }
  }
}

/**
 * Makes a scheduler. `Effect.withScheduler` runs a fiber on it, together with the fibers that it forks there.
 *
 * Use it for a test of one particular step, or to build an exploration. To try all steps, use `Interruptions.explore`.
 *
 * A fiber yields after `budget` steps in a row. Default: 2,048, as in Effect. With a small budget fibers interleave at
 * places where they otherwise hardly ever do. Effect itself cannot use a budget below about 14: it charges the cost of
 * a forced yield to the fiber, so the fiber makes no progress. Here these steps are free, and programs end under every
 * budget from 1 on.
 *
 * @example
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { SteppingScheduler } from "@socketpool/testing"
 *
 * // Interrupts a fiber before its tenth step.
 * const program = Effect.gen(function*() {
 *   const scheduler = SteppingScheduler.make()
 *   const subject = Effect.withFiberRuntime<never>((fiber) => {
 *     scheduler.watch(fiber, { at: 9, strike: (fiber) => fiber.unsafeInterruptAsFork(fiber.id()) })
 *     return Effect.forever(Effect.void)
 *   })
 *   return yield* Fiber.await(yield* Effect.fork(Effect.withScheduler(subject, scheduler)))
 * })
 *
 * Effect.runPromise(program)
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (options: { readonly budget?: number } = {}): SteppingScheduler =>
  new SteppingSchedulerImpl(schedulerOptions.read("SteppingScheduler", options).budget)

const schedulerOptions = new Table({ budget: rules.orElse(rules.count(1), 2048) })
