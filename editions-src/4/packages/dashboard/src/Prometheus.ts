/**
 * The metrics of all pools for Prometheus, as a route of your own server.
 *
 * @since 3.0.0
 */
import { argument, rules } from "@socketpool/core/Checks"
import * as PoolMetrics from "@socketpool/core/PoolMetrics"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"

/** Names the version of the format: without it some collectors guess. */
const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * The options of `responseWith` and `route`: `pools`, a function that chooses pools by name, and `buckets`, the bounds of
 * histograms in seconds. Use them when the text of many pools is too long: a pool has about 95 lines, 60 of them buckets.
 *
 * @since 3.0.0
 * @category models
 */
export type Options = PoolMetrics.PrometheusOptions

const respond = (body: string): HttpServerResponse.HttpServerResponse => HttpServerResponse.text(body, { contentType })

/**
 * Responds with the metrics of all pools of the process at this moment, in Prometheus' text format. Never fails.
 *
 * @example
 * ```ts
 * import { Prometheus } from "@socketpool/dashboard"
 * import { HttpRouter } from "effect/http"
 *
 * export const Metrics = HttpRouter.add("GET", "/internal/metrics", Prometheus.response)
 * ```
 *
 * @since 3.0.0
 * @category responses
 */
export const response: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.map(
  PoolMetrics.prometheus,
  respond
)

/**
 * Responds as `response` does, for some pools or with fewer buckets. A wrong option throws a `RangeError` that names the
 * option, the value and the rule.
 *
 * @example
 * ```ts
 * import { Prometheus } from "@socketpool/dashboard"
 * import { HttpRouter } from "effect/http"
 *
 * export const Metrics = HttpRouter.add("GET", "/metrics", Prometheus.responseWith({ buckets: [0.01, 0.1, 1] }))
 * ```
 *
 * @since 3.0.0
 * @category responses
 */
export const responseWith = (options: Options): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(PoolMetrics.prometheusWith(options), respond)

/**
 * Adds a route with the metrics of all pools to the routes of a server, or of those that the options choose. It requires
 * no token: everyone who can reach the server can read the pools' names and figures.
 *
 * @example
 * ```ts
 * import { Prometheus } from "@socketpool/dashboard"
 * import { HttpRouter } from "effect/http"
 *
 * export const AppLive = HttpRouter.serve(
 *   Prometheus.route("/metrics", { pools: (name) => !name.startsWith("tenant-"), buckets: [0.001, 0.01, 0.1, 1, 10] })
 * )
 * ```
 *
 * @since 4.0.0
 * @category routes
 */
export const route = (
  path: HttpRouter.PathInput = "/metrics",
  options: Options = {}
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.add("GET", argument("Prometheus.route", "path", pathRule, path), responseWith(options))

const pathRule = rules.that<HttpRouter.PathInput>(
  (value) => typeof value === "string" && /^(\*|\/[\x21-\x7e]*)$/.test(value),
  "\"*\" or a path that begins with \"/\", without spaces and control characters"
)
