/**
 * Random numbers that a seed determines, for what a test draws outside of effects.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Rng {
  /** A number from 0 up to, but not including, 1. */
  readonly next: () => number
  /** A whole number between these two, both included. */
  readonly between: (least: number, most: number) => number
  /** `true` with this probability. */
  readonly chance: (probability: number) => boolean
  /** One of these. */
  readonly pick: <const A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  /** One of these values, each as often as its weight says. */
  readonly weighted: <const A>(
    choices: readonly [readonly [number, A], ...ReadonlyArray<readonly [number, A]>]
  ) => A
}

/**
 * Makes a generator: mulberry32 (Tommy Ettinger, 2017), which is quick and gives unlike sequences for seeds that are
 * neighbours. Only the lower 32 bits of the seed count. Not for secrets.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (seed: number): Rng => {
  let state = seed | 0
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
