/** The lines of the endpoints below the line of their pool. */
import type { EndpointSnapshot, EndpointsSnapshot } from "@socketpool/dashboard/Snapshot"
import type { TableLine } from "./pools.js"
import type { Tone } from "./screen.js"
import { count, duration, figure } from "./text.js"

/** The endpoints of a pool, and the time of their figures. */
export interface Endpoints extends EndpointsSnapshot {
  readonly at: number
}

export const words = { Up: "up", SlowStart: "slow start", Ejected: "ejected", Draining: "draining" } as const

/** The state of an endpoint, in the words of the page. */
const verdictOf = ({ failures, state }: EndpointSnapshot): readonly [text: string, tone: Tone] => {
  const word = words[state]
  if (state === "Ejected") return [word, "bad"]
  if (state === "Draining") return [word, "dim"]
  return failures > 0 ? [`${word}, failing`, "warn"] : [word, "plain"]
}

/** The time until an ejected endpoint returns, and its last error. */
const reasonOf = (
  { ejectedUntil = 0, lastError, state }: EndpointSnapshot,
  at: number,
  indent: string
): string | undefined => {
  const time = state !== "Ejected"
    ? []
    : ejectedUntil > at
    ? [`ejected for ${duration(Math.ceil((ejectedUntil - at) / 1_000) * 1_000)} more`]
    : ["ejected, being tried again"]
  const reason = [...time, ...(lastError === undefined ? [] : [lastError])]
  return reason.length === 0 ? undefined : `${indent}    ${reason.join(": ")}`
}

/** The most endpoints below a pool. */
const maxEndpoints = 10

interface Judged {
  readonly endpoint: EndpointSnapshot
  readonly verdict: string
  readonly tone: Tone
}

/** All in their order. If there are too many, those of which more is to be said than that they are up. */
const shownOf = ({ listed }: Endpoints): ReadonlyArray<Judged> => {
  const all = listed.map((endpoint): Judged => {
    const [verdict, tone] = verdictOf(endpoint)
    return { endpoint, verdict, tone }
  })
  const rank = ({ endpoint, tone }: Judged) =>
    tone === "bad" ? 0 : tone === "warn" ? 1 : endpoint.state === "Up" ? 3 : 2
  const shown = new Set(
    [...all].sort((a, b) => rank(a) - rank(b) || b.endpoint.load - a.endpoint.load).slice(0, maxEndpoints)
  )
  return all.filter((one) => shown.has(one))
}

/** The endpoints of a pool in the order of their set, each with what ails it below. */
export const endpointLines = (endpoints: Endpoints, indent: string): ReadonlyArray<TableLine> => {
  const shown = shownOf(endpoints)
  const more = endpoints.count - shown.length
  const name = (text: string) => `${indent}  - ${text}`
  return [
    ...shown.map(({ endpoint, tone, verdict }): TableLine => ({
      cells: {
        "POOL": name(endpoint.id),
        "VERDICT": verdict,
        "IN USE": count(endpoint.inUse),
        "IDLE": count(endpoint.idle),
        "OPENING": count(endpoint.opening),
        "PENDING": count(endpoint.waiting),
        "LOAD": figure(endpoint.load),
        "SHARE": `${count(endpoint.share * 100)} %`,
        "TIER": String(endpoint.tier),
        "WEIGHT": String(endpoint.weight),
        "FAILURES": count(endpoint.failures),
        "EJECTIONS": count(endpoint.ejections)
      },
      tone,
      below: reasonOf(endpoint, endpoints.at, indent)
    })),
    ...(more > 0 ? [{ cells: { POOL: name(`and ${count(more)} more`) }, tone: "plain" } satisfies TableLine] : [])
  ]
}
