/**
 * Finds the runtime steps at which an interruption breaks a program: it runs the program again and again, and
 * interrupts it one step later each time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { sampled } from "./internal/grid.js"
import * as SteppingScheduler from "./SteppingScheduler.js"

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
  readonly budget: number
  readonly problem: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** How many runtime steps the program takes when nobody interrupts it, with the budget with which it takes the most. */
  readonly steps: number
  /** How many times it was run. */
  readonly runs: number
  readonly violations: ReadonlyArray<Violation>
}

/**
 * Two steps at which interruptions did harm together.
 *
 * @since 0.1.0
 * @category models
 */
export interface PairViolation {
  readonly steps: readonly [number, number]
  readonly moment: Moment
  readonly budget: number
  readonly problem: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface PairReport {
  /** How many runtime steps each of the two was seen to take at most. */
  readonly steps: readonly [number, number]
  /** How many pairs of steps there are, over all budgets and moments. */
  readonly pairs: number
  /** How many of them were run. */
  readonly runs: number
  readonly violations: ReadonlyArray<PairViolation>
}

/**
 * Forks the effect to be interrupted. It must be called once in each run.
 *
 * @since 0.1.0
 * @category models
 */
export type ForkSubject = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R>

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * A program that takes more steps than this counts as one that does not end: the exploration dies. Default: 2,000.
   */
  readonly maxSteps?: number
  /**
   * After how many steps in a row a fiber yields; everything is explored with each of these. Small budgets such as 4, 7,
   * 16 and 33 open windows that are hardly ever open otherwise. What sleeps should do so on the live clock then: under a
   * small budget, sleeps that are interrupted can keep a `TestClock` from shutting down. Default: 2,048 alone, which is
   * Effect's own.
   */
  readonly budgets?: ReadonlyArray<number>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface PairOptions extends Options {
  /** How many pairs of steps are run at most; the report says how many there are. Default: 1,000. */
  readonly maxRuns?: number
  /** Determines which pairs are run, if not all of them. Default: 1. */
  readonly seed?: number
}

const moments: ReadonlyArray<Moment> = ["before others run", "after others ran"]

/** In so many turns of the scheduler everything that does not wait for time or for a peer comes to rest. */
const turns = 200

const interrupt = (fiber: Fiber.RuntimeFiber<any, any>) => fiber.unsafeInterruptAsFork(FiberId.none)

/** One run: a scheduler for all its fibers, and the fibers that it interrupts. */
class Run {
  private readonly scheduler: SteppingScheduler.SteppingScheduler
  private readonly watches: Array<SteppingScheduler.Watch | undefined> = []

  constructor(private readonly budget: number, private readonly moment: Moment) {
    this.scheduler = SteppingScheduler.make({ budget })
  }

  /** What forks the subject of that number, which is interrupted at this step. */
  fork(subject: number, at: number): ForkSubject {
    return (effect) =>
      Effect.fork(Effect.withFiberRuntime((fiber) => {
        this.watches[subject] = this.scheduler.watch(fiber, { at, ...this.stop() })
        return effect
      }))
  }

  /** Runs it; what is wrong afterwards. */
  readonly perform = <V, R>(
    run: Effect.Effect<ReadonlyArray<string>, never, R>,
    at: V
  ): Effect.Effect<ReadonlyArray<V & { moment: Moment; budget: number; problem: string }>, never, R> =>
    Effect.map(
      Effect.withScheduler(run, this.scheduler),
      (problems) => problems.map((problem) => ({ ...at, moment: this.moment, budget: this.budget, problem }))
    )

  /** How many steps the subject of that number took. */
  steps(subject: number): number {
    return this.watches[subject]?.steps ?? 0
  }

  /** Whether it was still running at its step. */
  struck(subject: number): boolean {
    return this.watches[subject]?.reached ?? false
  }

  private stop(): Omit<SteppingScheduler.Stop, "at"> {
    if (this.moment === "before others run") return { strike: interrupt }
    return {
      aside: (goOn, fiber) =>
        this.pass(turns, () => {
          interrupt(fiber)
          goOn()
        })
    }
  }

  /** Lets the other fibers have so many turns. */
  private pass(left: number, then: () => void): void {
    this.scheduler.scheduleTask(() => left === 0 ? then() : this.pass(left - 1, then), 0)
  }
}

const endless = (maxSteps: number) => Effect.dieMessage(`the program has not ended after ${maxSteps} steps`)

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
  options: Options = {}
): Effect.Effect<Report, never, R> =>
  Effect.gen(function*() {
    const { budgets = [2_048], maxSteps = 2_000 } = options
    const violations: Array<Violation> = []
    let steps = 0
    let runs = 0
    for (const budget of budgets) {
      for (const moment of moments) {
        for (let step = 0;; step++) {
          if (step > maxSteps) return yield* endless(maxSteps)
          const one = new Run(budget, moment)
          violations.push(...yield* one.perform(run(one.fork(0, step)), { step }))
          runs++
          steps = Math.max(steps, one.steps(0))
          if (!one.struck(0)) break
        }
      }
    }
    return { steps, runs, violations }
  })

/**
 * Runs `run` for pairs of runtime steps of the two fibers that it forks, and interrupts each at its step: a fiber that
 * mends what its own interruption has broken may rely on another that is interrupted too.
 *
 * There are too many pairs to run them all if the programs are long: `maxRuns` of them are drawn evenly, and the report
 * says of how many. The steps are counted first in a run without interruptions; where one interruption makes the other
 * fiber go a longer way, those steps join the pairs that are drawn from thereafter.
 *
 * @since 0.1.0
 * @category testing
 */
export const explorePairs = <R>(
  run: (forkFirst: ForkSubject, forkSecond: ForkSubject) => Effect.Effect<ReadonlyArray<string>, never, R>,
  options: PairOptions = {}
): Effect.Effect<PairReport, never, R> =>
  Effect.gen(function*() {
    const { budgets = [2_048], maxRuns = 1_000, maxSteps = 2_000, seed = 1 } = options
    const violations: Array<PairViolation> = []
    const seen: [number, number] = [0, 0]
    let pairs = 0
    let runs = 0
    const settings = budgets.flatMap((budget) => moments.map((moment) => ({ budget, moment })))
    for (const [index, { budget, moment }] of settings.entries()) {
      const grid = sampled(Math.floor((maxRuns - runs) / (settings.length - index)), seed + index)
      const perform = (steps: readonly [number, number]) => {
        const one = new Run(budget, moment)
        return Effect.map(one.perform(run(one.fork(0, steps[0]), one.fork(1, steps[1])), { steps }), (found) => {
          violations.push(...found)
          grid.saw(one.steps(0), one.steps(1))
        })
      }
      yield* perform([Infinity, Infinity])
      for (let pair = grid.next(); pair !== undefined; pair = grid.next()) {
        if (Math.max(...grid.size) > maxSteps) return yield* endless(maxSteps)
        yield* perform(pair)
        runs++
      }
      pairs += grid.size[0] * grid.size[1]
      seen[0] = Math.max(seen[0], grid.size[0])
      seen[1] = Math.max(seen[1], grid.size[1])
    }
    return { steps: seen, pairs, runs, violations }
  })
