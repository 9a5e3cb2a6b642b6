/** Measures several subjects in turn: A B C, A B C, … so that a machine that slows down slows all of them. */

export interface Figure {
  readonly name: string
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Effort {
  /** The number of rounds that count. One more runs first to warm up. */
  readonly rounds: number
  /** The milliseconds that one subject runs in a round. */
  readonly millis: number
  /** The least milliseconds of warm-up before that, until machine code has been compiled. */
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

/** A repeatable measurement. */
export interface Sampler {
  readonly name: string
  /** Runs before each sample and does not count: V8 discards code while the others run. */
  readonly warmUp?: () => Promise<unknown>
  readonly sample: () => Promise<number>
}

/** Takes one sample of each per round. */
export const sampled = async (samplers: ReadonlyArray<Sampler>, rounds: number): Promise<ReadonlyArray<Figure>> => {
  const values = samplers.map((): Array<number> => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { sample, warmUp }] of samplers.entries()) {
      await warmUp?.()
      const value = await sample()
      if (round > 0) values[index]!.push(value)
    }
  }
  return samplers.map(({ name }, index) => figure(name, values[index]!))
}

/** Warms up and finds the number of units that fill a round. `run` takes a number of units and returns milliseconds. */
export const calibrated = async (
  run: (units: number) => Promise<number>,
  { millis, warmUpMillis }: Effort,
  /** The least number of units. Fewer would measure the beginning and the end of a run. */
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
