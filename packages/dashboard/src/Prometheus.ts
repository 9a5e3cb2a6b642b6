/**
 * The metrics of all pools for Prometheus, as a route of your own server.
 *
 * @since 0.1.0
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { argument, rules } from "@socketpool/core/Checks"
import * as PoolMetrics from "@socketpool/core/PoolMetrics"
import * as Effect from "effect/Effect"

/** Names the version of the format: without it some collectors guess. */
const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * Responds with the metrics of all pools of the process at this moment, in Prometheus' text format. Never fails.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "@effect/platform"
 * import { Prometheus } from "@socketpool/dashboard"
 *
 * export const app = HttpRouter.get(HttpRouter.empty, "/internal/metrics", Prometheus.response)
 * ```
 *
 * @since 0.1.0
 * @category responses
 */
export const response: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.map(
  PoolMetrics.prometheus,
  (body) => HttpServerResponse.text(body, { contentType })
)

/**
 * Adds a route with the metrics of all pools to a router. It requires no token: everyone who can reach the server can
 * read the pools' names and figures.
 *
 * @example
 * ```ts
 * import { HttpRouter, HttpServer } from "@effect/platform"
 * import { Prometheus } from "@socketpool/dashboard"
 *
 * export const app = HttpRouter.empty.pipe(Prometheus.route(), HttpServer.serve())
 * ```
 *
 * @since 0.1.0
 * @category routes
 */
export const route =
  (path: HttpRouter.PathInput = "/metrics") => <E, R>(self: HttpRouter.HttpRouter<E, R>): HttpRouter.HttpRouter<E, R> =>
    HttpRouter.get(self, argument("Prometheus.route", "path", pathRule, path), response)

const pathRule = rules.that<HttpRouter.PathInput>(
  (value) => typeof value === "string" && /^(\*|\/[\x21-\x7e]*)$/.test(value),
  "\"*\" or a path that begins with \"/\", without spaces and control characters"
)
