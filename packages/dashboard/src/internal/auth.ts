/** Access rules of the routes: the machine and the site that a request comes from, and the token. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import type * as Http from "node:http"
import type * as Net from "node:net"
import { isLoopback, isLoopbackAddress, type Resolved } from "./options.js"
import { errorResponse } from "./responses.js"
import { WrongTokens } from "./wrongTokens.js"

/** The longest body of an action, in bytes. Two numbers and their names fit in. */
export const maxBodyBytes = 1_024

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text).digest()

/** Compares digests: they have one length, so a wrong token takes as long as the right one. */
const isSameToken = (token: Redacted.Redacted<string>, sent: string): boolean =>
  Crypto.timingSafeEqual(digest(Redacted.value(token)), digest(sent))

/**
 * The request as Node received it; `undefined` parts on a server of another kind. The request of `@effect/platform` does
 * not do: middleware such as `xForwardedHeaders` replaces its address and Host by what the client wrote.
 */
const received = (request: Request): Partial<Pick<Http.IncomingMessage, "headers" | "socket">> =>
  NodeHttpServerRequest.toIncomingMessage(request)

export const socketOf = (request: Request): Net.Socket | undefined => received(request).socket

const peerOf = (request: Request): string | undefined => socketOf(request)?.remoteAddress

const foreignPeer = errorResponse(
  403,
  "ForeignAddress",
  "The dashboard answers only to this machine. To read it from others, set its options host and token."
)

const foreignHost = errorResponse(
  403,
  "ForeignHost",
  "The dashboard answers only to the names localhost, 127.0.0.1 and [::1]. To use other names, set its options host " +
    "and token."
)

const forwarded = errorResponse(
  403,
  "Forwarded",
  "This request came through a proxy, so anybody may have sent it. To use a proxy, set the dashboard's token."
)

const crossSite = errorResponse(403, "CrossSite", "The page of another site sent this request.")

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

const isForwarded = (headers: Http.IncomingHttpHeaders): boolean =>
  Object.keys(headers).some((name) => /^(forwarded|via|x-real-ip|x-forwarded-.*)$/.test(name))

/**
 * Refuses what does not come from this machine while the dashboard is meant for it alone. The socket tells where a
 * request comes from. Its Host header tells whether a foreign page had its own name point here, to read the dashboard
 * as its own origin: https://en.wikipedia.org/wiki/DNS_rebinding. A proxy on this machine passes both tests.
 */
const refuseForeign = (options: Resolved, request: Request): Response | undefined => {
  if (!options.isLoopback) return undefined
  const { headers = {} } = received(request)
  if (!isLoopbackAddress(peerOf(request) ?? "")) return foreignPeer
  if (!isLoopback((headers.host ?? "").replace(/:\d+$/, ""))) return foreignHost
  return options.token === undefined && isForwarded(headers) ? forwarded : undefined
}

/** Refuses requests of pages of other origins before they cost anything; a page of ours is of the same origin. */
const refuseCrossSite = ({ headers }: Request): Response | undefined =>
  ["same-origin", "none", undefined].includes(headers["sec-fetch-site"]) ? undefined : crossSite

/** Refuses what is no action, after the token was right. */
const refuseBody = ({ headers }: Request): Response | undefined => {
  // A client that declares the length gets this answer; one that does not is cut off at the limit.
  if (Number(headers["content-length"] ?? 0) > maxBodyBytes) {
    return errorResponse(413, "TooLong", `The body of an action must have at most ${maxBodyBytes} bytes.`)
  }
  // A form of another site cannot send JSON.
  return /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "") ?
    undefined :
    errorResponse(415, "NotJson", "Send actions with content-type: application/json.")
}

type Guard = <E, R>(
  handler: Effect.Effect<Response, E, R>
) => Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest>

/** Runs the handler unless `check` gives a response, which is sent instead. */
const guardedBy = (check: (request: Request) => Response | Effect.Effect<Response> | undefined): Guard => (handler) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request): typeof handler => {
      const refusal = check(request)
      if (refusal === undefined) return handler
      return Effect.isEffect(refusal) ? refusal : Effect.succeed(refusal)
    }
  )

export interface Guards {
  /** Guards the page itself. It holds no data of a pool, so that an operator can enter the token there. */
  readonly page: Guard
  /** Guards figures: with the token, if there is one. */
  readonly reader: Guard
  /** Guards actions: always with the token. */
  readonly operator: Guard
}

export const guards = (options: Resolved): Guards => {
  const { token } = options
  const wrongTokens = new WrongTokens()

  const refuseStranger = (request: Request): Response | Effect.Effect<Response> | undefined => {
    if (token === undefined) return undefined
    const { authorization = "" } = request.headers
    const [scheme, sent = "", ...rest] = authorization.split(" ")
    const isRight = isSameToken(token, sent) && scheme?.toLowerCase() === "bearer" && rest.length === 0
    if (isRight) return undefined
    return authorization === "" ? unauthorized : wrongTokens.answer(unauthorized, peerOf(request))
  }

  const refuseReader = (request: Request) =>
    refuseForeign(options, request) ?? refuseCrossSite(request) ?? refuseStranger(request)

  return {
    page: guardedBy((request) => refuseForeign(options, request)),
    reader: guardedBy(refuseReader),
    operator: guardedBy((request) => refuseReader(request) ?? (token === undefined ? actionsOff : refuseBody(request)))
  }
}
