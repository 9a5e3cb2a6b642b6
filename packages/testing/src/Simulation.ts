/**
 * Runs an effect under one interleaving of its fibers that a seed determines, on a clock of its own, in one go.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { SeededScheduler } from "./internal/seededScheduler.js"
import { VirtualClock } from "./internal/virtualClock.js"
import * as Rng from "./Rng.js"

/**
 * How a simulation came to its end.
 *
 * - `Done`: the program has ended, and so has everything else that could run without time passing.
 * - `Stuck`: the program has not ended, and nobody can run any more nor sleeps, or only past `maxMillis`.
 * - `Endless`: the program has not ended after `maxSteps`.
 * - `Violated`: `observe` has seen a problem.
 *
 * @since 0.1.0
 * @category models
 */
export type End = "Done" | "Stuck" | "Endless" | "Violated"

/**
 * @since 0.1.0
 * @category models
 */
export interface Report<A, E> {
  readonly seed: number
  readonly end: End
  /** How the program ended, if it did. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** What `observe` has seen. */
  readonly problems: ReadonlyArray<string>
  /** How many tasks were run; between two of them another fiber may have its turn. */
  readonly steps: number
  /** Tells interleavings apart: two runs of one program with the same hash took the same course. */
  readonly hash: number
  /** How many milliseconds went by on the simulation's clock. */
  readonly now: number
  /** How many sleep on that clock even now. */
  readonly asleep: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Called after every task, between two of the program's steps. As soon as it names a problem, the simulation ends. It
   * must be quick: it is called thousands of times.
   */
  readonly observe?: () => ReadonlyArray<string>
  /**
   * The probability with which a fiber is made to yield before any one of its steps. Each such yield costs about a
   * dozen steps of its own. Default: 0.02.
   */
  readonly yieldProbability?: number
  /**
   * The probability with which, after a task, the clock goes on although fibers can run. Timeouts then strike fibers
   * that had no chance to do anything about it, as after a stall of the process. Default: 0, so that time passes only
   * while everybody waits.
   */
  readonly haste?: number
  /** After how many tasks the program counts as endless. Default: 100,000. */
  readonly maxSteps?: number
  /** How many milliseconds of its own clock the program may take. Default: one day. */
  readonly maxMillis?: number
}

const none: ReadonlyArray<string> = []

/**
 * Runs the program to its end, before this returns. The seed alone determines in which order fibers take their turns,
 * where they are made to yield, and what the `Random` service answers; so whatever it finds, it finds again.
 *
 * Every fiber takes part that inherits the program's scheduler and clock: those that it forks, and those of a pool that
 * it makes. What waits for the world outside, such as a promise or a socket, waits for ever here.
 *
 * The technique is that of deterministic simulation (FoundationDB) with a random walk over the interleavings, as in
 * Shuttle. Time stands still while any fiber can run.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Simulation } from "@socketpool/testing"
 *
 * // Two fibers read, and then write what they have read plus one: under some seeds one of the two is lost.
 * const lostUpdate = Effect.gen(function*() {
 *   let count = 0
 *   const increment = Effect.flatMap(Effect.sync(() => count), (read) => Effect.sync(() => count = read + 1))
 *   yield* Effect.all([increment, increment], { concurrency: 2 })
 *   return count
 * })
 *
 * const seeds = Array.from({ length: 1_000 }, (_, seed) => seed)
 * const unlucky = seeds.find((seed) => {
 *   const { exit } = Simulation.simulate(seed, lostUpdate)
 *   return exit?._tag === "Success" && exit.value !== 2
 * })
 * ```
 *
 * @since 0.1.0
 * @category testing
 */
export const simulate = <A, E>(seed: number, program: Effect.Effect<A, E>, options: Options = {}): Report<A, E> => {
  const { haste = 0, maxMillis = 86_400_000, maxSteps = 100_000, observe, yieldProbability = 0.02 } = options
  // Not the very sequence that a scenario draws from the same seed.
  const rng = Rng.make(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  const scheduler = new SeededScheduler(rng, yieldProbability)
  const clock = new VirtualClock()
  const fiber = Effect.runFork(
    program.pipe(Effect.withRandom(Random.make(seed)), Effect.withClock(clock)),
    { scheduler, immediate: false }
  )
  let problems = none

  const canAdvance = () => clock.next !== undefined && clock.next <= maxMillis

  const run = (): End => {
    for (;;) {
      if (scheduler.isIdle) {
        if (fiber.unsafePoll() !== null) return "Done"
        if (!canAdvance()) return "Stuck"
        clock.advance()
        continue
      }
      if (scheduler.steps >= maxSteps) return "Endless"
      scheduler.run()
      problems = observe?.() ?? none
      if (problems.length > 0) return "Violated"
      if (haste > 0 && rng.chance(haste) && canAdvance()) clock.advance()
    }
  }

  const end = run()
  return {
    seed,
    end,
    exit: fiber.unsafePoll() ?? undefined,
    problems,
    steps: scheduler.steps,
    hash: scheduler.hash,
    now: clock.now,
    asleep: clock.asleep
  }
}
