/** Chooses pairs of steps to run, when there may be too many to run them all. */
import * as Rng from "../Rng.js"

type Pair = readonly [number, number]

export interface Grid {
  /** Extends the grid to at least this size in each direction. */
  readonly saw: (first: number, second: number) => void
  /** Returns the next pair, none twice; `undefined` after the last one, or after `most` pairs. */
  readonly next: () => Pair | undefined
  readonly size: Pair
}

/** Makes a grid that returns at most `most` pairs, drawn evenly from those not returned yet. */
export const sampled = (most: number, seed: number): Grid => {
  const rng = Rng.make(seed)
  const left: Array<Pair> = []
  let width = 0
  let height = 0
  let given = 0
  return {
    saw: (first, second) => {
      for (; width < first; width++) {
        for (let y = 0; y < height; y++) left.push([width, y])
      }
      for (; height < second; height++) {
        for (let x = 0; x < width; x++) left.push([x, height])
      }
    },
    next: () => {
      if (given >= most || left.length === 0) return undefined
      given++
      const chosen = rng.between(0, left.length - 1)
      const pair = left[chosen]!
      left[chosen] = left.at(-1)!
      left.pop()
      return pair
    },
    get size() {
      return [width, height] as const
    }
  }
}
