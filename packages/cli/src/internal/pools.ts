/** The table of pools, in the manner of `SHOW POOLS` in PgBouncer. */
import type { PoolStats } from "@socketpool/core/PoolStats"
import * as PoolVerdict from "@socketpool/core/PoolVerdict"
import type { BudgetSnapshot, KeyedPoolSnapshot, PoolSnapshot, Snapshot } from "@socketpool/dashboard/Snapshot"
import { endpointLines, type Endpoints } from "./endpointLines.js"
import { paint, type Styled, type Tone } from "./screen.js"
import { type Column, count, cut, duration, figure, table, visible } from "./text.js"

interface Head extends Column {
  /** It is shown only where there are budgets or keyed pools, or pools of endpoints. */
  readonly only?: "places" | "endpoints"
}

const allColumns: ReadonlyArray<Head> = [
  { head: "POOL", align: "left" },
  { head: "VERDICT", align: "left" },
  { head: "IN USE", align: "right" },
  { head: "IDLE", align: "right", rank: 6 },
  { head: "OPENING", align: "right", rank: 7 },
  { head: "CLOSING", align: "right", rank: 12 },
  { head: "PENDING", align: "right" },
  { head: "OLDEST WAIT", align: "right", rank: 3 },
  { head: "MAX", align: "right" },
  { head: "HELD", align: "right", rank: 4, only: "places" },
  { head: "WANTED", align: "right", rank: 1, only: "places" },
  { head: "LOAD", align: "right", rank: 3, only: "endpoints" },
  { head: "SHARE", align: "right", rank: 1, only: "endpoints" },
  { head: "TIER", align: "right", rank: 5, only: "endpoints" },
  { head: "WEIGHT", align: "right", rank: 6, only: "endpoints" },
  { head: "FAILURES", align: "right", rank: 4, only: "endpoints" },
  { head: "EJECTIONS", align: "right", rank: 9, only: "endpoints" },
  { head: "LEASES/S", align: "right", rank: 5 },
  { head: "FAILED/S", align: "right", rank: 2 },
  { head: "OPENS/S", align: "right", rank: 11 },
  { head: "WAIT P99", align: "right", rank: 8 },
  { head: "USE P50", align: "right", rank: 10 },
  { head: "LONGEST LEASE", align: "left", rank: 9 }
]

/** The sort orders of the table. */
export const sortKeys = ["worst", "name", "inUse", "pending", "oldest", "leases", "wait", "longest"] as const
export type SortKey = typeof sortKeys[number]

/** The figures of a row: those of a pool, of all keys of a keyed pool, or of all pools of a budget. */
type Figures = Pick<
  PoolStats,
  "inUse" | "idle" | "opening" | "closing" | "pending" | "oldestWaitMillis" | "maxConnections"
>

