/** Measures leases per second and the fairness of waits. */
import { withRemotes } from "../remote.js"
import { calibrated, type Effort, type Figure, sampled } from "../rounds.js"
import type { Subject } from "../subject.js"
import { inView, pools, queues, subjects, yardstick } from "../subjects/index.js"
import type { Table, Workload } from "../workload.js"

interface Crowd {
  readonly borrowers: number
  readonly size: number
  readonly timeout?: number
}

/** Measures leases per second of each subject. With several borrowers, each holder yields once. */
export const rates = (all: ReadonlyArray<Subject>, { borrowers, size, timeout }: Crowd, effort: Effort) =>
  withRemotes(all, async (remotes): Promise<ReadonlyArray<Figure>> => {
    const samplers = []
    for (const { name, open, run } of remotes) {
      await open(size, timeout)
      const load = (leases: number) => run({ borrowers, leases, steps: borrowers > 1 })
      const leases = await calibrated(load, effort, Math.max(5, Math.ceil(3_200 / borrowers)))
      samplers.push({ name, sample: async () => borrowers * leases / await load(leases) * 1000 })
    }
    return sampled(samplers, effort.rounds)
  })

const count = (n: number, one: string, many: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`

const crowdTitle = ({ borrowers, size }: Crowd): string =>
  `${count(borrowers, "borrower", "borrowers")}, ${count(size, "connection", "connections")}`

const lending = (
  name: string,
  about: string,
  all: ReadonlyArray<Subject>,
  crowds: ReadonlyArray<Crowd>,
  note?: string
): Workload => ({
  name,
  about,
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const crowd of crowds) {
      tables.push({
        title: crowdTitle(crowd) + (crowd.timeout === undefined ? "" : ", a timeout on every borrow"),
        unit: "leases/s",
        better: "more",
        yardstick,
        rows: await rates(all, crowd, effort),
        ...(note === undefined ? {} : { note })
      })
    }
    return tables
  }
})

const crowds = [{ borrowers: 64, size: 8 }, { borrowers: 1_000, size: 10 }] as const
const minute = 60_000

export const uncontended = lending(
  "uncontended",
  "one borrower, pools of 1, 10 and 1,000 connections",
  subjects,
  [1, 10, 1_000].map((size) => ({ borrowers: 1, size })),
  "An array has no queue, and nothing releases its items after an interrupt: these rows are limits, not pools."
)

export const contended = lending(
  "contended",
  "64 borrowers over 8 connections, 1,000 over 10; each holder yields once",
  pools,
  crowds
)

export const timeouts = lending(
  "timeouts",
  "the same with a timeout on every borrow, for pools that have one",
  pools.filter(({ canTimeOut }) => canTimeOut),
  [{ borrowers: 1, size: 1, timeout: minute }, { ...crowds[0], timeout: minute }]
)

export const watched = lending(
  "watched",
  "the cost of observers: a tracer, metrics and statistics read each second, a subscriber, a leak threshold",
  inView,
  [{ borrowers: 1, size: 1 }, { borrowers: 1, size: 1_000 }, ...crowds],
  "A borrower that waits gets a span. One that finds an idle connection gets none."
)

export const live = lending(
  "live",
  "one borrower, 10,000 live connections, compared with 10",
  pools,
  [{ borrowers: 1, size: 10 }, { borrowers: 1, size: 10_000 }]
)

export const fairness: Workload = {
  name: "fairness",
  about: "borrowers that keep coming back: the longest wait over the mean, in leases that others get meanwhile",
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const crowd of crowds) {
      const rows = await withRemotes(pools, async (remotes) => {
        for (const { open } of remotes) await open(crowd.size)
        const samplers = remotes.map(({ name, unfairness }) => ({
          name,
          sample: () => unfairness(crowd.borrowers, 40)
        }))
        return sampled(samplers, effort.rounds)
      })
      tables.push({ title: `${crowdTitle(crowd)}: longest wait / mean`, unit: "×", better: "less", yardstick, rows })
    }
    return tables
  }
}

export const deepQueue: Workload = {
  name: "queue",
  about: "100, 10,000 and 100,000 borrowers at once for 8 connections",
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const borrowers of [100, 10_000, 100_000]) {
      // Subjects whose cost grows with the queue would take minutes.
      const able = borrowers > 100 ? queues.filter(({ isSlowInQueues }) => !isSlowInQueues) : queues
      const rows = await withRemotes(able, async (remotes) => {
        const times = Math.max(1, Math.round(20_000 / borrowers))
        for (const { open } of remotes) await open(8)
        const samplers = remotes.map(({ name, run }) => ({
          name,
          sample: async () => await run({ borrowers, leases: 1, steps: true }, times) / times / borrowers * 1e6
        }))
        return sampled(samplers, borrowers > 10_000 ? Math.min(effort.rounds, 3) : effort.rounds)
      })
      tables.push({
        title: `${borrowers.toLocaleString("en")} waiters at once`,
        unit: "ns per lease, its fiber or promise included",
        better: "less",
        yardstick,
        rows
      })
    }
    return tables
  }
}
