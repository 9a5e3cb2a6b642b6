/**
 * Runs an effect synchronously, on a clock of its own. A seed determines the interleaving of its fibers.
 *
 * @since 3.0.0
 */
import { argument, type Rows, rules, Table } from "@socketpool/core/Checks"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { clockOf } from "./internal/effect/clock.js"
import { exitOf } from "./internal/effect/fiber.js"
import { start } from "./internal/effect/scheduler.js"
import { SeededScheduler } from "./internal/seededScheduler.js"
import { VirtualClock } from "./internal/virtualClock.js"
import * as Rng from "./Rng.js"

/**
 * The end of a simulation.
 *
 * - `Done`: the program has ended, and nothing else can run before time passes.
 * - `Stuck`: the program has not ended, no fiber can run, and none sleeps, or only past `maxMillis`.
 * - `Endless`: the program has not ended after `maxSteps`.
 * - `Violated`: `observe` has returned a problem.
 *
 * @since 3.0.0
 * @category models
 */
export type End = "Done" | "Stuck" | "Endless" | "Violated"

/**
 * The result of a simulation.
 *
 * @since 3.0.0
 * @category models
 */
export interface Report<A, E> {
  /** The seed that reproduces this run. */
  readonly seed: number
  readonly end: End
  /** The program's exit; `undefined` if it has not ended. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** The problems that `observe` returned. */
  readonly problems: ReadonlyArray<string>
  /** The number of tasks run. Between two tasks another fiber may have its turn. */
  readonly steps: number
  /** Identifies the interleaving: two runs of one program with the same hash took the same course. */
  readonly hash: number
  /** The time on the simulation's clock, in milliseconds since its start. */
  readonly now: number
  /** The number of fibers that still sleep on that clock. */
  readonly asleep: number
}

/**
 * The options of a simulation.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Checks an invariant after every task, between two steps of the program. The simulation ends as soon as this returns
   * a problem. It must be fast, because it runs thousands of times. Default: no check.
   */
  readonly observe?: () => ReadonlyArray<string>
  /**
   * Sets the probability, from 0 to 1, of a forced yield before each step of a fiber. Each forced yield costs about a
   * dozen steps of its own. Default: 0.02, one yield in fifty steps. Raise it for short programs. With 0 fibers change
   * only where the program itself lets go.
   */
  readonly yieldProbability?: number
  /**
   * Sets the probability, from 0 to 1, that the clock advances after a task although fibers can run. Timeouts then hit
   * fibers that had no chance to react, as after a stall of the process. Default: 0, so that time passes only while
   * every fiber waits.
   */
  readonly haste?: number
  /** Limits the tasks; a program with more ends as `Endless`. Default: 100,000. */
  readonly maxSteps?: number
  /**
   * Limits the time on the simulation's clock, in milliseconds; a program that sleeps longer ends as `Stuck`. Default:
   * 86,400,000, one day.
   */
  readonly maxMillis?: number
}

const none: ReadonlyArray<string> = []

/**
 * Runs the program to its end before it returns. The seed alone determines the order of the fibers' turns, the forced
 * yields and the values of the `Random` service, so a failure under a seed repeats itself.
 *
 * Use it with many seeds to find races, and with `MemoryServer` or `ScriptedConnector` in place of sockets. It never
 * throws for a failing program: read `end` and `exit`.
 *
 * - Every fiber that inherits the program's scheduler and clock takes part: the ones it forks, and those of its pools.
 * - Time stands still while any fiber can run.
 * - Anything that waits for the outside world, such as a promise or a socket, waits for ever here.
 *
 * The technique is deterministic simulation (FoundationDB) with a random walk over the interleavings, as in Shuttle.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Simulation } from "@socketpool/testing"
 *
 * // Two fibers read a count and then write it plus one: under some seeds one of the two updates is lost.
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
 * @since 3.0.0
 * @category testing
 */
export const simulate = <A, E>(seed: number, program: Effect.Effect<A, E>, options: Options = {}): Report<A, E> => {
  argument("Simulation.simulate", "seed", rules.count(Number.MIN_SAFE_INTEGER), seed)
  void argument("Simulation.simulate", "program", rules.effect, program)
  const { haste, maxMillis, maxSteps, observe, yieldProbability } = simulationOptions.read("Simulation", options)
  // A scenario may draw from the same seed; this sequence must differ from its own.
  const rng = Rng.make(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  const scheduler = new SeededScheduler(rng, yieldProbability)
  const clock = new VirtualClock()
  const fiber = start(program, { scheduler, clock: clockOf(clock), seed })
  let problems = none

  const canAdvance = () => clock.next !== undefined && clock.next <= maxMillis

  const run = (): End => {
    for (;;) {
      if (scheduler.isIdle) {
        if (exitOf(fiber) !== undefined) return "Done"
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
    exit: exitOf(fiber),
    problems,
    steps: scheduler.steps,
    hash: scheduler.hash,
    now: clock.now,
    asleep: clock.asleep
  }
}

const probability = rules.between(0, 1, "a probability from 0 to 1")

const simulationOptions = new Table(
  {
    observe: rules.optional(rules.callback),
    yieldProbability: rules.orElse(probability, 0.02),
    haste: rules.orElse(probability, 0),
    maxSteps: rules.orElse(rules.limit(1), 100_000),
    maxMillis: rules.orElse(rules.between(0, Infinity, "0 or more"), 86_400_000)
  } satisfies Rows<Options>
)
