/** The budgets, each of which opens into its pools, and into the processes that share it. */
import type { BudgetSnapshot, FleetSnapshot, HolderSnapshot, ShareSnapshot } from "../src/Snapshot.js"
import { button, el } from "./dom.js"
import { type Folded, FoldList, numberCells, setNumbers, tableOf } from "./fold.js"
import { clip, count, duration, none, plural, time } from "./format.js"

/** A pool or a keyed pool to go to. */
export interface Target {
  readonly kind: "pool" | "keyed"
  readonly id: number
}

const targetOf = ({ keyedPoolId, poolId }: ShareSnapshot): Target | undefined =>
  poolId !== undefined
    ? { kind: "pool", id: poolId }
    : keyedPoolId !== undefined
    ? { kind: "keyed", id: keyedPoolId }
    : undefined

/** The places that are taken, by all processes if several share the budget. */
const takenOf = ({ fleet, held }: BudgetSnapshot): number => fleet === undefined ? held : fleet.held

/** The words for the state of a budget. */
const stateOf = (budget: BudgetSnapshot): Pick<Folded, "state" | "isBad"> => {
  const { fleet, held, limit, pools, wanted } = budget
  if (fleet?.isLost === true) return { state: "store lost, no place is granted", isBad: true }
  // The free places of a fleet are not yet those of this process.
  if (wanted === 0 || (fleet === undefined && held < limit)) return { state: "no pool lacks a place", isBad: false }
  const [longest] = [...pools].sort((a, b) => b.wantedMillis - a.wantedMillis)
  const whose = longest === undefined || longest.wanted === 0
    ? ""
    : `; ${clip(longest.name, 40)} has waited ${duration(longest.wantedMillis)}`
  return { state: `${takenOf(budget) < limit ? "none granted yet" : "none free"}${whose}`, isBad: true }
}

/** The starved pools that are named. */
const mostStarved = 5

const starvedOf = ({ starved }: BudgetSnapshot): string => {
  const named = starved.slice(-mostStarved).reverse().map(({ at, pool }) => `${clip(pool, 40)} at ${time(at)}`)
  return named.length === 0 ? "" : `Wanted a place for more than a second, latest first: ${named.join(", ")}.`
}

const fleetNotes = (fleet: FleetSnapshot): ReadonlyArray<string> => {
  const dead = fleet.holders.filter(({ isDead }) => isDead)
  const withheld = dead.reduce((sum, { held }) => sum + held, 0)
  return [
    `Shared by ${plural(fleet.members, "process", "processes")}; ${
      plural(fleet.wanted, "more place")
    } wanted. This one ` +
    `has been granted ${plural(fleet.granted, "place")}.`,
    dead.length === 0
      ? ""
      : `${plural(dead.length, "process has", "processes have")} died: ${plural(withheld, "place")} withheld.`,
    fleet.isLost ? "The store cannot be reached. The figures of all processes are those of its last answer." : "",
    fleet.members > fleet.holders.length
      ? `${count(fleet.holders.length)} of ${count(fleet.members)} processes are shown.`
      : ""
  ]
}

const foldedOf = (budget: BudgetSnapshot): Folded => {
  const { fleet, held, limit, members, name, pools, wanted } = budget
  const taken = takenOf(budget)
  return {
    name,
    ...stateOf(budget),
    figures: [
      ["held", taken, `${count(taken)} of ${plural(limit, "place")} held`],
      ...(fleet === undefined ? [] : [["here", held, `${count(held)} held here`] as const]),
      ["wanted", wanted, `${count(wanted)} wanted${fleet === undefined ? "" : " here"}`]
    ],
    parts: [[held, "--in-use"], [Math.max(0, taken - held), "--idle"]],
    limit,
    note: [
      ...(fleet === undefined ? [] : fleetNotes(fleet)),
      starvedOf(budget),
      members === 0 ? "No pool shares this budget." : "",
      members > pools.length ? `${count(pools.length)} of ${plural(members, "pool")} are shown.` : ""
    ].filter((text) => text !== "").join(" ")
  }
}

const poolHeads = ["Pool", "Held", "Wanted", "Wanted for", "Weight"]

const poolTable = (goTo: (target: Target) => void) =>
  tableOf<BudgetSnapshot, ShareSnapshot>({
    caption: "The pools of",
    kind: "members",
    heads: poolHeads,
    rowsOf: ({ pools }) => pools,
    keyOf: ({ keyedPoolId, name, poolId }) => `${poolId} ${keyedPoolId} ${name}`,
    make: (share) => {
      const { name } = share
      const target = targetOf(share)
      const label = target === undefined
        ? name
        : button(name, { class: "link", title: name, "data-go": `${target.kind}-${target.id}` }, () => goTo(target))
      return el("tr", { "data-share": name }, el("th", { scope: "row" }, label), ...numberCells(poolHeads))
    },
    update: (row, { held, wanted, wantedMillis, weight }) =>
      setNumbers(row, [held, wanted, [wanted === 0 ? none : duration(wantedMillis), wantedMillis], [
        String(weight),
        weight
      ]])
  })

/** A process, and whether it is the one whose pools the page shows. */
interface Holder extends HolderSnapshot {
  readonly isOwn: boolean
}

const holderHeads = ["Process", "Held", "Wanted", "State"]

const holderTable = tableOf<BudgetSnapshot, Holder>({
  caption: "The processes that share",
  kind: "holders",
  heads: holderHeads,
  rowsOf: ({ fleet }) => (fleet?.holders ?? []).map((one) => ({ ...one, isOwn: one.holder === fleet!.holder })),
  keyOf: ({ holder, isOwn }) => `${isOwn} ${holder}`,
  make: ({ holder, isOwn }) =>
    el(
      "tr",
      { "data-holder": holder },
      el("th", { scope: "row", title: holder }, isOwn ? `${holder} (this one)` : holder),
      ...numberCells(holderHeads)
    ),
  update: (row, { held, isDead, wanted }) => {
    row.classList.toggle("bad", isDead)
    setNumbers(row, [held, wanted, [isDead ? "✕ dead" : "alive", Number(isDead)]])
  }
})

export const budgetList = (goTo: (target: Target) => void): FoldList<BudgetSnapshot> =>
  new FoldList<BudgetSnapshot>({
    heading: "Budgets",
    attribute: "data-budget",
    foldedOf,
    tables: [poolTable(goTo), holderTable]
  })
