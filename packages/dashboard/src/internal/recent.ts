/** The last minute of a pool: differences of its counts, which cover its whole life. */
import type { PoolStats, TimeBuckets } from "@socketpool/core/PoolStats"
import { type PoolTimes, summaryBetween } from "@socketpool/core/PoolTimes"
import type { Recent } from "../Snapshot.js"

/** The time that is covered, in milliseconds. */
const windowMillis = 60_000
/** The time between two marks, in milliseconds: so much more than the window can be covered. */
const spacingMillis = 5_000

type Counts = Pick<PoolStats, "acquired" | "waited" | "cancelled" | "opened" | "openFailed" | "failed">

/** A value at one moment, by the pool's age in milliseconds, which no change of the wall clock disturbs. */
interface Mark<A> {
  readonly age: number
  readonly value: A
}

/** Keeps what was a minute ago. */
export class LastMinute<A> {
  /** Oldest first. */
  private marks: Array<Mark<A>> = []

  constructor(
    /** The value at the moment at which the pool was made. */
    private readonly birth: A
  ) {}

  /** Returns what was a minute ago, or at the first look: a pool may be younger, or unknown for most of its life. */
  before(age: number, value: A): Mark<A> {
    const now = { age, value }
    if (this.marks.length === 0) this.marks.push(age <= windowMillis ? { age: 0, value: this.birth } : now)
    if (age - this.marks.at(-1)!.age >= spacingMillis) this.marks.push(now)
    while (this.marks.length > 1 && this.marks[1]!.age <= age - windowMillis) this.marks.shift()
    return this.marks[0]!
  }
}

/** The counts of a pool at one moment. */
interface Counted {
  readonly counts: Counts
  readonly times: PoolTimes
}

const none: TimeBuckets = { count: 0, totalMillis: 0, maxMillis: 0, counts: [] }

/** A pool at the moment it was made. */
const birth: Counted = {
  counts: {
    acquired: 0,
    waited: 0,
    cancelled: 0,
    opened: 0,
    openFailed: 0,
    failed: { Timeout: 0, QueueFull: 0, NoWait: 0, SelfDeadlock: 0, Shed: 0, OpenFailed: 0, PoolClosed: 0 }
  },
  times: { waitTime: none, useTime: none, openTime: none }
}

const differences = <K extends string>(later: Readonly<Record<K, number>>, earlier: Readonly<Record<K, number>>) =>
  Object.fromEntries(
    Object.keys(earlier).map((key) => [key, later[key as K] - earlier[key as K]])
  ) as Record<K, number>

export class RecentCounts {
  private readonly lastMinute = new LastMinute(birth)

  /** Returns what was counted in the last minute, or in what is known of it. */
  at(stats: PoolStats, times: PoolTimes): Recent {
    const { age, value } = this.lastMinute.before(stats.ageMillis, { counts: stats, times })
    const { counts: before, times: earlier } = value
    return {
      millis: stats.ageMillis - age,
      acquired: stats.acquired - before.acquired,
      waited: stats.waited - before.waited,
      cancelled: stats.cancelled - before.cancelled,
      opened: stats.opened - before.opened,
      openFailed: stats.openFailed - before.openFailed,
      failed: differences(stats.failed, before.failed),
      waitTime: summaryBetween(earlier.waitTime, times.waitTime),
      useTime: summaryBetween(earlier.useTime, times.useTime),
      openTime: summaryBetween(earlier.openTime, times.openTime),
      ...(times.roundTripTime === undefined
        ? {}
        : { roundTripTime: summaryBetween(earlier.roundTripTime ?? none, times.roundTripTime) })
    }
  }
}
