/** All pools of the process that have not closed, and the metrics of all pools so far. */
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
const sources = globalValue(
  Symbol.for("@socketpool/core/registry/sources"),
  () => new Map<string, Source>()
)

const sourceOf = (name: string, tags: Source["tags"]): Source => {
  const key = JSON.stringify([name, tags])
  const known = sources.get(key)
  if (known !== undefined) return known
  const source = new Source(name, tags)
  sources.set(key, source)
  expose(source)
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
}

export const leave = (state: State<any>): void => {
  running.get(state)?.source.leave(state)
  running.delete(state)
}

export const pools = (): ReadonlyArray<ConnectionPool<any, unknown>> => Array.from(running.values(), ({ pool }) => pool)

export const allSources = (): ReadonlyArray<Source> => [...sources.values()]

/** Returns `pool-1`, or the next name that no running pool has. Names are reused, so that metrics do not pile up. */
export const freeName = (): string => {
  const taken = new Set(pools().map(({ name }) => name))
  let n = 1
  while (taken.has(`pool-${n}`)) n++
  return `pool-${n}`
}
