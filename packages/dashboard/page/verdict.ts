/** The state of a pool in words. */
import { total } from "../src/internal/row.js"
import { duration, plural, time } from "./format.js"
import type { PoolModel } from "./model.js"

export interface Verdict {
  readonly tone: "good" | "warn" | "bad" | "off"
  /** One or two words, which stay the same while the state does. */
  readonly word: string
  /** The figures or the error behind the state. */
  readonly explanation: string
}

/** The text for screen readers. It leaves out figures that change every second. */
export const announcement = ({ explanation, tone, word }: Verdict): string =>
  tone === "bad" ? `${word}: ${explanation}` : word

export const symbol = { good: "●", warn: "▲", bad: "✕", off: "○" } as const

export const verdictOf = (pool: PoolModel, now: number): Verdict => {
  const { openFailure, snapshot } = pool
  if (pool.isClosed) return { tone: "off", word: "closed", explanation: "last figures shown" }
  if (snapshot === undefined) return { tone: "off", word: "unknown", explanation: "no figures yet" }
  const { stats } = snapshot
  const recentlyFailed = pool.recentCount(({ failed }) => total(failed)) ?? 0
  const connections = stats.idle + stats.inUse
  if (pool.isDraining) {
    return { tone: "warn", word: "draining", explanation: `${plural(stats.leased, "lease")} still held` }
  }
  if (openFailure !== undefined) {
    const failed = `last open failed with ${openFailure.error} at ${time(openFailure.at)}`
    // Connections that stay in use do not serve the requests that fail.
    const servesNone = pool.recentCount(({ acquired }) => acquired) === 0 && recentlyFailed > 0
    return connections === 0 || servesNone ?
      { tone: "bad", word: "down", explanation: failed } :
      { tone: "warn", word: "opens fail", explanation: `${plural(connections, "connection")} still open; ${failed}` }
  }
  if (stats.pending > 0) {
    const pendingMillis = pool.pendingSince === undefined ? 0 : now - pool.pendingSince
    const long = pendingMillis < 1_000 ? "" : ` for ${duration(pendingMillis)}`
    return {
      tone: "warn",
      word: "waiting",
      explanation: `${stats.pending} pending${long}; ${stats.inUse} of ${stats.maxConnections} connections in use`
    }
  }
  if (recentlyFailed > 0) {
    return {
      tone: "warn",
      word: "refusing",
      explanation: `${plural(recentlyFailed, "request")} got no connection in the last 10 s`
    }
  }
  const leak = snapshot.leases.find(({ suspected }) => suspected)
  if (leak !== undefined) {
    return {
      tone: "warn",
      word: "leak suspected",
      explanation: `connection ${leak.connectionId} held for ${duration(leak.holder.heldMillis)}`
    }
  }
  return {
    tone: "good",
    word: "healthy",
    explanation: stats.inUse === stats.maxConnections ?
      "every connection in use, no request waiting" :
      stats.inUse === 0 ?
      "no connection in use, no request waiting" :
      "no request waiting"
  }
}
