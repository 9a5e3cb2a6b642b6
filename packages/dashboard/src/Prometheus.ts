/**
 * The figures of all pools for Prometheus, to be served by a server that is there already.
 *
 * @since 0.1.0
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as PoolMetrics from "@socketpool/core/PoolMetrics"
import * as Effect from "effect/Effect"

/** The version belongs to the format: without it some collectors guess. */
const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * The figures of all pools of the process as a response, in Prometheus' text format, as of the moment it is asked for.
 * Never fails.
 *
 * @since 0.1.0
 * @category responses
 */
export const response: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.map(
  PoolMetrics.prometheus,
  (body) => HttpServerResponse.text(body, { contentType })
)

/**
 * Adds a route with the figures of all pools to a router. It asks nobody who he is: whoever reaches the server reads the
 * pools' names and figures.
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
    HttpRouter.get(self, path, response)
