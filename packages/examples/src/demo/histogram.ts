/** Durations in buckets that grow by 2 % each: percentiles to within 2 %, in the same memory however many there are. */
const growth = Math.log(1.02)
/** In milliseconds; whatever is shorter counts as this. */
const shortest = 0.001

export class Histogram {
  private readonly buckets: Array<number> = []
  count = 0
  max = 0

  record(millis: number): void {
    const bucket = millis <= shortest ? 0 : Math.ceil(Math.log(millis / shortest) / growth)
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1
    this.count++
    this.max = Math.max(this.max, millis)
  }

  /** The shortest duration that so many of a hundred do not exceed; `undefined` while there is none at all. */
  percentile(percent: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = Math.max(1, Math.ceil(this.count * percent / 100))
    let seen = 0
    let bucket = -1
    while (seen < rank) seen += this.buckets[++bucket] ?? 0
    return Math.min(this.max, shortest * Math.exp(bucket * growth))
  }
}
