/** What the dashboard answers besides what was asked for: refusals, and headers that keep browsers out of trouble. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { scriptHash, styleHash } from "./page.js"

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}

/** Nothing from elsewhere, nothing but our own script, and no text that a script could take for a page. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src '${scriptHash}'`,
  `style-src '${styleHash}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'"
].join("; ")

type Response = HttpServerResponse.HttpServerResponse

export const secured = (response: Response): Response => HttpServerResponse.setHeaders(response, headers)

export const securedPage = (response: Response): Response =>
  HttpServerResponse.setHeader(secured(response), "content-security-policy", contentSecurityPolicy)

export const json = (body: unknown, status = 200): Response => secured(HttpServerResponse.unsafeJson(body, { status }))

export const done: Response = secured(HttpServerResponse.empty())

/** An error as JSON: its tag, a message for people, and what else it tells. */
export const refusal = (status: number, _tag: string, message: string, rest: object = {}): Response =>
  json({ ...rest, _tag, message }, status)
