/**
 * Durations counted in buckets, so that percentiles cost a fixed amount of memory and recording one costs no allocation.
 *
 * Four buckets per doubling, as in log-linear histograms (HdrHistogram): an upper bound is at most 2^(1/4) − 1 = 19 %
 * above what it stands for.
 */
import type { TimeSummary } from "../PoolStats.js"

/** The first bucket begins here, in milliseconds: a nanosecond. What is shorter counts as nothing. */
const smallest = 1e-6
const perDoubling = 4
/** 2^50 ns are thirteen days; what is longer counts in the last bucket. */
const buckets = 50 * perDoubling + 2

/** Bucket 0 is for what took no time. */
const bucketOf = (millis: number): number =>
  millis < smallest ? 0 : Math.min(1 + Math.ceil(Math.log2(millis / smallest) * perDoubling), buckets - 1)

const upperBound = (bucket: number): number => bucket === 0 ? 0 : smallest * 2 ** ((bucket - 1) / perDoubling)

export class Histogram {
  private counts: Float64Array | undefined = undefined
  private count = 0
  private total = 0
  private max = 0

  record(millis: number): void {
    this.count++
    this.total += millis
    if (millis > this.max) this.max = millis
    this.counts ??= new Float64Array(buckets)
    this.counts[bucketOf(millis)]!++
  }

  /** How long the given fraction of the durations took at most. */
  private percentile(fraction: number): number {
    if (this.counts === undefined) return 0
    const rank = Math.ceil(this.count * fraction)
    let seen = 0
    for (let bucket = 0; bucket < buckets - 1; bucket++) {
      seen += this.counts[bucket]!
      if (seen >= rank) return Math.min(upperBound(bucket), this.max)
    }
    return this.max
  }

  get summary(): TimeSummary {
    return {
      count: this.count,
      totalMillis: this.total,
      maxMillis: this.max,
      p50Millis: this.percentile(0.5),
      p95Millis: this.percentile(0.95),
      p99Millis: this.percentile(0.99)
    }
  }
}
