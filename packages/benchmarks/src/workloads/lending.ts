/** Measures leases per second and the fairness of waits. */
import { withRemotes } from "../remote.js"
import { calibrated, type Effort, type Figure, sampled, type Sampler } from "../rounds.js"
import type { Subject } from "../subject.js"
import { inView, pools, queues, subjects, yardstick } from "../subjects/index.js"
import type { Table, Workload } from "../workload.js"

export interface Crowd {
  readonly borrowers: number
  readonly size: number
  readonly timeout?: number
  /** Whether each holder yields once. Default: with several borrowers. */
  readonly steps?: boolean
  /** Whether each borrower yields once between two leases. */
  readonly paces?: boolean
  /** Whether all connections are leased at once before each timed part. */
  readonly bursts?: boolean
}

/** Measures leases per second of each subject with its crowd. */
export const rates = (all: ReadonlyArray<readonly [Subject, Crowd]>, effort: Effort) =>
  withRemotes(all.map(([subject]) => subject), async (remotes): Promise<ReadonlyArray<Figure>> => {
    const samplers: Array<Sampler> = []
    for (const [index, { burst, name, open, run }] of remotes.entries()) {
      const { borrowers, bursts = false, paces = false, size, steps = borrowers > 1, timeout } = all[index]![1]
      await open(size, timeout)
      const load = (leases: number) => run({ borrowers, leases, paces, steps })
      const leases = await calibrated(load, effort, Math.max(5, Math.ceil(3_200 / borrowers)))
      samplers.push({
        name,
        warmUp: async () => {
          if (bursts) await burst(size)
          await load(2 * leases)
        },
        sample: async () => borrowers * leases / await load(leases) * 1000
      })
    }
    return sampled(samplers, effort.rounds)
  })

const count = (n: number, one: string, many: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`

/** Names a crowd in titles. */
export const crowdTitle = ({ borrowers, bursts, paces, size, timeout }: Crowd): string =>
  [
    count(borrowers, "borrower", "borrowers"),
    count(size, "connection", "connections"),
    ...(timeout === undefined ? [] : ["a timeout on every borrow"]),
    ...(paces ? ["paced"] : []),
    ...(bursts ? ["after a burst"] : [])
  ].join(", ")

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
        title: crowdTitle(crowd),
        unit: "leases/s",
        better: "more",
        yardstick,
        rows: await rates(all.map((subject) => [subject, crowd] as const), effort),
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
  "Holders do nothing. An array has no queue, and nothing releases its items after an interrupt: these rows are " +
    "limits, not pools. A real `pg.Client` is an EventEmitter."
)

export const contended = lending(
  "contended",
  "64 borrowers over 8 connections, 1,000 over 10; each holder yields once, and if paced, each borrower once more " +
    "before it borrows again",
  pools,
  [...crowds, ...crowds.map((crowd) => ({ ...crowd, paces: true }))],
  "A yield is one of its kind: a turn of the microtask queue, or a step of the fiber scheduler, which costs more."
)

export const timeouts = lending(
  "timeouts",
  "one borrower, and 64 over 8, with a timeout on every borrow, for pools that have one",
  pools.filter(({ canTimeOut }) => canTimeOut),
  [{ borrowers: 1, size: 1, timeout: minute }, { ...crowds[0], timeout: minute }]
)

export const watched = lending(
  "watched",
  "the cost of observers: one subscriber of `events` that takes all; or watched by a tracer, a subscriber of " +
    "`notices`, a leak threshold, and metrics and statistics that are read each second; each holder yields once",
  inView,
  [{ borrowers: 1, size: 1, steps: true }, { borrowers: 1, size: 1_000, steps: true }, ...crowds],
  "A borrower that waits gets a span. One that finds an idle connection gets none. A lease makes two events. A lone " +
    "borrower whose leases take no time would give its subscriber no turn, which would then lose events."
)

export const live = lending(
  "live",
  "one borrower, 10,000 live connections, compared with 10; and right after a burst that has leased all of 1,000 or " +
    "10,000 at once",
  pools,
  [
    ...[10, 10_000].map((size) => ({ borrowers: 1, size })),
    ...[1_000, 10_000].map((size) => ({ borrowers: 1, size, bursts: true }))
  ]
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

const depths = [
  { borrowers: 100, leases: 1 },
  { borrowers: 10_000, leases: 1 },
  { borrowers: 100_000, leases: 1 },
  { borrowers: 10_000, leases: 20 }
]

export const deepQueue: Workload = {
  name: "queue",
  about: "100, 10,000 and 100,000 borrowers at once for 8 connections, once, and 10,000 that come back 20 times",
  run: async (effort) => {
    const tables: Array<Table> = []
    for (const { borrowers, leases } of depths) {
      // Subjects whose cost grows with the queue would take minutes.
      const able = borrowers > 100 ? queues.filter(({ isSlowInQueues }) => !isSlowInQueues) : queues
      const rows = await withRemotes(able, async (remotes) => {
        const times = Math.max(1, Math.round(20_000 / borrowers / leases))
        for (const { open } of remotes) await open(8)
        const samplers = remotes.map(({ name, run }): Sampler => {
          const load = () => run({ borrowers, leases, steps: true }, times)
          return { name, warmUp: load, sample: async () => await load() / times / borrowers / leases * 1e6 }
        })
        return sampled(samplers, borrowers > 10_000 ? Math.min(effort.rounds, 3) : effort.rounds)
      })
      tables.push({
        title: `${borrowers.toLocaleString("en")} waiters at once${leases === 1 ? "" : `, ${leases} leases each`}`,
        unit: leases === 1 ? "ns per lease, its fiber or promise included" : "ns per lease",
        better: "less",
        yardstick,
        rows,
        note: leases === 1
          ? "Each waiter is a new fiber or promise, and making it is measured too. The row of fibers in line for an " +
            "array is the floor for fibers: only the rest is the pool's."
          : "The borrowers stay: the making of a fiber or promise is shared by its leases, so this is the wait itself."
      })
    }
    return tables
  }
}
