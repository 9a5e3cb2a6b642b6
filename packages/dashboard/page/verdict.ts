/** The state of a pool in words. */
import { total } from "../src/internal/row.js"
import { duration, percent, plural, time } from "./format.js"
import type { PoolModel, PoolSnapshot } from "./model.js"

export type Tone = "bad" | "warn" | "good" | "off"

export interface Verdict {
  readonly tone: Tone
  /** One or two words, which stay the same while the state does. */
  readonly word: string
  /** The figures or the error behind the state. */
  readonly explanation: string
}

/** The text for screen readers. It leaves out figures that change every second. */
export const announcement = ({ explanation, word }: Verdict): string =>
  word === "down" ? `${word}: ${explanation}` : word

export const symbol = { good: "●", warn: "▲", bad: "✕", off: "○" } as const

/** Worst first. Closed pools come last. */
const severity = { bad: 0, warn: 1, good: 2, off: 3 } as const

export const bySeverity = (a: Verdict, b: Verdict): number => severity[a.tone] - severity[b.tone]

/** Above this share of refused requests a pool fails its callers; below it, a burst has had a tail. */
const mayRefuse = 0.01
/** A request that waits for longer than this, in milliseconds, is in trouble, whatever its timeout is. */
const mayWait = 5_000
/** The time after which a pool that serves nobody is stuck, in milliseconds. */
const mayBeStuck = 2_000

/** What happened to the requests of the last ten seconds. */
const requestsOf = (pool: PoolModel) => {
  const served = pool.recentCount(({ acquired }) => acquired) ?? 0
  const refused = pool.recentCount(({ failed }) => total(failed) - failed.PoolClosed) ?? 0
  const share = refused === 0 ? 0 : refused / (served + refused)
  return {
    served,
    refused,
    share,
    refusal: `${plural(refused, "request")} got no connection in the last 10 s (${percent(share)})`
  }
}

/** The states of a running pool, the one that says most first; the first of the worst tone is the verdict. */
const states = (pool: PoolModel, { leases, openFailure, stats }: PoolSnapshot): ReadonlyArray<Verdict> => {
  const { refusal, refused, served, share } = requestsOf(pool)
  const connections = stats.idle + stats.inUse
  const inUse = `${stats.inUse} of ${stats.maxConnections} connections in use`
  const queue = `${stats.pending + stats.reconnecting} pending for up to ${duration(stats.oldestWaitMillis)}`
  const found: Array<Verdict> = []
  const add = (tone: Tone, word: string, ...parts: ReadonlyArray<string>) =>
    void found.push({ tone, word, explanation: parts.filter((part) => part !== "").join("; ") })

  const waits = stats.oldestWaitMillis > 0 ? queue : ""
  if (openFailure !== undefined) {
    const failed = `last open failed with ${openFailure.error} at ${time(openFailure.at)}`
    // Connections that stay in use do not serve the requests that fail.
    if (connections === 0 || (served === 0 && refused > 0)) add("bad", "down", failed)
    else add("warn", "opens fail", `${plural(connections, "connection")} still open`, failed)
  }
  if (served === 0 && pool.recentSpan >= mayBeStuck && stats.oldestWaitMillis >= mayBeStuck) {
    add("bad", "stuck", `no request served in the last ${duration(pool.recentSpan)}`, queue, inUse)
  }
  if (refused > 0) add(share >= mayRefuse ? "bad" : "warn", "refusing", refusal, waits, inUse)
  if (waits !== "") add(stats.oldestWaitMillis >= mayWait ? "bad" : "warn", "waiting", queue, inUse)
  const leak = leases.find(({ suspected }) => suspected)
  if (leak !== undefined) {
    add("warn", "leak suspected", `connection ${leak.connectionId} held for ${duration(leak.holder.heldMillis)}`)
  }
  add(
    "good",
    "healthy",
    stats.inUse === 0 ?
      "no connection in use, no request waiting" :
      stats.inUse === stats.maxConnections ?
      "every connection in use, no request waiting" :
      "no request waiting"
  )
  return found
}

export const verdictOf = (pool: PoolModel): Verdict => {
  const { snapshot } = pool
  if (pool.isClosed) return { tone: "off", word: "closed", explanation: "last figures shown" }
  if (snapshot === undefined) return { tone: "off", word: "unknown", explanation: "no figures yet" }
  if (pool.isDraining) {
    return { tone: "warn", word: "draining", explanation: `${plural(snapshot.stats.leased, "lease")} still held` }
  }
  // The sort is stable.
  return [...states(pool, snapshot)].sort(bySeverity)[0]!
}
