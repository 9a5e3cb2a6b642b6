/**
 * Durations counted in buckets. Percentiles cost a fixed amount of memory, and recording a duration allocates nothing.
 *
 * The bounds of the buckets are round decimal numbers, twenty per decade. So any bound that monitoring uses is one of
 * them and can be counted exactly. A percentile is the upper bound of a bucket: at most 18 % above the true value.
 *
 * Finding a bucket takes no logarithm. The upper bits of a number's binary representation are its power of two and the
 * eighth of the way to the next. A table holds the first bucket for each such eighth, as in HdrHistogram (which is
 * linear within powers of two).
 */
import type { TimeBuckets, TimeSummary } from "../PoolStats.js"

const mantissas = [1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 7.5, 8.5]
/**
 * In milliseconds, from a nanosecond to nearly ten days. Shorter durations count as 0; longer ones share one bucket.
 */
const decades = Array.from({ length: 15 }, (_, i) => i - 6)

/** The upper bounds of the buckets, in milliseconds. The first is for durations below a nanosecond. */
const bounds = Float64Array.from([
  0,
  ...decades.flatMap((decade) => mantissas.map((mantissa) => Number(`${mantissa}e${decade}`))),
  Infinity
])
const smallest = bounds[1]!

const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)
const upperHalf = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0

/** Returns the power of two of a positive number and its eighth, as one whole number that grows with it. */
const eighthOf = (positive: number): number => {
  double[0] = positive
  return halves[upperHalf]! >>> 17
}

const firstEighth = eighthOf(smallest)
/** The first bucket that a number can be in, for each eighth. */
const starts = new Uint16Array(eighthOf(bounds[bounds.length - 2]!) - firstEighth + 1)
for (let bucket = bounds.length - 2; bucket > 0; bucket--) {
  const from = bucket === 1 ? firstEighth : eighthOf(bounds[bucket - 1]!)
  for (let eighth = from; eighth <= eighthOf(bounds[bucket]!); eighth++) starts[eighth - firstEighth] = bucket
}

const bucketOf = (millis: number): number => {
  if (!(millis >= smallest)) return 0
  const eighth = eighthOf(millis) - firstEighth
  let bucket = eighth < starts.length ? starts[eighth]! : bounds.length - 1
  while (bounds[bucket]! < millis) bucket++
  return bucket
}

export class Histogram {
  private counts: Float64Array | undefined = undefined
  count = 0
  total = 0
  /** 0 before the first duration. */
  min = 0
  max = 0

  record(millis: number): void {
    if (millis > this.max) this.max = millis
    if (millis < this.min || this.count === 0) this.min = millis
    this.count++
    this.total += millis
    this.counts ??= new Float64Array(bounds.length)
    this.counts[bucketOf(millis)]!++
  }

  /** Adds the counts of another histogram. */
  add(other: Histogram): void {
    if (other.counts === undefined) return
    this.max = Math.max(this.max, other.max)
    this.min = this.count === 0 ? other.min : Math.min(this.min, other.min)
    this.count += other.count
    this.total += other.total
    this.counts ??= new Float64Array(bounds.length)
    // All others are empty, and a keyed pool adds up thousands.
    const last = bucketOf(other.max)
    for (let bucket = bucketOf(other.min); bucket <= last; bucket++) this.counts[bucket]! += other.counts[bucket]!
  }

  /** Counts the durations up to each limit in milliseconds. The limits must be bounds, in ascending order. */
  upTo(limits: ReadonlyArray<number>): Array<number> {
    const { counts } = this
    if (counts === undefined) return limits.map(() => 0)
    let seen = 0
    let bucket = 0
    return limits.map((limit) => {
      for (; bucket < bounds.length && bounds[bucket]! <= limit; bucket++) seen += counts[bucket]!
      return seen
    })
  }

  /** Returns the counts so far, as plain numbers. */
  get buckets(): TimeBuckets {
    return {
      count: this.count,
      totalMillis: this.total,
      maxMillis: this.max,
      counts: this.counts === undefined ? [] : Array.from(this.counts)
    }
  }

  get summary(): TimeSummary {
    return summarize(this.count, this.total, this.max, this.counts ?? [])
  }
}

const summarize = (count: number, totalMillis: number, maxMillis: number, counts: ArrayLike<number>): TimeSummary => {
  /** Returns the upper bound of the given fraction of the durations. */
  const percentile = (fraction: number): number => {
    const rank = Math.ceil(count * fraction)
    let seen = 0
    for (let bucket = 0; bucket < counts.length; bucket++) {
      seen += counts[bucket]!
      if (seen >= rank) return Math.min(bounds[bucket]!, maxMillis)
    }
    return maxMillis
  }
  return {
    count,
    totalMillis,
    maxMillis,
    p50Millis: percentile(0.5),
    p95Millis: percentile(0.95),
    p99Millis: percentile(0.99)
  }
}

/** Summarizes the durations that were recorded after `earlier` and up to `later`. */
export const summaryBetween = (earlier: TimeBuckets, later: TimeBuckets): TimeSummary => {
  const counts = later.counts.map((count, bucket) => count - (earlier.counts[bucket] ?? 0))
  let longest = counts.length - 1
  while (longest >= 0 && counts[longest] === 0) longest--
  return summarize(
    later.count - earlier.count,
    later.totalMillis - earlier.totalMillis,
    // The exact maximum of a part is not known.
    longest < 0 ? 0 : Math.min(bounds[longest]!, later.maxMillis),
    counts
  )
}
