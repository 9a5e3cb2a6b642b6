/**
 * A page that shows all pools of the process while they work, and the HTTP interface behind it.
 *
 * @since 0.1.0
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import type { ServeError } from "@effect/platform/HttpServerError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { actions } from "./internal/actions.js"
import * as Listen from "./internal/listen.js"
import { resolve, type Resolved } from "./internal/options.js"
import { readings } from "./internal/readings.js"
import { refusal } from "./internal/replies.js"
import { watch } from "./internal/watch.js"

/**
 * Where the dashboard is, and who may do what. Wrong values are a defect (`RangeError`) that names the option, the value
 * and the rule; a token is never shown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The address to listen on. On a loopback address whoever is on the machine may read, and requests under other names
   * than localhost are refused; on any other a `token` is required, to read too. For `router`, the address that the
   * server it is mounted in listens on. Default: 127.0.0.1.
   */
  readonly host?: string

  /** The port to listen on; with 0 any that is free. `router` does not use it. Default: 8686. */
  readonly port?: number

  /**
   * What those must know who drop and clear and resize, sent as `Authorization: Bearer …`; at least 32 random characters
   * are advised. It is told to nobody. Default: none, and then the dashboard only shows.
   */
  readonly token?: Redacted.Redacted<string>

  /** How often figures are taken and told. At least 50 milliseconds. Default: 1 second. */
  readonly interval?: Duration.DurationInput

  /**
   * How long figures are kept for a page that is opened later; at most 1,200 rows are kept of a pool, so that they lie
   * further apart than `interval` when this is long. Default: 10 minutes.
   */
  readonly history?: Duration.DurationInput
}

const routes = (options: Resolved) =>
  Effect.map(watch(options), (watch) => HttpRouter.concat(readings(options, watch), actions(options, watch)))

/**
 * The dashboard as a router, to be mounted in a server that is there already; it works under any prefix. It watches over
 * the pools for as long as the scope lives. Set `host` to what that server listens on: as long as it is a loopback address
 * requests under other names are refused.
 *
 * @example
 * ```ts
 * import { HttpRouter, HttpServer } from "@effect/platform"
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * export const AppLive = Layer.unwrapScoped(Effect.gen(function*() {
 *   const dashboard = yield* Dashboard.router({ host: "0.0.0.0", token: Redacted.make("…32 random characters…") })
 *   return HttpRouter.empty.pipe(HttpRouter.mount("/pools", dashboard), HttpServer.serve())
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const router = (options: Options = {}): Effect.Effect<HttpRouter.HttpRouter, never, Scope.Scope> =>
  Effect.flatMap(Effect.sync(() => resolve(options)), routes)

const notFound = refusal(404, "RouteNotFound", "There is nothing here; the page is at /.")

/**
 * Serves the dashboard for as long as the scope lives. It does not keep the process alive, not even before that, and closing waits for nobody
 * who follows the stream. Fails with `ServeError` when it cannot listen, for instance because the port is taken.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (options: Options = {}): Effect.Effect<{ readonly url: string }, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const resolved = yield* Effect.sync(() => resolve(options))
    // First the server and then the watch: they end in reverse, and streams that have ended do not hold the server up.
    const server = yield* Listen.server
    const router = yield* routes(resolved)
    const app = Effect.catchTag(router, "RouteNotFound", () => Effect.succeed(notFound))
    return { url: yield* Listen.listen(server, resolved, app) }
  })

/**
 * `serve` as a layer, which logs the URL at level Info. Fails as `serve` does.
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
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<never, ServeError> =>
  Layer.scopedDiscard(
    Effect.tap(serve(options), ({ url }) => Effect.logInfo(`The pools of this process are shown at ${url}`))
  )
