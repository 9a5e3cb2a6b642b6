/** A route of the dashboard, before it is part of a router. */
import type * as HttpRouter from "@effect/platform/HttpRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Effect from "effect/Effect"

export type Handler = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | HttpRouter.RouteContext
>

export interface Route {
  readonly method: "GET" | "POST"
  readonly path: `/${string}`
  readonly handler: Handler
}

export const get = (path: Route["path"], handler: Handler): Route => ({ method: "GET", path, handler })

export const post = (path: Route["path"], handler: Handler): Route => ({ method: "POST", path, handler })
