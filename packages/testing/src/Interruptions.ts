/**
 * Finds the runtime steps at which an interruption breaks a program. It runs the program again and again, and
 * interrupts it one step later each time.
 *
 * @since 3.0.0
 */
import { argument, type Rows, rules, Table } from "@socketpool/core/Checks"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { dieMessage } from "./internal/effect/fiber.js"
import { sampled } from "./internal/grid.js"
import { Run } from "./internal/run.js"

/**
 * The moment of the interrupt, relative to the forced yield. Either the fiber has not yielded yet, so nothing else has
 * run, or everything else that could run has run.
 *
 * @since 3.0.0
 * @category models
 */
export type Moment = "before others run" | "after others ran"

/**
 * A step at which an interruption did harm.
 *
 * @since 3.0.0
 * @category models
 */
export interface Violation {
  /** The step before which the interrupt came, counted from 0. */
  readonly step: number
  readonly moment: Moment
  /** The budget under which it happened: see `Options.budgets`. */
  readonly budget: number
  /** The harm, in the words of the explored program. */
  readonly problem: string
}

/**
 * The result of `explore`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Report {
  /** The runtime steps that the program takes without an interrupt. With several budgets, the largest count. */
  readonly steps: number
  /** The number of runs. */
  readonly runs: number
  /** All harm that was found; empty if no interruption did any. */
  readonly violations: ReadonlyArray<Violation>
}

/**
 * Two steps at which interruptions did harm together.
 *
 * @since 3.0.0
 * @category models
 */
export interface PairViolation {
  /** The step of each fiber before which the interrupt came, counted from 0. */
  readonly steps: readonly [number, number]
  readonly moment: Moment
  /** The budget under which it happened: see `Options.budgets`. */
  readonly budget: number
  /** The harm, in the words of the explored program. */
  readonly problem: string
}

/**
 * The result of `explorePairs`.
 *
 * @since 3.0.0
 * @category models
 */
export interface PairReport {
  /** The most runtime steps that each of the two fibers was seen to take. */
  readonly steps: readonly [number, number]
  /** The number of pairs of steps, over all budgets and moments. */
  readonly pairs: number
  /** The number of pairs that were run. */
  readonly runs: number
  /** All harm that was found. */
  readonly violations: ReadonlyArray<PairViolation>
}

/**
 * Forks the effect that will be interrupted. Call it exactly once in each run.
 *
 * @since 3.0.0
 * @category models
 */
export type ForkSubject = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R>

/**
 * The options of `explore`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Limits the steps of the explored fiber. The exploration of a program with more steps dies, because the program
   * counts as endless. Default: 2,000, far above a borrow and its release. Raise it for longer programs.
   */
  readonly maxSteps?: number
  /**
   * Limits the real time of one run, in milliseconds. A run that has not ended by then is reported as a violation, is
   * interrupted, and ends the exploration: so would the next runs. A program hangs if it waits for what an interruption
   * has lost, such as the permit of a semaphore. A pause of the whole process does not count. Default: 10,000. A limit
   * below that of the test shows the violation.
   */
  readonly maxMillis?: number
  /**
   * Sets after how many steps in a row a fiber yields. The program is explored with each of these budgets in turn.
   * Default: `[2048]`, which is Effect's own.
   *
   * Small budgets such as 4, 7, 16 and 33 open windows that otherwise hardly ever open. With a small budget, let sleeps
   * run on the live clock: an interrupted sleep can keep a `TestClock` from shutting down.
   */
  readonly budgets?: ReadonlyArray<number>
}

/**
 * The options of `explorePairs`.
 *
 * @since 3.0.0
 * @category models
 */
export interface PairOptions extends Options {
  /**
   * Limits the pairs of steps that are run, over all budgets and moments. Default: 1,000, which keeps a test short. The
   * report's `pairs` says how many there are: raise the limit to run them all.
   */
  readonly maxRuns?: number
  /**
   * Seeds the choice of pairs if `maxRuns` does not allow them all. A whole number. Default: 1, so that a test repeats
   * itself.
   */
  readonly seed?: number
}

const exploring = new Table(
  {
    maxSteps: rules.orElse(rules.limit(1), 2_000),
    maxMillis: rules.orElse(rules.count(1), 10_000),
    budgets: rules.orElse(rules.list(rules.count(1), "an array of at least one budget", 1), [2_048])
  } satisfies Rows<Options>
)

const exploringPairs = exploring.with(
  {
    maxRuns: rules.orElse(rules.limit(1), 1_000),
    seed: rules.orElse(rules.count(Number.MIN_SAFE_INTEGER), 1)
  } satisfies Rows<Omit<PairOptions, keyof Options>>
)

const moments: ReadonlyArray<Moment> = ["before others run", "after others ran"]

const endless = (maxSteps: number) => dieMessage(`the program has not ended after ${maxSteps} steps`)

