/** The keyed pools, each of which opens into its busiest keys. */
import { total } from "../src/internal/row.js"
import type { KeyedPoolSnapshot } from "../src/Snapshot.js"
import { el } from "./dom.js"
import { type Folded, FoldList, numberCells, setNumbers, tableOf } from "./fold.js"
import { count, duration, none, percent, plural } from "./format.js"
import { outcomes, requests } from "./tables.js"

type KeyUsage = KeyedPoolSnapshot["busiest"][number]

const foldedOf = ({ busiest, name, stats }: KeyedPoolSnapshot): Folded => {
  const { closing, idle, inUse, keys, maxConnections, maxKeys, opening, pending, wanted } = stats
  const connections = inUse + idle + opening + closing
  return {
    name,
    state: pending + stats.reconnecting === 0
      ? "no request waits"
      : `${plural(pending, "request")} waiting for up to ${duration(stats.oldestWaitMillis)}`,
    isBad: pending + stats.reconnecting > 0,
    figures: [
      ["connections", connections, `${count(connections)} of ${plural(maxConnections, "connection")}`],
      ["wanted", wanted, `${count(wanted)} wanted`],
      ["keys", keys, `${count(keys)} of ${plural(maxKeys, "key")}`]
    ],
    parts: [[inUse, "--in-use"], [idle, "--idle"], [opening + closing, "--opening"]],
    limit: maxConnections,
    note: [
      `${count(inUse)} in use, ${count(idle)} idle, ${count(opening)} opening, ${count(closing)} closing; ` +
      `${plural(stats.acquired, "lease")}, ${count(total(stats.failed) + stats.tooManyKeys)} failed and ` +
      `${plural(stats.openFailed, "failed open")} so far.`,
      stats.forgotten === 0 ? "" : `${plural(stats.forgotten, "key")} forgotten.`,
      keys > busiest.length ? `The ${count(busiest.length)} busiest keys are shown.` : ""
    ].filter((text) => text !== "").join(" ")
  }
}

const heads = ["Key", "In use", "Idle", "Waiting", "Oldest wait", "Held", "Wanted"]

/** Those with waiters first. Within both parts in the order in which keys came, so that rows seldom move. */
const inOrder = ({ busiest }: KeyedPoolSnapshot): ReadonlyArray<KeyUsage> =>
  [...busiest].sort((a, b) => Number(b.pending > 0) - Number(a.pending > 0) || a.number - b.number)

const keyTable = tableOf<KeyedPoolSnapshot, KeyUsage>({
  caption: "The busiest keys of",
  kind: "keys",
  heads,
  rowsOf: inOrder,
  keyOf: ({ number }) => String(number),
  make: ({ label, number }) =>
    el(
      "tr",
      { "data-key": number },
      el("th", { scope: "row" }, label ?? `key ${number}`),
      ...numberCells(heads)
    ),
  update: (row, { held, idle, inUse, oldestWaitMillis, pending, wanted }) =>
    setNumbers(row, [
      inUse,
      idle,
      pending,
      [pending === 0 ? none : duration(oldestWaitMillis), oldestWaitMillis],
      held,
      wanted
    ])
})

interface Outcome {
  readonly key: string
  readonly label: string
  readonly value: number
  /** The requests of all outcomes. */
  readonly all: number
}

/** The outcomes of a pool's requests, and the one that only a keyed pool has, among the failures. */
const outcomesOf = ({ stats }: KeyedPoolSnapshot): ReadonlyArray<Outcome> => {
  const all = requests(stats) + stats.tooManyKeys
  const rows = outcomes.map(({ isRare = false, key, label, of }) => ({ key, label, value: of(stats), all, isRare }))
  const label = "failed: too many keys (maxKeys)"
  rows.splice(-1, 0, { key: "TooManyKeys", label, value: stats.tooManyKeys, all, isRare: true })
  return rows.filter(({ isRare, value }) => !isRare || value > 0)
}

const outcomeHeads = ["Outcome", "Count", "Share"]

const outcomeTable = tableOf<KeyedPoolSnapshot, Outcome>({
  caption: "Requests by outcome of",
  kind: "outcomes",
  heads: outcomeHeads,
  rowsOf: outcomesOf,
  keyOf: ({ key }) => key,
  make: ({ key, label }) =>
    el("tr", { "data-outcome": key }, el("th", { scope: "row" }, label), ...numberCells(outcomeHeads)),
  update: (row, { all, value }) => setNumbers(row, [value, [percent(all === 0 ? null : value / all), value]])
})

export const keyedList = (): FoldList<KeyedPoolSnapshot> =>
  new FoldList<KeyedPoolSnapshot>({
    heading: "Keyed pools",
    attribute: "data-keyed",
    foldedOf,
    tables: [keyTable, outcomeTable]
  })
