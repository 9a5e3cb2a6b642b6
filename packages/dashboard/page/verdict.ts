/** How a pool is, in words. */
import { total } from "../src/internal/row.js"
import { plural, span, time } from "./format.js"
import type { PoolModel } from "./model.js"

export interface Verdict {
  readonly tone: "good" | "warn" | "bad" | "off"
  /** One or two words, which stay the same for as long as the state does. */
  readonly word: string
  /** What else there is to say. */
  readonly more: string
}

/** What is read out: nothing that changes every second. */
export const spoken = ({ more, tone, word }: Verdict): string => tone === "bad" ? `${word}: ${more}` : word

export const symbol = { good: "●", warn: "▲", bad: "✕", off: "○" } as const

export const verdictOf = (pool: PoolModel, now: number): Verdict => {
  const { openFailure, snapshot } = pool
  if (pool.isClosed) return { tone: "off", word: "closed", more: "its last figures are shown" }
  if (snapshot === undefined) return { tone: "off", word: "unknown", more: "no figures yet" }
  const { stats } = snapshot
  const refused = pool.recentCount(({ failed }) => total(failed)) ?? 0
  const connections = stats.idle + stats.inUse
  if (pool.isDraining) {
    return { tone: "warn", word: "draining", more: `${plural(stats.leased, "lease")} still held` }
  }
  if (openFailure !== undefined) {
    const failed = `last open failed with ${openFailure.error} at ${time(openFailure.at)}`
    // Connections that nobody gives back serve nobody.
    const servesNobody = pool.recentCount(({ acquired }) => acquired) === 0 && refused > 0
    return connections === 0 || servesNobody ?
      { tone: "bad", word: "down", more: failed } :
      { tone: "warn", word: "opens fail", more: `${plural(connections, "connection")} still there; ${failed}` }
  }
  if (stats.pending > 0) {
    const long = pool.pendingSince === undefined ? "" : ` for ${span(now - pool.pendingSince)}`
    return {
      tone: "warn",
      word: "waiting",
      more: `${stats.pending} pending${long}; ${stats.inUse} of at most ${stats.maxConnections} connections in use`
    }
  }
  if (refused > 0) {
    return { tone: "warn", word: "refusing", more: `${plural(refused, "request")} got no connection lately` }
  }
  const leak = snapshot.leases.find(({ suspected }) => suspected)
  if (leak !== undefined) {
    return {
      tone: "warn",
      word: "leak suspected",
      more: `connection ${leak.connectionId} held for ${span(leak.holder.heldMillis)}`
    }
  }
  return {
    tone: "good",
    word: "healthy",
    more: stats.inUse === stats.maxConnections ?
      "every connection is in use, nobody waits" :
      stats.inUse === 0 ?
      "nothing in use, nobody waits" :
      "nobody waits"
  }
}
