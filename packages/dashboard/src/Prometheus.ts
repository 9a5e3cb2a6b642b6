/**
 * The metrics of all pools, for Prometheus to scrape.
 *
 * @since 0.1.0
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as PoolMetrics from "@socketpool/core/PoolMetrics"
import * as Effect from "effect/Effect"

/**
 * Answers with the metrics in Prometheus' text format, version 0.0.4.
 *
 * @since 0.1.0
 * @category responses
 */
export const response: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.map(
  PoolMetrics.prometheus,
  (text) => HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
)

/**
 * Adds a route with the metrics to a router.
 *
 * @example
 * ```ts
 * import { HttpRouter, HttpServer } from "@effect/platform"
 * import { Prometheus } from "@socketpool/dashboard"
 *
 * const app = HttpRouter.empty.pipe(Prometheus.route("/metrics"), HttpServer.serve())
 * ```
 *
 * @since 0.1.0
 * @category routes
 */
export const route =
  (path: HttpRouter.PathInput = "/metrics") =>
  <E, R>(router: HttpRouter.HttpRouter<E, R>): HttpRouter.HttpRouter<E, R> => HttpRouter.get(router, path, response)
