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
const sources = globalValue(
  Symbol.for("@socketpool/core/registry/sources"),
  () => new Map<string, { readonly source: Source; readonly remove: () => void }>()
)

const keyOf = (name: string, tags: Source["tags"]): string => JSON.stringify([name, tags])

const sourceOf = (name: string, tags: Source["tags"]): Source => {
  const key = keyOf(name, tags)
  const known = sources.get(key)
  if (known !== undefined) return known.source
  const source = new Source(name, tags)
  sources.set(key, { source, remove: expose(source) })
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

/** Forgets a pool, and the metrics of its name with the last pool of that name. */
export const leave = (state: State<any>): void => {
  const source = running.get(state)?.source
  running.delete(state)
  if (source === undefined || source.leave(state)) return
  const key = keyOf(source.name, source.tags)
  sources.get(key)?.remove()
  sources.delete(key)
}

export const pools = (): ReadonlyArray<ConnectionPool<any, unknown>> => Array.from(running.values(), ({ pool }) => pool)

export const allSources = (): ReadonlyArray<Source> => Array.from(sources.values(), ({ source }) => source)

/** Returns `pool-1`, or the next name that no running pool has. */
export const freeName = (): string => {
  const taken = new Set(pools().map(({ name }) => name))
  let n = 1
  while (taken.has(`pool-${n}`)) n++
  return `pool-${n}`
}
