/** Measures several subjects side by side: A B C, A B C, … so that a machine that slows down slows all of them. */

export interface Figure {
  readonly name: string
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Effort {
  /** How many rounds count; one more is run first to warm up. */
  readonly rounds: number
  /** How long one subject runs in a round, in milliseconds. */
  readonly millis: number
  /** How long it runs before that, at least, until its machine code has been compiled. */
  readonly warmUpMillis: number
}

export const figure = (name: string, values: ReadonlyArray<number>): Figure => {
  if (values.some(Number.isNaN)) return { name, median: Number.NaN, min: Number.NaN, max: Number.NaN }
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  return {
    name,
    median: sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!
  }
}

/** Something that can be measured again and again. */
export interface Sampler {
  readonly name: string
  readonly sample: () => Promise<number>
}

/** One number of each per round. */
export const sampled = async (samplers: ReadonlyArray<Sampler>, rounds: number): Promise<ReadonlyArray<Figure>> => {
  const values = samplers.map((): Array<number> => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { sample }] of samplers.entries()) {
      const value = await sample()
      if (round > 0) values[index]!.push(value)
    }
  }
  return samplers.map(({ name }, index) => figure(name, values[index]!))
}

/** How many units take about as long as a round, once warm. `run` takes a number of units and gives milliseconds. */
export const calibrated = async (
  run: (units: number) => Promise<number>,
  { millis, warmUpMillis }: Effort,
  /** Fewer would measure how a run begins and ends. */
  least: number
): Promise<number> => {
  let units = least
  let total = 0
  for (;;) {
    const took = await run(units)
    total += took
    const next = units * millis / Math.max(took, 0.1)
    if (total >= warmUpMillis && took >= millis / 2) return Math.max(least, Math.round(next))
    units = Math.max(least, Math.ceil(Math.min(10 * units, next)))
  }
}
