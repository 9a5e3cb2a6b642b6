/** The state of a pool in words. */
import { judge, type PoolVerdict } from "@socketpool/core/PoolVerdict"
import { total } from "../src/internal/row.js"
import { clip, duration, percent, plural, time } from "./format.js"
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

/** The outcomes of the requests of the last ten seconds. */
const requestsOf = (pool: PoolModel) => ({
  acquired: pool.recentCount(({ acquired }) => acquired) ?? 0,
  refused: pool.recentCount(({ failed }) => total(failed) - failed.PoolClosed) ?? 0,
  overloadedMillis: pool.recentCount((stats) => stats.overloadedMillis ?? 0) ?? 0
})

const holding = ({ connectionId, holder: { fiber, heldMillis, span } }: PoolSnapshot["leases"][number]): string =>
  `connection ${connectionId} held for ${duration(heldMillis)} ` +
  (span === undefined ? `by fiber ${fiber}` : `in ${clip(span, 60)}`)

/** The figures or the error behind a verdict. */
const explain = (word: PoolVerdict["word"], pool: PoolModel, { leases, openFailure, stats }: PoolSnapshot): string => {
  const { acquired, overloadedMillis, refused } = requestsOf(pool)
  const inUse = `${stats.inUse} of ${stats.maxConnections} connections in use`
  const queue = `${stats.pending + stats.reconnecting} pending for up to ${duration(stats.oldestWaitMillis)}`
  const failed = openFailure === undefined
    ? ""
    : `last open failed with ${openFailure.error} at ${time(openFailure.at)}`
  const leak = leases.find(({ suspected }) => suspected)
  const [longest] = leases
  switch (word) {
    case "down":
      return failed
    case "opens fail":
      return `${plural(stats.idle + stats.inUse, "connection")} still open; ${failed}`
    case "stuck":
      return [
        `no request served in the last ${duration(pool.recentSpan)}`,
        queue,
        inUse,
        ...(longest === undefined ? [] : [holding(longest)])
      ].join("; ")
    case "refusing": {
      const share = percent(refused / (acquired + refused))
      const refusal = `${plural(refused, "request")} got no connection in the last 10 s (${share})`
      return [refusal, ...(stats.oldestWaitMillis > 0 ? [queue] : []), inUse].join("; ")
    }
    case "overloaded": {
      const length = `more requests than can be served for ${duration(overloadedMillis)} of the last 10 s`
      const refusal = refused === 0
        ? []
        : [`${plural(refused, "request")} got no connection (${percent(refused / (acquired + refused))})`]
      return [length, ...refusal, queue, inUse].join("; ")
    }
    case "waiting":
      return `${queue}; ${inUse}`
    case "leak suspected":
      return leak === undefined ? "" : holding(leak)
    case "healthy":
      return stats.inUse === 0 ?
        "no connection in use, no request waiting" :
        stats.inUse === stats.maxConnections ?
        "every connection in use, no request waiting" :
        "no request waiting"
  }
}

export const verdictOf = (pool: PoolModel): Verdict => {
  const { snapshot } = pool
  if (pool.isClosed) {
    const explanation = snapshot === undefined ? "before this page was opened" : "last figures shown"
    return { tone: "off", word: "closed", explanation }
  }
  if (snapshot === undefined) return { tone: "off", word: "unknown", explanation: "no figures yet" }
  if (pool.isDraining) {
    return { tone: "warn", word: "draining", explanation: `${plural(snapshot.stats.leased, "lease")} still held` }
  }
  const { leases, openFailure, stats } = snapshot
  const { tone, word } = judge({
    ...requestsOf(pool),
    connections: stats.idle + stats.inUse,
    oldestWaitMillis: stats.oldestWaitMillis,
    periodMillis: pool.recentSpan,
    opensFail: openFailure !== undefined,
    suspectsLeak: leases.some(({ suspected }) => suspected)
  })
  return { tone, word, explanation: explain(word, pool, snapshot) }
}
