/** The last minute of a pool: differences of its counts, which cover its whole life. */
import type { PoolStats, TimeBuckets } from "@socketpool/core/PoolStats"
import { type PoolTimes, summaryBetween } from "@socketpool/core/PoolTimes"
import type { Recent } from "../Snapshot.js"

/** The time that is covered, in milliseconds. */
const windowMillis = 60_000
/** The time between two marks, in milliseconds: so much more than the window can be covered. */
const spacingMillis = 5_000

type Counts = Pick<PoolStats, "ageMillis" | "acquired" | "waited" | "cancelled" | "opened" | "openFailed" | "failed">

/** What a pool had counted at one moment. */
interface Mark {
  readonly counts: Counts
  readonly times: PoolTimes
}

const none: TimeBuckets = { count: 0, totalMillis: 0, maxMillis: 0, counts: [] }

/** A pool at the moment it was made. */
const birth: Mark = {
  counts: {
    ageMillis: 0,
    acquired: 0,
    waited: 0,
    cancelled: 0,
    opened: 0,
    openFailed: 0,
    failed: { Timeout: 0, QueueFull: 0, NoWait: 0, SelfDeadlock: 0, OpenFailed: 0, PoolClosed: 0 }
  },
  times: { waitTime: none, useTime: none, openTime: none }
}

const differences = <K extends string>(later: Readonly<Record<K, number>>, earlier: Readonly<Record<K, number>>) =>
  Object.fromEntries(
    Object.keys(earlier).map((key) => [key, later[key as K] - earlier[key as K]])
  ) as Record<K, number>

export class RecentCounts {
  /** Oldest first. Times are by the pool's age, which no change of the wall clock disturbs. */
  private marks: Array<Mark> = []

  /** Returns the last minute, or what is known of it: a pool may be younger, or unknown for most of its life. */
  at(stats: PoolStats, times: PoolTimes): Recent {
    const now = stats.ageMillis
    if (this.marks.length === 0) this.marks.push(now <= windowMillis ? birth : { counts: stats, times })
    if (now - this.marks.at(-1)!.counts.ageMillis >= spacingMillis) this.marks.push({ counts: stats, times })
    while (this.marks.length > 1 && this.marks[1]!.counts.ageMillis <= now - windowMillis) this.marks.shift()
    const [{ counts: before, times: earlier }] = this.marks as [Mark]
    return {
      millis: now - before.ageMillis,
      acquired: stats.acquired - before.acquired,
      waited: stats.waited - before.waited,
      cancelled: stats.cancelled - before.cancelled,
      opened: stats.opened - before.opened,
      openFailed: stats.openFailed - before.openFailed,
      failed: differences(stats.failed, before.failed),
      waitTime: summaryBetween(earlier.waitTime, times.waitTime),
      useTime: summaryBetween(earlier.useTime, times.useTime),
      openTime: summaryBetween(earlier.openTime, times.openTime)
    }
  }
}
