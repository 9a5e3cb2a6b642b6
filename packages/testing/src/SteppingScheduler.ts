/**
 * A scheduler that stops a fiber at one of its runtime steps, and that can make all fibers yield more often than Effect
 * does by itself.
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as ForcedYield from "./internal/forcedYield.js"

type AnyFiber = Fiber.RuntimeFiber<any, any>

/**
 * Where a fiber stops, and what happens there.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stop {
  /** The step, counted from 0, before which the fiber stops. */
  readonly at: number
  /** Runs before the fiber has stepped aside, so that nothing else has run since its last step. */
  readonly strike?: (fiber: AnyFiber) => void
  /** Runs once the fiber has stepped aside, and decides when it goes on. Without it the fiber goes on in its turn. */
  readonly aside?: (goOn: () => void, fiber: AnyFiber) => void
}

/**
 * How far a watched fiber has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Watch {
  /** How many steps it has taken. */
  readonly steps: number
  /** Whether it has come to its stop. */
  readonly reached: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface SteppingScheduler extends Scheduler.Scheduler {
  /**
   * Counts the steps of a fiber, or with `"all"` those of every fiber that is not watched by itself, and stops it at
   * one of them. The count begins now.
   */
  readonly watch: (fiber: AnyFiber | "all", stop: Stop) => Watch
}

class Watched implements Watch {
  steps = 0
  reached = false

  constructor(readonly stop: Stop) {}

  /** Counts a step; whether the fiber stops before it. */
  next(): boolean {
    if (this.steps++ !== this.stop.at) return false
    this.reached = true
    return true
  }
}

class SteppingSchedulerImpl implements SteppingScheduler {
  private readonly base = new Scheduler.MixedScheduler(2048)
  private readonly watched = new Map<AnyFiber, Watched>()
  private all: Watched | undefined = undefined
  /** Fibers on their way from a stop's yield to the queue. */
  private readonly stopping = new Map<AnyFiber, Watched>()
  /** The fiber that is on its way back from a forced yield, or just past it. */
  private resumed: AnyFiber | undefined = undefined

  constructor(private readonly budget: number) {}

  watch(fiber: AnyFiber | "all", stop: Stop): Watch {
    const watched = new Watched(stop)
    if (fiber === "all") this.all = watched
    else this.watched.set(fiber, watched)
    return watched
  }

  shouldYield(fiber: AnyFiber): number | false {
    const watched = this.watched.get(fiber) ?? this.all
    if (watched?.next() === true) {
      this.stopping.set(fiber, watched)
      watched.stop.strike?.(fiber)
      return ForcedYield.forced
    }
    const excused = fiber === this.resumed ? ForcedYield.costInSteps() : 0
    return fiber.currentOpCount > this.budget + excused ? ForcedYield.forced : false
  }

  scheduleTask(task: Scheduler.Task, priority: number, fiber?: AnyFiber): void {
    if (priority !== ForcedYield.forced || fiber === undefined) return this.base.scheduleTask(task, priority, fiber)
    const goOn = () => this.base.scheduleTask(() => this.resume(fiber, task), 0, fiber)
    const aside = this.stopping.get(fiber)?.stop.aside
    this.stopping.delete(fiber)
    if (aside === undefined) goOn()
    else aside(goOn, fiber)
  }

  private resume(fiber: AnyFiber, task: Scheduler.Task): void {
    this.resumed = fiber
    try {
      task()
    } finally {
      this.resumed = undefined
    }
  }
}

/**
 * Makes such a scheduler. Fibers run on it inside `Effect.withScheduler`, and so do the fibers that they fork there.
 *
 * A fiber yields after `budget` steps in a row: 2,048 if left out, as in Effect. With a small budget fibers interleave at
 * places where they hardly ever do otherwise. Effect itself cannot be asked for less than about 14: what a forced yield
 * costs is charged to the fiber too, so it never gets anywhere. Here those steps are free, and every budget from 1 on
 * comes to an end.
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
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: { readonly budget?: number } = {}): SteppingScheduler =>
  new SteppingSchedulerImpl(options.budget ?? 2048)
