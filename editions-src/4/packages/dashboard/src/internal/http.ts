/** The seam to the HTTP of Effect 4: every name of it that another major version spells or means differently. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Http from "node:http"

/** Answers every request. */
export type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/**
 * The body of the request, which must be JSON of at most `maxBytes` bytes with the fields of the schema and no others.
 * Effect's own `schemaBodyJson` would take the text "Infinity" for a number.
 */
export const jsonBody = <A, I>(
  schema: Schema.Codec<A, I>,
  maxBytes: number
): Effect.Effect<A, unknown, HttpServerRequest.HttpServerRequest> => {
  const decode = Schema.decodeUnknownEffect(schema)
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ json }) =>
    Effect.flatMap(
      Effect.provideService(json, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBytes)),
      (body) => decode(body, { onExcessProperty: "error" })
    ))
}

/**
 * Makes the listener for requests of a Node server. They have no spans: the page asks every second, so that its spans
 * would drown those of the program. Their fibers end with their connections, which the server closes, once the streams
 * have ended. So their scope is one that nobody closes: it would break the streams off.
 */
export const listener = (
  app: App
): Effect.Effect<(request: Http.IncomingMessage, response: Http.ServerResponse) => void> =>
  Effect.provideService(
    NodeHttpServer.makeHandler(app, { scope: Scope.makeUnsafe() }),
    HttpMiddleware.TracerDisabledWhen,
    () => true
  )
