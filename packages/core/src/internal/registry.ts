/** All pools, keyed pools, pools of endpoints and budgets of the process that have not closed, and the metrics of the pools. */
import type { Budget } from "../BudgetModel.js"
import type { ConnectionPool } from "../ConnectionPool.js"
import type { EndpointPool } from "../EndpointPoolModel.js"
import type { KeyedPool } from "../KeyedPoolModel.js"
import { globalValue } from "./effect/tag.js"
import { expose } from "./metrics/effect.js"
import { Source } from "./metrics/source.js"
import type { State } from "./state.js"

interface Entry {
  /** None for a pool that is a part of another, and not shown on its own. */
  readonly pool: ConnectionPool<any, unknown> | undefined
  readonly source: Source
}

/** One of each for the process, however often this module is loaded. */
const running = globalValue(
  Symbol.for("@socketpool/core/registry/running"),
  () => new Map<State<any>, Entry>()
)
const keyed = globalValue(
  Symbol.for("@socketpool/core/registry/keyed"),
  () => new Map<State<any>, KeyedPool<any, any, unknown>>()
)
const ofEndpoints = globalValue(
  Symbol.for("@socketpool/core/registry/endpoints"),
  () => new Map<State<any>, EndpointPool<any, unknown>>()
)
const budgets = globalValue(Symbol.for("@socketpool/core/registry/budgets"), () => new Set<Budget>())
/** The number of running pools of each name, and the least `n` for which `pool-n` may be free. */
const names = globalValue(
  Symbol.for("@socketpool/core/registry/names"),
  () => ({ running: new Map<string, number>(), least: 1 })
)
/** The metrics by name and tags, and whether the collectors of Effect's metrics get them. */
const metrics = globalValue(
  Symbol.for("@socketpool/core/registry/metrics"),
  () => ({ sources: new Map<string, Source>(), areExposed: false })
)

const keyOf = (name: string, tags: Source["tags"]): string => JSON.stringify([name, tags])

const sourceOf = (name: string, tags: Source["tags"]): Source => {
  const key = keyOf(name, tags)
  const known = metrics.sources.get(key)
  if (known !== undefined) return known
  const source = new Source(name, tags)
  metrics.sources.set(key, source)
  if (!metrics.areExposed) expose(allSources)
  metrics.areExposed = true
  return source
}

export const enter = (
  name: string,
  pool: ConnectionPool<any, any> | undefined,
  state: State<any>,
  now: () => number,
  tags: Source["tags"]
): void => {
  const source = sourceOf(name, tags)
  source.enter(state, now)
  running.set(state, { pool, source })
  names.running.set(name, (names.running.get(name) ?? 0) + 1)
}

/** Enters a keyed pool. The state stands for all its keys. */
export const enterKeyed = (
  pool: KeyedPool<any, any, any>,
  state: State<any>,
  now: () => number,
  tags: Source["tags"]
): void => {
  enter(pool.name, undefined, state, now, tags)
  keyed.set(state, pool)
}

/** Enters a pool of endpoints. The state stands for all of them. */
export const enterEndpoints = (
  pool: EndpointPool<any, any>,
  state: State<any>,
  now: () => number,
  tags: Source["tags"]
): void => {
  enter(pool.name, pool, state, now, tags)
  ofEndpoints.set(state, pool)
}

export const enterBudget = (budget: Budget): void => void budgets.add(budget)

export const leaveBudget = (budget: Budget): void => void budgets.delete(budget)

/** Leaves a pool out of the list of running pools. Its metrics stay. */
export const hide = (state: State<any>): void => {
  const entry = running.get(state)
  if (entry !== undefined) running.set(state, { ...entry, pool: undefined })
}

/** Forgets a pool, and the metrics of its name with the last pool of that name. */
export const leave = (state: State<any>): void => {
  const source = running.get(state)?.source
  running.delete(state)
  keyed.delete(state)
  ofEndpoints.delete(state)
  if (source === undefined) return
  const { name, tags } = source
  const others = names.running.get(name)! - 1
  if (others > 0) names.running.set(name, others)
  else names.running.delete(name)
  names.least = 1
  if (!source.leave(state)) metrics.sources.delete(keyOf(name, tags))
}

export const pools = (): ReadonlyArray<ConnectionPool<any, unknown>> =>
  Array.from(running.values(), ({ pool }) => pool).filter((pool) => pool !== undefined)

/** The pool of a state, if it is shown on its own. */
export const poolOf = (state: State<any>): ConnectionPool<any, unknown> | undefined => running.get(state)?.pool

export const keyedPools = (): ReadonlyArray<KeyedPool<any, any, unknown>> => [...keyed.values()]

export const endpointPools = (): ReadonlyArray<EndpointPool<any, unknown>> => [...ofEndpoints.values()]

export const allBudgets = (): ReadonlyArray<Budget> => [...budgets]

export const allSources = (): ReadonlyArray<Source> => [...metrics.sources.values()]

/** Returns `pool-1`, or the next name that no running pool has. */
export const freeName = (): string => {
  while (names.running.has(`pool-${names.least}`)) names.least++
  return `pool-${names.least}`
}
