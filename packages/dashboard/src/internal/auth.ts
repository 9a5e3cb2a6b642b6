/** Access rules of the routes: the Host header, and the token. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import { isLoopback, type Resolved } from "./options.js"
import { errorResponse } from "./responses.js"

/** The longest body of an action, in bytes. Two numbers and their names fit in. */
export const maxBodyBytes = 1_024

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text).digest()

/** Compares digests: they have one length, so a wrong token takes as long as the right one. */
const isSameToken = (token: Redacted.Redacted<string>, sent: string): boolean =>
  Crypto.timingSafeEqual(digest(Redacted.value(token)), digest(sent))

/**
 * True for a request to a loopback address under a name of another machine. A foreign page can point its own name at
 * 127.0.0.1 and then read the dashboard as its own origin; its Host header betrays it. See
 * https://en.wikipedia.org/wiki/DNS_rebinding.
 */
const isForeignHost = (options: Resolved, request: Request): boolean =>
  options.isLoopback && !isLoopback((request.headers["host"] ?? "").replace(/:\d+$/, ""))

const foreignHost = errorResponse(
  403,
  "ForeignHost",
  "The dashboard listens on a loopback address and answers only to the names localhost, 127.0.0.1 and [::1]. To use " +
    "other names, set its options host and token."
)

const unauthorized: Response = HttpServerResponse.setHeader(
  errorResponse(401, "Unauthorized", "Send the dashboard's token as \"Authorization: Bearer <token>\"."),
  "www-authenticate",
  "Bearer"
)

const actionsOff = errorResponse(
  403,
  "ActionsOff",
  "Actions are off: start the dashboard with a token to drop, clear and resize."
)

const isAuthorized = (token: Redacted.Redacted<string>, request: Request): boolean => {
  const [scheme, sent, ...rest] = (request.headers["authorization"] ?? "").split(" ")
  return isSameToken(token, sent ?? "") && scheme?.toLowerCase() === "bearer" && rest.length === 0
}

/** Runs the handler unless `check` returns a response, which is sent instead. */
const guardedBy = (check: (request: Request) => Response | undefined) =>
<E, R>(
  handler: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request): Effect.Effect<Response, E, R> => {
      const rejection = check(request)
      return rejection === undefined ? handler : Effect.succeed(rejection)
    }
  )

/**
 * Guards the page itself. It holds no data of a pool and needs no token, so that an operator can enter the token there.
 */
export const requireKnownHost = (options: Resolved) =>
  guardedBy((request) => isForeignHost(options, request) ? foreignHost : undefined)

/** Guards figures: free on a loopback address, with the token elsewhere. */
export const requireReader = (options: Resolved) =>
  guardedBy((request) => {
    if (isForeignHost(options, request)) return foreignHost
    if (options.isLoopback || options.token === undefined) return undefined
    return isAuthorized(options.token, request) ? undefined : unauthorized
  })

/** Guards actions: always with the token, and with a JSON body, because a form of another site cannot send one. */
export const requireOperator = (options: Resolved) =>
  guardedBy((request) => {
    if (isForeignHost(options, request)) return foreignHost
    if (options.token === undefined) return actionsOff
    if (!isAuthorized(options.token, request)) return unauthorized
    // A client that declares the length gets this answer; one that does not is cut off at the limit.
    if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) {
      return errorResponse(413, "TooLong", `The body of an action must have at most ${maxBodyBytes} bytes.`)
    }
    return /^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "") ?
      undefined :
      errorResponse(415, "NotJson", "Send actions with content-type: application/json.")
  })
