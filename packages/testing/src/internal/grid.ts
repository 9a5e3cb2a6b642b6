/** Which pairs of steps are to be run, when there may be too many to run them all. */
import * as Rng from "../Rng.js"

type Pair = readonly [number, number]

export interface Grid {
  /** The grid reaches at least so far in each direction. */
  readonly saw: (first: number, second: number) => void
  /** The next pair, none twice; `undefined` when all, or as many as may be, have been given. */
  readonly next: () => Pair | undefined
  readonly size: Pair
}

/** Gives at most `most` pairs, drawn evenly from those of the grid that have not been given. */
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
