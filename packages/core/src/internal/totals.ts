/** The statistics of several pools together, with those that have closed. */
import type { PoolStats } from "../PoolStats.js"
import type { PoolTimes } from "../PoolTimes.js"
import { Histogram } from "./histogram.js"
import { borrowFailures, closeReasons } from "./reasons.js"
import { oldestWait } from "./snapshot.js"
import type { State } from "./state.js"
import { overloadedMillis } from "./transitions/overload.js"

/** The numbers that only grow. */
class Counts {
  readonly numbers = {
    opened: 0,
    openFailed: 0,
    acquired: 0,
    waited: 0,
    exhausted: 0,
    cancelled: 0,
    leaksSuspected: 0
  }
  readonly closed = Object.fromEntries(closeReasons.map((reason) => [reason, 0])) as Record<
    typeof closeReasons[number],
    number
  >
  readonly failed = Object.fromEntries(borrowFailures.map((why) => [why, 0])) as Record<
    typeof borrowFailures[number],
    number
  >
  readonly waitTime = new Histogram()
  readonly useTime = new Histogram()
  readonly openTime = new Histogram()

  add(other: Readonly<Omit<Counts, "numbers" | "add">> & Counts["numbers"]): void {
    for (const name of numberNames) this.numbers[name] += other[name]
    for (const reason of closeReasons) this.closed[reason] += other.closed[reason]
    for (const why of borrowFailures) this.failed[why] += other.failed[why]
    for (const time of ["waitTime", "useTime", "openTime"] as const) this[time].add(other[time])
  }
}

const numberNames = Object.keys(new Counts().numbers) as ReadonlyArray<keyof Counts["numbers"]>

/** The figures of the sessions of one client, which all its pools share. */
const sessionsOf = (states: ReadonlyArray<State<any>>) =>
  states.find(({ sessions }) => sessions !== undefined)?.sessions

export class Totals {
  /** The times of these pools and of those that have closed. */
  times(states: ReadonlyArray<State<any>>): PoolTimes {
    const counts = new Counts()
    counts.add({ ...this.past, ...this.past.numbers })
    for (const state of states) counts.add(state)
    const sessions = sessionsOf(states)
    return {
      waitTime: counts.waitTime.buckets,
      useTime: counts.useTime.buckets,
      openTime: counts.openTime.buckets,
      ...(sessions === undefined ? {} : { roundTripTime: sessions.roundTrips.buckets })
    }
  }

  /** The counts of the pools that have closed. */
  private readonly past = new Counts()
  /** The overloads of those; none if no pool looks for any. */
  private pastOverload: number | undefined = undefined

  /** A pool has closed. */
  forget(state: State<any>): void {
    this.past.add(state)
    if (state.limits.overload !== undefined) this.pastOverload = (this.pastOverload ?? 0) + state.overload.millis
  }

  /** The figures of these pools and of those that have closed. */
  stats(states: ReadonlyArray<State<any>>, maxConnections: number, ageMillis: number, now: number): PoolStats {
    const counts = new Counts()
    counts.add({ ...this.past, ...this.past.numbers })
    for (const state of states) counts.add(state)
    const looking = states.filter(({ limits }) => limits.overload !== undefined)
    const overloaded = looking.reduce<number | undefined>(
      (sum, state) => (sum ?? 0) + overloadedMillis(state, now),
      this.pastOverload
    )
    const sessions = sessionsOf(states)
    const sum = (of: (state: State<any>) => number): number => states.reduce((sum, state) => sum + of(state), 0)
    return {
      ageMillis,
      maxConnections,
      minConnections: sum((state) => state.phase === "Running" ? state.min : 0),
      opening: sum((state) => state.opening.length + state.aborting.length),
      idle: sum((state) => state.idle.length + state.expiring.length),
      inUse: sum((state) => state.inUse),
      validating: sum((state) => state.validating.length),
      closing: sum((state) => state.closing.length),
      leased: sum((state) => state.leased),
      pending: sum((state) => state.queued),
      reconnecting: sum((state) => state.reconnecting.length),
      oldestWaitMillis: states.reduce((oldest, state) => Math.max(oldest, oldestWait(state, now)), 0),
      ...counts.numbers,
      ...(overloaded === undefined ? {} : { overloadedMillis: overloaded }),
      ...(sessions === undefined ? {} : { sessions: sessions.snapshot }),
      closed: counts.closed,
      timedOut: counts.failed.Timeout,
      failed: counts.failed,
      waitTime: counts.waitTime.summary,
      useTime: counts.useTime.summary,
      openTime: counts.openTime.summary
    }
  }
}
