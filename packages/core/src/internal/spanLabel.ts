/** The label of a span, by which an operator recognizes the request that holds a connection. */
import * as Option from "effect/Option"
import type { AnySpan, Span } from "effect/Tracer"

/** The attributes that say what a request was for, best first: a route groups what a path tells apart. */
const attributes = ["http.route", "url.path", "rpc.method"] as const
/** The most parents that are searched. */
const maxParents = 50
/** The longest text of an attribute, in characters: a client writes the path. */
const maxLength = 200

/** The attribute of one span. The routes that match every path say nothing. */
const requestOf = (span: AnySpan): string | undefined => {
  if (span._tag !== "Span") return undefined
  const texts = attributes.map((key) => span.attributes.get(key))
  return texts.find((text): text is string => typeof text === "string" && !["", "*", "/*"].includes(text))
}

/** Returns the name of a span and what its request was for, which its nearest parent may know. */
export const spanLabel = (span: Span): string => {
  let at: AnySpan | undefined = span
  for (let i = 0; i <= maxParents && at !== undefined; i++) {
    const request = requestOf(at)
    if (request !== undefined) return `${span.name} ${request.slice(0, maxLength)}`
    at = at._tag === "Span" ? Option.getOrUndefined(at.parent) : undefined
  }
  return span.name
}