export interface Row {
  readonly name: string
  readonly figures: Figures
  readonly leasesPerSecond: number
  readonly failedPerSecond: number
  readonly opensPerSecond: number
  readonly verdict: { readonly tone: PoolVerdict.PoolVerdict["tone"]; readonly word: string }
  /** The percentiles of the last minute; none of a budget or a keyed pool. */
  readonly times?: { readonly waitP99Millis: number; readonly useP50Millis: number }
  readonly longest?: PoolSnapshot["leases"][number]
  /** The places of a budget, of a pool in a budget, or of a keyed pool. */
  readonly places?: { readonly held: number; readonly wanted: number }
  /** The pools of a budget. */
  readonly members?: ReadonlyArray<Row>
  /** The processes that share a budget. */
  readonly fleet?: NonNullable<BudgetSnapshot["fleet"]>
  /** The endpoints of a pool, and the time of their figures. */
  readonly endpoints?: Endpoints
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** Readings of the pools, oldest first. */
export type Readings = readonly [Snapshot, ...ReadonlyArray<Snapshot>]

/** The time that a verdict is about, in milliseconds. */
const recent = 10_000

/** Adds a reading, and forgets those that no row needs any more. The last one is needed for the rates. */
export const withReading = (readings: Readings, next: Snapshot): Readings => {
  const isNeeded = ({ at }: Snapshot, i: number) => i === readings.length - 1 || at <= next.at && next.at - at <= recent
  return [...readings.filter(isNeeded), next] as unknown as Readings
}

/** The statistics of a pool or a keyed pool. */
type Stats = PoolStats & { readonly tooManyKeys?: number }

interface Known {
  readonly id: number
  readonly name: string
  readonly stats: Stats
}

/** The requests that got no connection. */
const failures = ({ failed, tooManyKeys = 0 }: Stats): number => total(failed) + tooManyKeys

/** Reads what the snapshots say of one pool or keyed pool. */
const pastOf = (
  { id, name, stats }: Known,
  readings: Readings,
  listOf: (reading: Snapshot) => ReadonlyArray<Known>
) => {
  // A process that was restarted numbers its pools from the start again.
  const statsIn = (reading: Snapshot | undefined) =>
    reading &&
    listOf(reading).find((known) => known.id === id && known.name === name && known.stats.ageMillis <= stats.ageMillis)
      ?.stats
  const before = statsIn(readings.at(-2))
  const seconds = (stats.ageMillis - (before?.ageMillis ?? 0)) / 1_000
  const rate = (now: number, before = 0) => seconds > 0 ? (now - before) / seconds : 0
  const first = readings.slice(0, -1).map(statsIn).find((stats) => stats !== undefined)
  const since = (count: (of: Stats) => number) => count(stats) - (first === undefined ? 0 : count(first))
  return {
    rates: {
      leasesPerSecond: rate(stats.acquired, before?.acquired),
      failedPerSecond: rate(failures(stats), before && failures(before)),
      opensPerSecond: rate(stats.opened, before?.opened)
    },
    facts: {
      connections: stats.idle + stats.inUse,
      oldestWaitMillis: stats.oldestWaitMillis,
      periodMillis: since(({ ageMillis }) => ageMillis),
      acquired: since(({ acquired }) => acquired),
      refused: since((stats) => failures(stats) - stats.failed.PoolClosed),
      overloadedMillis: since((stats) => stats.overloadedMillis ?? 0),
      // Opens fail if none has succeeded in a period in which some failed.
      opensFail: since(({ openFailed }) => openFailed) > 0 && since(({ opened }) => opened) === 0
    }
  }
}

const poolRow = (pool: PoolSnapshot, readings: Readings): Row => {
  const { endpoints, leases: [longest], stats } = pool
  const { facts, rates } = pastOf(pool, readings, ({ pools }) => pools)
  const { useTime, waitTime } = pool.recent ?? stats
  return {
    name: pool.name,
    figures: stats,
    ...rates,
    verdict: PoolVerdict.judge({
      ...facts,
      opensFail: pool.openFailure !== undefined,
      suspectsLeak: pool.leases.some(({ suspected }) => suspected)
    }),
    times: { waitP99Millis: waitTime.p99Millis, useP50Millis: useTime.p50Millis },
    ...(longest === undefined ? {} : { longest }),
    ...(endpoints === undefined ? {} : { endpoints: { ...endpoints, at: readings.at(-1)!.at } })
  }
}

const keyedRow = (pool: KeyedPoolSnapshot, readings: Readings): Row => {
  const { keys, wanted, ...stats } = pool.stats
  const { facts, rates } = pastOf(pool, readings, ({ keyedPools = [] }) => keyedPools)
  const held = stats.inUse + stats.idle + stats.opening + stats.closing
  return {
    name: `${pool.name} (${count(keys)} ${keys === 1 ? "key" : "keys"})`,
    figures: stats,
    ...rates,
    verdict: PoolVerdict.judge({ ...facts, suspectsLeak: false }),
    places: { held, wanted }
  }
}

const budgetVerdict = ({ fleet, held, limit, pools, wanted }: BudgetSnapshot): Row["verdict"] => {
  if (fleet?.isLost === true) return { tone: "bad", word: "store lost" }
  // The free places of a fleet are not yet those of this process.
  if (wanted === 0 || (fleet === undefined && held < limit)) return { tone: "good", word: "healthy" }
  return { tone: "warn", word: pools.some(({ wantedMillis }) => wantedMillis > starvedMillis) ? "starved" : "full" }
}

const budgetRow = (budget: BudgetSnapshot, members: ReadonlyArray<Row>): Row => {
  const { fleet, held, limit, name, wanted } = budget
  const sum = (of: (row: Row) => number) => members.reduce((sum, row) => sum + of(row), 0)
  return {
    name: `${name} (budget)`,
    figures: {
      inUse: sum(({ figures }) => figures.inUse),
      idle: sum(({ figures }) => figures.idle),
      opening: sum(({ figures }) => figures.opening),
      closing: sum(({ figures }) => figures.closing),
      pending: sum(({ figures }) => figures.pending),
      oldestWaitMillis: Math.max(0, ...members.map(({ figures }) => figures.oldestWaitMillis)),
      maxConnections: limit
    },
    leasesPerSecond: sum(({ leasesPerSecond }) => leasesPerSecond),
    failedPerSecond: sum(({ failedPerSecond }) => failedPerSecond),
    opensPerSecond: sum(({ opensPerSecond }) => opensPerSecond),
    verdict: budgetVerdict(budget),
    places: fleet === undefined ? { held, wanted } : { held: fleet.held, wanted: fleet.wanted },
    members,
    ...(fleet === undefined ? {} : { fleet })
  }
}

/** A pool that has wanted a place for longer, in milliseconds, is starved, as for the event of that name. */
const starvedMillis = 1_000

/**
 * Computes rates since the last reading but one, and verdicts since the first; without those, since the pool was made.
 * The rows of pools that share a budget are below its row.
 */
export const rowsOf = (readings: Readings): ReadonlyArray<Row> => {
  const { budgets = [], keyedPools = [], pools } = readings.at(-1)!
  const rows = new Map<string, Row>([
    ...pools.map((pool) => [`pool ${pool.id}`, poolRow(pool, readings)] as const),
    ...keyedPools.map((pool) => [`keyed ${pool.id}`, keyedRow(pool, readings)] as const)
  ])
  const shared = budgets.map((budget) => {
    const members = budget.pools.flatMap(({ held, keyedPoolId, poolId, wanted }) => {
      const key = poolId === undefined ? `keyed ${keyedPoolId}` : `pool ${poolId}`
      const row = rows.get(key)
      rows.delete(key)
      return row === undefined ? [] : [{ ...row, places: { held, wanted } }]
    })
    return budgetRow(budget, members)
  })
  return [...shared, ...rows.values()]
}

/** The rows of pools and keyed pools, those in budgets included. */
export const withoutBudgets = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> =>
  rows.flatMap((row) => row.members ?? [row])

const severity = { good: 0, warn: 1, bad: 2 } as const

const value = (row: Row, sortKey: SortKey): number => {
  const { figures, leasesPerSecond, longest, members = [], times, verdict } = row
  const most = (own: number) => Math.max(own, ...members.map((member) => value(member, sortKey)))
  switch (sortKey) {
    case "worst":
      return most(severity[verdict.tone])
    case "name":
      return 0
    case "inUse":
      return figures.inUse
    case "pending":
      return figures.pending
    case "oldest":
      return figures.oldestWaitMillis
    case "leases":
      return leasesPerSecond
    case "wait":
      return most(times?.waitP99Millis ?? 0)
    case "longest":
      return most(longest?.holder.heldMillis ?? 0)
  }
}

const sorted = (rows: ReadonlyArray<Row>, sortKey: SortKey): ReadonlyArray<Row> =>
  [...rows].sort((a, b) =>
    value(b, sortKey) - value(a, sortKey) ||
    (sortKey === "worst" ? b.failedPerSecond - a.failedPerSecond || value(b, "pending") - value(a, "pending") : 0) ||
    a.name.localeCompare(b.name)
  )

const leaseText = (longest: Row["longest"]): string => {
  if (longest === undefined) return ""
  const { fiber, heldMillis, span } = longest.holder
  return `${duration(heldMillis)} ${span ?? fiber}${longest.suspected ? " (leak?)" : ""}`
}

const tones: Readonly<Record<PoolVerdict.PoolVerdict["tone"], Tone>> = { good: "plain", warn: "warn", bad: "bad" }

/** A line of the table: the texts of its columns, and how it looks. A column without a text is empty. */
export interface TableLine {
  readonly cells: Readonly<Record<string, string>>
  readonly tone: Tone
  /** A text below it. */
  readonly below?: string | undefined
}

const lineOf = (row: Row, indent: string): TableLine => {
  const { figures, places, times, verdict } = row
  return {
    cells: {
      "POOL": `${indent}${row.name}`,
      "VERDICT": verdict.word,
      "IN USE": count(figures.inUse),
      "IDLE": count(figures.idle),
      "OPENING": count(figures.opening),
      "CLOSING": count(figures.closing),
      "PENDING": count(figures.pending),
      "OLDEST WAIT": duration(figures.oldestWaitMillis),
      "MAX": count(figures.maxConnections),
      "HELD": places === undefined ? "" : count(places.held),
      "WANTED": places === undefined ? "" : count(places.wanted),
      "LEASES/S": figure(row.leasesPerSecond),
      "FAILED/S": figure(row.failedPerSecond),
      "OPENS/S": figure(row.opensPerSecond),
      "WAIT P99": times === undefined ? "" : duration(times.waitP99Millis),
      "USE P50": times === undefined ? "" : duration(times.useP50Millis),
      "LONGEST LEASE": leaseText(row.longest)
    },
    tone: tones[verdict.tone]
  }
}

/** The most processes below a budget. */
const maxHolders = 10

/** The processes that share a budget: this one, the dead, and those that want or hold the most. */
const holderLines = ({ holder: own, holders, members }: NonNullable<Row["fleet"]>): ReadonlyArray<TableLine> => {
  const rank = ({ holder, isDead }: typeof holders[number]) => holder === own ? 0 : isDead ? 1 : 2
  const shown = [...holders].sort((a, b) =>
    rank(a) - rank(b) || (holders.length > maxHolders ? b.wanted - a.wanted || b.held - a.held : 0) ||
    a.holder.localeCompare(b.holder)
  ).slice(0, maxHolders)
  return [
    ...shown.map(({ held, holder, isDead, wanted }): TableLine => ({
      cells: {
        "POOL": `  @ ${holder}`,
        "VERDICT": isDead ? "dead" : holder === own ? "this one" : "alive",
        "HELD": count(held),
        "WANTED": count(wanted)
      },
      tone: isDead ? "bad" : "plain"
    })),
    ...(members > shown.length
      ? [{ cells: { POOL: `  @ and ${count(members - shown.length)} more` }, tone: "plain" } satisfies TableLine]
      : [])
  ]
}

/**
 * The rows in their order, each pool before its endpoints and each budget before its pools and its processes, whose names
 * are indented.
 */
const listed = (rows: ReadonlyArray<Row>, sortKey: SortKey, indent = ""): ReadonlyArray<TableLine> =>
  sorted(rows, sortKey).flatMap((row) => [
    lineOf(row, indent),
    ...(row.endpoints === undefined ? [] : endpointLines(row.endpoints, indent)),
    ...listed(row.members ?? [], sortKey, `${indent}  `),
    ...(row.fleet === undefined ? [] : holderLines(row.fleet))
  ])

export const poolTable = (
  rows: ReadonlyArray<Row>,
  sortKey: SortKey,
  width?: number
): { readonly head: string; readonly rows: ReadonlyArray<Styled> } => {
  const all = listed(rows, sortKey)
  const has = {
    // The rows of budgets have places, too.
    places: rows.some(({ places }) => places !== undefined),
    endpoints: withoutBudgets(rows).some(({ endpoints }) => endpoints !== undefined)
  }
  const columns = allColumns.filter(({ only }) => only === undefined || has[only])
  const [head, ...lines] = table(columns, all.map(({ cells }) => columns.map(({ head }) => cells[head] ?? "")), width)
  return {
    head: head!,
    rows: lines.flatMap((line, i) => {
      const { below, tone } = all[i]!
      return [paint(line, tone), ...(below === undefined ? [] : [paint(cut(visible(below), width ?? Infinity), tone)])]
    })
  }
}