/**
 * Runs `run` once for every runtime step of the fiber that it forks with `forkSubject`, and interrupts that fiber at
 * that step. `run` returns the problems it finds afterwards; an empty list means that the interruption did no harm.
 *
 * Use it for code that acquires and gives back, or that must repair itself after an interrupt. It never fails: read
 * `violations`. It dies if the program takes more than `maxSteps`. A run that hangs is a violation: see `maxMillis`.
 *
 * The technique: Effect asks its `Scheduler` before every step whether the fiber should yield. A custom scheduler
 * therefore sees every point at which an interrupt can take hold.
 *
 * @example
 * ```ts
 * import { Interruptions } from "@socketpool/testing"
 * import { Effect, Fiber, Ref } from "effect"
 *
 * // The interrupt between the two updates loses a permit: `violations` names the steps.
 * const report = Interruptions.explore((forkSubject) =>
 *   Effect.gen(function*() {
 *     const permits = yield* Ref.make(1)
 *     const borrow = Effect.andThen(Ref.update(permits, (n) => n - 1), Ref.update(permits, (n) => n + 1))
 *     yield* Fiber.await(yield* forkSubject(borrow))
 *     return (yield* Ref.get(permits)) === 1 ? [] : ["a permit is lost"]
 *   })
 * )
 * ```
 *
 * @since 3.0.0
 * @category testing
 */
export const explore = <R>(
  run: (forkSubject: ForkSubject) => Effect.Effect<ReadonlyArray<string>, never, R>,
  options: Options = {}
): Effect.Effect<Report, never, R> =>
  Effect.gen(function*() {
    argument("Interruptions.explore", "run", rules.callback, run)
    const { budgets, maxMillis, maxSteps } = exploring.read("Interruptions.explore", options)
    const violations: Array<Violation> = []
    let steps = 0
    let runs = 0
    for (const budget of budgets) {
      for (const moment of moments) {
        for (let step = 0;; step++) {
          if (step > maxSteps) return yield* endless(maxSteps)
          const one = new Run(budget, moment, maxMillis)
          violations.push(...yield* one.perform(run(one.fork(0, step)), { step }))
          runs++
          steps = Math.max(steps, one.steps(0))
          if (one.hung) return { steps, runs, violations }
          if (!one.struck(0)) break
        }
      }
    }
    return { steps, runs, violations }
  })

/**
 * Runs `run` for pairs of runtime steps of the two fibers that it forks, and interrupts each fiber at its step.
 *
 * Use it in addition to `explore`: a fiber that repairs the harm of its own interruption may rely on another fiber that
 * is interrupted, too. It fails and dies as `explore` does.
 *
 * Long programs have too many pairs to run them all: the exploration draws `maxRuns` of them evenly, and `pairs`
 * reports the total. A first run without interruptions counts the steps. If an interruption makes the other fiber take
 * more steps, these join the pairs to draw from.
 *
 * @example
 * ```ts
 * import { Interruptions } from "@socketpool/testing"
 * import { Effect, Fiber, Ref } from "effect"
 *
 * const report = Interruptions.explorePairs((forkFirst, forkSecond) =>
 *   Effect.gen(function*() {
 *     const permits = yield* Ref.make(2)
 *     const take = Ref.update(permits, (n) => n - 1)
 *     const giveBack = Ref.update(permits, (n) => n + 1)
 *     const borrow = Effect.acquireUseRelease(take, () => Effect.yieldNow(), () => giveBack)
 *     yield* Fiber.awaitAll([yield* forkFirst(borrow), yield* forkSecond(borrow)])
 *     return (yield* Ref.get(permits)) === 2 ? [] : ["a permit is lost"]
 *   })
 * )
 * ```
 *
 * @since 3.0.0
 * @category testing
 */
export const explorePairs = <R>(
  run: (forkFirst: ForkSubject, forkSecond: ForkSubject) => Effect.Effect<ReadonlyArray<string>, never, R>,
  options: PairOptions = {}
): Effect.Effect<PairReport, never, R> =>
  Effect.gen(function*() {
    argument("Interruptions.explorePairs", "run", rules.callback, run)
    const { budgets, maxMillis, maxRuns, maxSteps, seed } = exploringPairs.read("Interruptions.explorePairs", options)
    const violations: Array<PairViolation> = []
    const seen: [number, number] = [0, 0]
    let pairs = 0
    let runs = 0
    const settings = budgets.flatMap((budget) => moments.map((moment) => ({ budget, moment })))
    for (const [index, { budget, moment }] of settings.entries()) {
      const grid = sampled(Math.floor((maxRuns - runs) / (settings.length - index)), seed + index)
      const perform = (steps: readonly [number, number]) => {
        const one = new Run(budget, moment, maxMillis)
        return Effect.map(one.perform(run(one.fork(0, steps[0]), one.fork(1, steps[1])), { steps }), (found) => {
          violations.push(...found)
          grid.saw(one.steps(0), one.steps(1))
          return one.hung
        })
      }
      let hangs = yield* perform([Infinity, Infinity])
      for (let pair = grid.next(); pair !== undefined && !hangs; pair = grid.next()) {
        if (Math.max(...grid.size) > maxSteps) return yield* endless(maxSteps)
        hangs = yield* perform(pair)
        runs++
      }
      pairs += grid.size[0] * grid.size[1]
      seen[0] = Math.max(seen[0], grid.size[0])
      seen[1] = Math.max(seen[1], grid.size[1])
      if (hangs) break
    }
    return { steps: seen, pairs, runs, violations }
  })
