/** The seam to Effect's HTTP: every name of it that another major version spells or means differently. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"

/** Answers every request. */
export type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** The body of the request, which must be JSON of at most `maxBytes` bytes with the fields of the schema and no others. */
export const jsonBody = <A, I>(
  schema: Schema.Schema<A, I>,
  maxBytes: number
): Effect.Effect<A, unknown, HttpServerRequest.HttpServerRequest> =>
  HttpIncomingMessage.withMaxBodySize(
    HttpServerRequest.schemaBodyJson(schema, { onExcessProperty: "error" }),
    Option.some(FileSystem.Size(maxBytes))
  )

/**
 * Makes the listener for requests of a Node server. They have no spans: the page asks every second, so that its spans
 * would drown those of the program.
 */
export const listener = (
  app: App
): Effect.Effect<(request: Http.IncomingMessage, response: Http.ServerResponse) => void> =>
  Effect.locally(NodeHttpServer.makeHandler(app), HttpMiddleware.currentTracerDisabledWhen, () => true)
