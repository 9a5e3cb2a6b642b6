/** Who may read, and who may act. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import { isLoopback, type Resolved } from "./options.js"
import { refusal } from "./replies.js"

/** The longest body of an action, in bytes: two numbers and their names. */
export const longestBody = 1_024

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text).digest()

/** Takes as long for a wrong token as for the right one: digests are of one length, whatever was sent. */
const isSame = (token: Redacted.Redacted<string>, sent: string): boolean =>
  Crypto.timingSafeEqual(digest(Redacted.value(token)), digest(sent))

/**
 * A page of somebody else's can make its own name point to 127.0.0.1 and then read here as if it were its own origin; the
 * browser tells that name in the Host header. See https://en.wikipedia.org/wiki/DNS_rebinding.
 */
const isForeign = (options: Resolved, request: Request): boolean =>
  options.isLoopback && !isLoopback((request.headers["host"] ?? "").replace(/:\d+$/, ""))

const foreign = refusal(
  403,
  "ForeignHost",
  "The dashboard is bound to a loopback address and answers to the names localhost, 127.0.0.1 and [::1] only."
)

const unauthorized: Response = HttpServerResponse.setHeader(
  refusal(401, "Unauthorized", "Send the dashboard's token as \"Authorization: Bearer <token>\"."),
  "www-authenticate",
  "Bearer"
)

const actionsOff = refusal(
  403,
  "ActionsOff",
  "Actions are off: start the dashboard with a token to drop, clear and resize."
)

const isAuthorized = (token: Redacted.Redacted<string>, request: Request): boolean => {
  const [scheme, sent, ...rest] = (request.headers["authorization"] ?? "").split(" ")
  return isSame(token, sent ?? "") && scheme?.toLowerCase() === "bearer" && rest.length === 0
}

/** Lets through whom `refuse` has nothing to say to. */
const guarded = (refuse: (request: Request) => Response | undefined) =>
<E, R>(
  handler: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request): Effect.Effect<Response, E, R> => {
      const refused = refuse(request)
      return refused === undefined ? handler : Effect.succeed(refused)
    }
  )

/** For the page itself, which tells nothing of any pool, so that one can type the token into it. */
export const open = (options: Resolved) => guarded((request) => isForeign(options, request) ? foreign : undefined)

/** For figures: free on a loopback address, for those with the token elsewhere. */
export const reading = (options: Resolved) =>
  guarded((request) => {
    if (isForeign(options, request)) return foreign
    if (options.isLoopback || options.token === undefined) return undefined
    return isAuthorized(options.token, request) ? undefined : unauthorized
  })

/** For actions: nobody without a token. What is not JSON is refused, as a form of another site could send it. */
export const acting = (options: Resolved) =>
  guarded((request) => {
    if (isForeign(options, request)) return foreign
    if (options.token === undefined) return actionsOff
    if (!isAuthorized(options.token, request)) return unauthorized
    // Who says so beforehand gets an answer; who does not and sends more is cut off.
    if (Number(request.headers["content-length"] ?? 0) > longestBody) {
      return refusal(413, "TooLong", `The body of an action has at most ${longestBody} bytes.`)
    }
    return /^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "") ?
      undefined :
      refusal(415, "NotJson", "Actions take content-type: application/json.")
  })
