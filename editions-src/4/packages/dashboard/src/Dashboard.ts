/**
 * A live page of all pools of the process, and its HTTP interface.
 *
 * @since 3.0.0
 */
import { argument, rules } from "@socketpool/core/Checks"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { isHttpServerError, type ServeError } from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { App } from "./internal/http.js"
import * as Listen from "./internal/listen.js"
import { resolve, type Resolved } from "./internal/options.js"
import { notFound } from "./internal/responses.js"
import { routes } from "./internal/routes.js"
import type * as Prometheus from "./Prometheus.js"

/**
 * The options of `serve`, `router` and `layer`. A wrong value is a defect (`RangeError`) that names the option, the
 * value and the rule. The message never contains a token.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options {
  /**
   * Sets the address to listen on. Default: 127.0.0.1, which only this machine can reach.
   *
   * While it is a loopback address, the dashboard answers only to requests from this machine, by the address of the
   * socket, and under the names localhost, 127.0.0.1 and [::1]. Without a `token` everyone on the machine can read then,
   * and a request that a proxy passed on is refused. On any other address a `token` is required. With `router`, set the
   * address that your server listens on.
   */
  readonly host?: string

  /** Sets the port to listen on; 0 picks a free port. `router` ignores it. Default: 8686. */
  readonly port?: number

  /**
   * Sets the bearer token that reading, drop, clear and resize require, as `Authorization: Bearer …`. Only the page
   * itself, which holds no data, needs none. It has at least 16 visible ASCII characters; use 32 random ones. It is
   * never logged or returned. Wrong tokens are answered ever more slowly, and logged. Default: none, and then the
   * dashboard is read-only.
   */
  readonly token?: Redacted.Redacted<string>

  /**
   * Sets how often the dashboard samples the pools and sends a snapshot to each reader, from 50 to 2,147,483,647
   * milliseconds (25 days). Default: 1 second.
   */
  readonly interval?: Duration.Input

  /**
   * Sets how long samples are kept for a page that is opened later; 0 keeps none. At most 1,200 rows are kept of each
   * pool: if the history holds more intervals than that, the rows are further apart than `interval`. Default: 10
   * minutes.
   */
  readonly history?: Duration.Input

  /** Chooses the pools and the buckets of `GET /metrics`, as `Prometheus.route` does. Default: all of both. */
  readonly metrics?: Prometheus.Options
}

const routesOf = (options: Resolved) =>
  Effect.map(routes(options), (all) => all.map(({ handler, method, path }) => HttpRouter.route(method, path, handler)))

const prefixRule = rules.that<string>(
  (value) => typeof value === "string" && /^\/[\x21-\x29\x2b-\x7e]*$/.test(value),
  "a path that begins with \"/\", without \"*\", spaces and control characters"
)

/**
 * Adds the dashboard to the routes of a server of your own, under any prefix. It watches the pools until the layer's
 * scope closes. Set `host` to the address that your server listens on: while it is a loopback address, the dashboard
 * refuses requests from other machines and under other names, so without options it shows nothing to a network. Limit
 * the connections and the times of your server yourself, as `serve` does. While a page is open, a server that closes
 * waits for its `gracefulShutdownTimeout`. A wrong prefix throws a `RangeError`.
 *
 * To mount it, merge the layer with those of your other routes, and give them to `HttpRouter.serve`.
 *
 * @example
 * ```ts
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Layer, Redacted } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 *
 * const Pools = Dashboard.router(
 *   { host: "0.0.0.0", token: Redacted.make("…32 random characters…") },
 *   { prefix: "/pools" }
 * )
 * const Health = HttpRouter.add("GET", "/health", HttpServerResponse.text("well"))
 *
 * export const AppLive = HttpRouter.serve(Layer.mergeAll(Pools, Health))
 * ```
 *
 * @since 4.0.0
 * @category layers
 */
export const router = (
  options: Options = {},
  { prefix = "/" }: { readonly prefix?: HttpRouter.PathInput } = {}
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.addAll(Effect.flatMap(Effect.sync(() => resolve(options)), routesOf), {
    // An empty one is none; "/" would take the path of the page away.
    prefix: argument("Dashboard.router", "prefix", prefixRule, prefix).replace(/\/+$/, "")
  })

/** Answers requests by these routes alone. */
const appOf = (options: Resolved): Effect.Effect<App, never, Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* HttpRouter.make
    yield* router.addAll(yield* routesOf(options))
    return Effect.catch(router.asHttpEffect(), (error) =>
      isHttpServerError(error) && error.reason._tag === "RouteNotFound" ? Effect.succeed(notFound) : Effect.die(error))
  })

/**
 * Serves the dashboard until the scope closes. It does not keep the process alive. It takes at most 128 connections,
 * and waits 5 seconds for the head of a request and 10 seconds for all of it. Closing ends the streams of readers and
 * does not wait for them. Fails with `ServeError` when it cannot listen, for example because the port is taken.
 *
 * @example
 * ```ts
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const { url } = yield* Dashboard.serve({ port: 0 })
 *   yield* Effect.log(`The pools are at ${url}`)
 * }))
 *
 * Effect.runPromise(program)
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const serve = (options: Options = {}): Effect.Effect<{ readonly url: string }, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const resolved = yield* Effect.sync(() => resolve(options))
    // The server comes before the watch: finalizers run in reverse, and the server closes once the streams have ended.
    const server = yield* Listen.server(resolved)
    return { url: yield* Listen.listen(server, resolved, yield* appOf(resolved)) }
  })

/**
 * Serves the dashboard as a layer and logs its URL at level Info. Fails as `serve` does.
 *
 * @example
 * ```ts
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect } from "effect"
 *
 * const program = Effect.log("at work")
 *
 * export const main = program.pipe(Effect.provide(Dashboard.layer())) // http://127.0.0.1:8686/
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<never, ServeError> =>
  Layer.effectDiscard(
    Effect.tap(serve(options), ({ url }) => Effect.logInfo(`The socketpool dashboard is at ${url}`))
  )
