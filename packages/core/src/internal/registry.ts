/** All pools of the process that have not closed, and their metrics. */
import type { ConnectionPool } from "../ConnectionPool.js"
import { globalValue } from "./effect/tag.js"
import { expose } from "./metrics/effect.js"
import { Source } from "./metrics/source.js"
import type { State } from "./state.js"

interface Entry {
  readonly pool: ConnectionPool<any, unknown>
  readonly source: Source
}

/** One of each for the process, however often this module is loaded. */
const running = globalValue(
  Symbol.for("@socketpool/core/registry/running"),
  () => new Map<State<any>, Entry>()
)
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
  pool: ConnectionPool<any, any>,
  state: State<any>,
  now: () => number,
  tags: Source["tags"]
): void => {
  const source = sourceOf(pool.name, tags)
  source.enter(state, now)
  running.set(state, { pool, source })
  names.running.set(pool.name, (names.running.get(pool.name) ?? 0) + 1)
}

/** Forgets a pool, and the metrics of its name with the last pool of that name. */
export const leave = (state: State<any>): void => {
  const source = running.get(state)?.source
  running.delete(state)
  if (source === undefined) return
  const { name, tags } = source
  const others = names.running.get(name)! - 1
  if (others > 0) names.running.set(name, others)
  else names.running.delete(name)
  names.least = 1
  if (!source.leave(state)) metrics.sources.delete(keyOf(name, tags))
}

export const pools = (): ReadonlyArray<ConnectionPool<any, unknown>> => Array.from(running.values(), ({ pool }) => pool)

export const allSources = (): ReadonlyArray<Source> => [...metrics.sources.values()]

/** Returns `pool-1`, or the next name that no running pool has. */
export const freeName = (): string => {
  while (names.running.has(`pool-${names.least}`)) names.least++
  return `pool-${names.least}`
}
