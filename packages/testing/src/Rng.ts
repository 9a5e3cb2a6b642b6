/**
 * Random numbers that a seed determines, for tests that draw outside of effects.
 *
 * @since 3.0.0
 */
import { argument, rules } from "@socketpool/core/Checks"

/**
 * A generator of random numbers.
 *
 * @since 3.0.0
 * @category models
 */
export interface Rng {
  /** Draws a number from 0 up to, but not including, 1. */
  readonly next: () => number
  /** Draws a whole number between these two, both included. */
  readonly between: (least: number, most: number) => number
  /** Draws `true` with this probability, from 0 to 1. */
  readonly chance: (probability: number) => boolean
  /** Draws one of these values, all equally likely. */
  readonly pick: <const A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  /** Draws one of these values. The probability of each is its weight divided by the sum of all weights. */
  readonly weighted: <const A>(
    choices: readonly [readonly [number, A], ...ReadonlyArray<readonly [number, A]>]
  ) => A
}

/**
 * Makes a generator: mulberry32 (Tommy Ettinger, 2017). It is fast, and neighbouring seeds give unlike sequences. Only
 * the lower 32 bits of the seed count.
 *
 * Use it to draw a test's scenario from its seed. Never use it for secrets.
 *
 * @example
 * ```ts
 * import { Rng } from "@socketpool/testing"
 *
 * const rng = Rng.make(42)
 * const delay = rng.between(1, 20)
 * const behaviour = rng.weighted([[8, "ok"], [1, "fail"], [1, "die"]])
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = (seed: number): Rng => {
  let state = argument("Rng.make", "seed", seeds, seed) | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[below(choices.length)]!,
    weighted: (choices) => {
      let left = next() * choices.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, choice] of choices) {
        left -= weight
        if (left < 0) return choice
      }
      return choices[0][1]
    }
  }
}

const seeds = rules.count(Number.MIN_SAFE_INTEGER)
