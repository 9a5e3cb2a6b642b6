/** What the demo counts on its own side, to hold it against the pool's numbers. */
import { Histogram } from "./histogram.js"

export class Meter {
  /** Leases that the fibers got. */
  leases = 0
  /** Replies that came back and were the fiber's own. */
  served = 0
  /** Replies that were meant for somebody else. */
  wrong = 0
  /** Requests that failed, whether they had a lease or not. */
  failed = 0
  /** Those of them that had a lease. */
  failedInUse = 0
  /** By `_tag` and `reason`. */
  readonly failures = new Map<string, number>()
  /** The most connections that fibers held at once. */
  peakInUse = 0
  /** From the request for a connection to the lease. */
  readonly waits = new Histogram()
  private inUse = 0
  private second = new Histogram()
  private lastSecond: Histogram | undefined = undefined

  leased(waitedMillis: number): void {
    this.leases++
    this.inUse++
    this.peakInUse = Math.max(this.peakInUse, this.inUse)
    this.waits.record(waitedMillis)
    this.second.record(waitedMillis)
  }

  released(): void {
    this.inUse--
  }

  fail(error: { readonly _tag: string; readonly reason?: string }): void {
    const kind = error.reason === undefined ? error._tag : `${error._tag} ${error.reason}`
    this.failed++
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1)
  }

  /** The waits of the last whole second; of the present one while there is no other. */
  get recentWaits(): Histogram {
    return this.lastSecond ?? this.second
  }

  /** A second has passed. */
  tick(): void {
    this.lastSecond = this.second
    this.second = new Histogram()
  }
}
