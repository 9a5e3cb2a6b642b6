/** Durations in milliseconds, their percentiles and their histogram. */

/** The most durations that are kept. Of more, each is kept with equal probability: Vitter's algorithm R, 1985. */
const reservoirSize = 1_000_000

export interface Summary {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class Samples {
  private readonly values: Array<number> = []
  private seen = 0
  private longest = 0

  add(millis: number): void {
    this.seen++
    if (millis > this.longest) this.longest = millis
    if (this.values.length < reservoirSize) return void this.values.push(millis)
    const place = Math.floor(Math.random() * this.seen)
    if (place < reservoirSize) this.values[place] = millis
  }

  /** Returns the kept durations in ascending order. */
  get sorted(): ReadonlyArray<number> {
    return [...this.values].sort((a, b) => a - b)
  }

  get summary(): Summary {
    const { sorted } = this
    const at = (fraction: number) => sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? 0
    return { count: this.seen, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: this.longest }
  }
}

/**
 * Counts the durations in at most `most` steps from the shortest to the longest. Each step grows by the same factor.
 */
export const histogram = (
  sorted: ReadonlyArray<number>,
  most: number
): ReadonlyArray<{ readonly upTo: number; readonly count: number }> => {
  if (sorted.length === 0) return []
  const least = Math.max(sorted[0]!, 1e-3)
  const longest = Math.max(sorted.at(-1)!, least)
  const number = longest / least < 1.01 ? 1 : most
  const factor = (longest / least) ** (1 / number)
  let from = 0
  return Array.from({ length: number }, (_, i) => {
    const upTo = i === number - 1 ? longest : least * factor ** (i + 1)
    let to = from
    while (to < sorted.length && sorted[to]! <= upTo) to++
    const count = to - from
    from = to
    return { upTo, count }
  })
}
