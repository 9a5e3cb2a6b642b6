/**
 * Finds the runtime steps at which an interruption breaks a program: it runs the program again and again, and
 * interrupts it one step later each time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Scheduler from "effect/Scheduler"

/**
 * When the interrupt comes, seen from the forced yield: before the fiber has stepped aside, so that nothing else has
 * run, or after everything else that could run has run.
 *
 * @since 0.1.0
 * @category models
 */
export type Moment = "before others run" | "after others ran"

/**
 * One step at which an interruption did harm.
 *
 * @since 0.1.0
 * @category models
 */
export interface Violation {
  readonly step: number
  readonly moment: Moment
  readonly problem: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** How many runtime steps the program takes when nobody interrupts it. */
  readonly steps: number
  /** How many times it was run. */
  readonly runs: number
  readonly violations: ReadonlyArray<Violation>
}

/**
 * Forks the effect to be interrupted. It must be called once in each run.
 *
 * @since 0.1.0
 * @category models
 */
export type ForkSubject = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R>

const moments: ReadonlyArray<Moment> = ["before others run", "after others ran"]

/** In so many turns of the scheduler everything that does not wait for time or for a peer comes to rest. */
const turns = 200

/** Counts one fiber's steps, makes it yield at the given one, and interrupts it there. */
class Interruptor implements Scheduler.Scheduler {
  private readonly base = new Scheduler.MixedScheduler(2048)
  private step = 0
  private yielding = false
  subject: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  /** Whether the program was still running at the step. */
  struck = false

  constructor(private readonly at: number, private readonly moment: Moment) {}

  get steps(): number {
    return this.step
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    if (fiber !== this.subject) return this.base.shouldYield(fiber)
    if (this.step++ !== this.at) return false
    this.struck = true
    this.yielding = true
    if (this.moment === "before others run") fiber.unsafeInterruptAsFork(FiberId.none)
    return 0
  }

  scheduleTask(task: Scheduler.Task, priority: number, fiber?: Fiber.RuntimeFiber<unknown, unknown>): void {
    if (!this.yielding || fiber !== this.subject) return this.base.scheduleTask(task, priority, fiber)
    this.yielding = false
    if (this.moment === "before others run") return this.base.scheduleTask(task, priority, fiber)
    this.stepAside(turns, () => {
      fiber!.unsafeInterruptAsFork(FiberId.none)
      task()
    })
  }

  /** Lets the other fibers have so many turns. */
  private stepAside(left: number, then: () => void): void {
    this.base.scheduleTask(() => left === 0 ? then() : this.stepAside(left - 1, then), 0)
  }
}

/**
 * Runs `run` once for every runtime step of the fiber that it forks with `forkSubject`, and interrupts that fiber at
 * that step. `run` says what is wrong afterwards; an empty list means that the interruption did no harm.
 *
 * The technique: Effect asks its `Scheduler` before every step whether the fiber should yield, so a scheduler of one's
 * own sees every point at which an interrupt can take hold.
 *
 * @since 0.1.0
 * @category testing
 */
export const explore = <R>(
  run: (forkSubject: ForkSubject) => Effect.Effect<ReadonlyArray<string>, never, R>,
  options: { readonly maxSteps?: number } = {}
): Effect.Effect<Report, never, R> =>
  Effect.gen(function*() {
    const maxSteps = options.maxSteps ?? 2_000
    const violations: Array<Violation> = []
    let steps = 0
    let runs = 0
    for (const moment of moments) {
      for (let at = 0;; at++) {
        if (at > maxSteps) return yield* Effect.dieMessage(`the program has not ended after ${maxSteps} steps`)
        const interruptor = new Interruptor(at, moment)
        const forkSubject: ForkSubject = <A, E, R1>(effect: Effect.Effect<A, E, R1>) =>
          Effect.fork(Effect.withScheduler(
            Effect.withFiberRuntime<A, E, R1>((fiber) => {
              interruptor.subject = fiber as Fiber.RuntimeFiber<unknown, unknown>
              return effect
            }),
            interruptor
          ))
        const problems = yield* run(forkSubject)
        runs++
        for (const problem of problems) violations.push({ step: at, moment, problem })
        steps = Math.max(steps, interruptor.steps)
        if (!interruptor.struck) break
      }
    }
    return { steps, runs, violations }
  })
