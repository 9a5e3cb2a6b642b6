/** Who may look, and who may act. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"
import { Refusal } from "./refusal.js"

/** Of one length, whatever the text: comparing them tells nothing of it. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Lets those pass who know the token. */
export const withToken = (
  token: Redacted.Redacted<string>
): Effect.Effect<void, Refusal, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    const [scheme, given = ""] = (headers["authorization"] ?? "").split(" ")
    const isKnown = timingSafeEqual(digest(given), digest(Redacted.value(token)))
    return isKnown && scheme?.toLowerCase() === "bearer"
      ? Effect.void
      : new Refusal({ status: 401, tag: "Unauthorized", message: "The token is missing or wrong." })
  })

/**
 * Lets those pass who have called this machine by a name of its own. A foreign page whose name leads here, by DNS
 * rebinding, has another name in its requests.
 */
export const byOwnName: Effect.Effect<void, Refusal, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ headers }) =>
    /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(headers["host"] ?? "")
      ? Effect.void
      : new Refusal({ status: 403, tag: "Forbidden", message: "Only requests to localhost are answered." })
)

/** A page of another origin can send a form, but not JSON without asking first. */
export const asJson: Effect.Effect<void, Refusal, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ headers }) =>
    /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "")
      ? Effect.void
      : new Refusal({ status: 415, tag: "UnsupportedMediaType", message: "Send application/json." })
)
