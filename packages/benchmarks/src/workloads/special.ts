/** Measures memory, cancelled waiters, reaping, a spike and an outage. */
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

/** Returns NaN for a subject that runs out of memory or time. */
const orFailed = (asked: Promise<number>): Promise<number> =>
  asked.catch((error: Error) => {
    console.error(error.message)
    return Number.NaN
  })

/** The most rounds: these measurements vary less than rates. */
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

const isTwin = ({ name }: Subject): boolean =>
  /get, scoped|acquire and release|Effect\.timeout|without listeners/.test(name)

/** One subject per pool, because the way of borrowing makes no difference here. */
const distinct = pools.filter((subject) => !isTwin(subject))

export const memory = measures(
  "memory",
  "heap per idle connection, of 2,000, and per waiter, of 1,000",
  [...distinct, ...subjects.filter(({ name }) => /an array, awaited|acquireUseRelease/.test(name))],
  [
    { special: "connectionBytes", size: 2_000, title: "An idle connection", unit: "bytes" },
    {
      special: "waiterBytes",
      size: 1_000,
      title: "A waiter",
      unit: "bytes, its fiber or promise included",
      note: "The array rows have no queue: they show the cost of a waiting fiber or promise alone."
    }
  ]
)

export const cancelling = measures(
  "cancelling",
  "1,000 and 10,000 cancelled waiters",
  pools.filter(({ name }) => /use$|promises|^effect|tarn/.test(name) && !/^effect 3 Pool.make$/.test(name)),
  [1_000, 10_000].map((size) => ({
    special: "cancelNanos",
    size,
    title: `${size.toLocaleString("en")} waiters go away`,
    unit: "ns for each"
  }))
)

export const reaping = measures(
  "reaping",
  "10,000 connections expire at once: the longest pause of the event loop",
  distinct.filter(({ reap }) => reap !== undefined),
  [{ special: "reapMillis", size: 10_000, title: "10,000 connections expire", unit: "ms, longest pause" }]
)

const reachable = distinct.filter(({ over }) => over !== undefined)

export const spike = measures(
  "spike",
  "50 borrowers of 2 ms at once, 5 connections open, 50 allowed, 250 ms to open one",
  reachable,
  [
    { special: "spikeOpened", size: 0, title: "A spike: connections opened for it", unit: "connections" },
    { special: "spikeMillis", size: 0, title: "A spike: until all are served", unit: "ms" }
  ]
)

export const outage = measures(
  "outage",
  "the server is down for 3 seconds, 100 borrowers try again 10 ms after each failure",
  // generic-pool reports no failure to its borrowers: it retries by itself, for ever.
  reachable,
  [
    { special: "outageRate", size: 100, title: "A server that is down: attempts to connect", unit: "attempts/s" },
    { special: "outageMillis", size: 100, title: "A server that is back: until the first is served", unit: "ms" }
  ]
)
