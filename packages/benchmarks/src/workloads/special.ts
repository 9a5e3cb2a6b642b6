/** Memory, cancelled waiters, reaping, a spike, an outage. */
import { withRemotes } from "../remote.js"
import { sampled } from "../rounds.js"
import type { specials } from "../specials.js"
import type { Subject } from "../subject.js"
import { pools, subjects, yardstick } from "../subjects/index.js"
import type { Table, Workload } from "../workload.js"

interface Measure {
  readonly special: keyof typeof specials
  readonly size: number
  readonly title: string
  readonly unit: string
  readonly note?: string
}

/** Some run out of memory, or of time. */
const orFailed = (asked: Promise<number>): Promise<number> =>
  asked.catch((error: Error) => {
    console.error(error.message)
    return Number.NaN
  })

/** A few rounds are enough: these are no rates. */
const most = 3

const measures = (
  name: string,
  about: string,
  able: ReadonlyArray<Subject>,
  each: ReadonlyArray<Measure>
): Workload => ({
  name,
  about,
  run: async ({ rounds }) => {
    const tables: Array<Table> = []
    for (const { note, size, special, title, unit } of each) {
      const rows = await withRemotes(able, (remotes) =>
        sampled(
          remotes.map(({ name, special: ask }) => ({ name, sample: () => orFailed(ask(special, size)) })),
          Math.min(rounds, most)
        ))
      tables.push({ title, unit, better: "less", yardstick, rows, ...(note === undefined ? {} : { note }) })
    }
    return tables
  }
})

const isTwin = ({ name }: Subject): boolean => /get, scoped|acquire and release|Effect\.timeout/.test(name)

/** One of each pool: how it is asked makes no difference here. */
const distinct = pools.filter((subject) => !isTwin(subject))

export const memory = measures(
  "memory",
  "heap for each of 2,000 idle connections, and for each of 1,000 waiters",
  [...distinct, ...subjects.filter(({ name }) => /an array, awaited|acquireUseRelease/.test(name))],
  [
    { special: "connectionBytes", size: 2_000, title: "An idle connection", unit: "bytes" },
    {
      special: "waiterBytes",
      size: 1_000,
      title: "A waiter",
      unit: "bytes, its fiber or promise included",
      note: "Who waits in an array waits for something else: that is what a fiber or a promise costs by itself."
    }
  ]
)

export const cancelling = measures(
  "cancelling",
  "1,000 and 10,000 waiters that go away",
  pools.filter(({ name }) => /use$|^effect|tarn/.test(name) && !/^effect 3 Pool.make$/.test(name)),
  [1_000, 10_000].map((size) => ({
    special: "cancelNanos",
    size,
    title: `${size.toLocaleString("en")} waiters go away`,
    unit: "ns for each"
  }))
)

export const reaping = measures(
  "reaping",
  "10,000 connections expire at once: for how long the event loop stands still",
  distinct.filter(({ reap }) => reap !== undefined),
  [{ special: "reapMillis", size: 10_000, title: "10,000 connections expire", unit: "ms, longest pause" }]
)

const reachable = distinct.filter(({ over }) => over !== undefined)

export const spike = measures(
  "spike",
  "50 borrowers of 2 ms at once, 5 connections there, 50 allowed, 250 ms to open one",
  reachable,
  [
    { special: "spikeOpened", size: 0, title: "A spike: connections opened for it", unit: "connections" },
    { special: "spikeMillis", size: 0, title: "A spike: until all are served", unit: "ms" }
  ]
)

export const outage = measures(
  "outage",
  "the server is down for 3 seconds, 100 borrowers ask again 10 ms after each failure",
  // Borrowers of generic-pool are told nothing: it tries again by itself, without an end.
  reachable,
  [
    { special: "outageRate", size: 100, title: "A server that is down: attempts to connect", unit: "attempts/s" },
    { special: "outageMillis", size: 100, title: "A server that is back: until the first is served", unit: "ms" }
  ]
)
