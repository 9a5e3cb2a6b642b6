/** The text of errors and holders in messages, logs and events. */
import type { LeaseHolder } from "../PoolLease.js"
import { fiberNumber } from "./effect/fiber.js"
import { withoutLinks } from "./help.js"
import { spanLabel } from "./spanLabel.js"
import type { Lease } from "./state.js"

/** Returns the name, code and message of a connector's error. Its other fields may hold secrets. */
export const describeError = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const fields = error as Record<string, unknown>
  const text = (...keys: ReadonlyArray<string>) =>
    keys.map((key) => fields[key]).find((value): value is string => typeof value === "string")
  return [text("name", "_tag") ?? text("code") ?? "an object", withoutLinks(text("message") ?? "")].filter(Boolean)
    .join(": ")
}

/** Returns the holder of a lease and the time held so far. */
export const holderOf = (lease: Lease<any>, now: number): LeaseHolder => ({
  fiber: `#${fiberNumber(lease.holder)}`,
  ...(lease.span?._tag === "Span" ? { span: spanLabel(lease.span) } : {}),
  heldMillis: Math.round(now - lease.since)
})

export const describeHolder = (holder: LeaseHolder): string =>
  `fiber ${holder.fiber}${holder.span === undefined ? "" : ` in span "${holder.span}"`} for ${holder.heldMillis} ms`
