/** The responses that several routes share, and the headers of every response. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { scriptHash, styleHash } from "./page.js"

const securityHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}

/** Lets the page load nothing from other origins, run no script but its own, and turn no text into HTML. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src '${scriptHash}'`,
  `style-src '${styleHash}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join("; ")

type Response = HttpServerResponse.HttpServerResponse

export const withSecurityHeaders = (response: Response): Response =>
  HttpServerResponse.setHeaders(response, securityHeaders)

export const withPageHeaders = (response: Response): Response =>
  HttpServerResponse.setHeader(withSecurityHeaders(response), "content-security-policy", contentSecurityPolicy)

export const jsonResponse = (body: unknown, status = 200): Response =>
  withSecurityHeaders(HttpServerResponse.text(JSON.stringify(body), { status, contentType: "application/json" }))

export const noContent: Response = withSecurityHeaders(HttpServerResponse.empty())

/** An error as JSON: its tag, a message for people, and the error's other fields. */
export const errorResponse = (status: number, _tag: string, message: string, fields: object = {}): Response =>
  jsonResponse({ ...fields, _tag, message }, status)

export const notFound: Response = errorResponse(404, "RouteNotFound", "Nothing is at this path; the page is at /.")
