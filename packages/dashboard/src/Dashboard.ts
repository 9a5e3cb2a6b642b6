/**
 * A live page about all pools of the process.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import type * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import { byOwnName, withToken } from "./internal/access.js"
import { resolve } from "./internal/options.js"
import * as Routes from "./internal/routes.js"
import * as Watch from "./internal/watch.js"

/**
 * What the page does, and where. Wrong values are a defect (`RangeError`) that names the option, the value and the rule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The address to listen on. Default: `127.0.0.1`, which only programs of this machine reach; then requests that call
   * the machine by another name than `localhost` or its address are refused, so that no foreign web page can read along.
   * Any other address needs a `token`, and then looking needs it, too.
   */
  readonly host?: string

  /** The port to listen on; 0 for any that is free. Default: 8686. */
  readonly port?: number

  /**
   * Opens the actions: dropping a connection, `clear` and `resize`. A text of at least 16 characters that the page asks
   * for; other programs send it as `Authorization: Bearer …`. Default: none, the page is read-only.
   */
  readonly token?: Redacted.Redacted<string>

  /** How often the figures are read. At least 100 ms. Default: 1 second. */
  readonly interval?: Duration.DurationInput

  /** For how long the figures are kept for a page that is opened later. Default: 10 minutes. */
  readonly history?: Duration.DurationInput
}

/**
 * Serves the page for as long as the scope lives, and gives its address. Fails with `ServeError` when it cannot listen
 * there. It does not keep the process alive, and closing it waits for nobody who still looks.
 *
 * `GET /` is the page, `/api/pools` a `Snapshot` as JSON, `/api/stream` the same at every interval, and what happens in
 * between, as server-sent events, and `/metrics` the metrics for Prometheus.
 *
 * @example
 * ```ts
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { url } = yield* Dashboard.serve({ port: 0 })
 *   yield* Effect.log(`See ${url}`)
 *   yield* Effect.never
 * })
 *
 * const main = Effect.scoped(program)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (options: Options = {}): Effect.Effect<{ readonly url: string }, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const resolved = yield* Effect.sync(() => resolve(options))
    const { host, isLocal, port, token } = resolved
    const watch = yield* Watch.make(resolved)
    const node = http.createServer()
    const server = yield* NodeHttpServer.make(() => node, { host, port })
    // Neither listening nor somebody who looks is a reason to go on.
    node.unref().on("connection", (socket) => socket.unref())
    yield* Effect.addFinalizer(() => closed(node))
    const mayLook = isLocal || token === undefined ? byOwnName : withToken(token)
    const app = Routes.make(watch, resolved, mayLook)
    yield* HttpServer.serveEffect(app).pipe(
      HttpMiddleware.withTracerDisabledWhenEffect(constTrue),
      Effect.provideService(HttpServer.HttpServer, server)
    )
    const { address } = server
    const name = host.includes(":") ? `[${host}]` : host
    return { url: `http://${name}:${address._tag === "TcpAddress" ? address.port : port}/` }
  })

/** Those who look hold their connections open: waiting for them would take for ever. */
const closed = (server: http.Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/**
 * `serve` as a layer, which logs the address.
 *
 * @example
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { TcpPoolLive } from "@socketpool/node"
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect, Layer } from "effect"
 *
 * const app = Effect.log("hello")
 *
 * const MainLive = Layer.merge(TcpPoolLive("localhost", 6379), Dashboard.layer({ port: 0 }))
 *
 * NodeRuntime.runMain(Effect.provide(app, MainLive))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<never, ServeError> =>
  Layer.scopedDiscard(
    Effect.tap(serve(options), ({ url }) => Effect.logInfo(`The pools of this process are shown at ${url}`))
  )

/**
 * The page's routes, to be mounted in a server of your own; they watch for as long as the scope lives. Who may look is for
 * that server to say; the actions need the `token` all the same. `host` and `port` mean nothing here.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "@effect/platform"
 * import { Dashboard } from "@socketpool/dashboard"
 * import { Effect } from "effect"
 *
 * const router = Effect.map(
 *   Dashboard.router(),
 *   (pools) => HttpRouter.empty.pipe(HttpRouter.mount("/pools", pools))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const router = (
  options: Omit<Options, "host" | "port"> = {}
): Effect.Effect<HttpRouter.HttpRouter, never, Scope.Scope> =>
  Effect.gen(function*() {
    const resolved = yield* Effect.sync(() => resolve(options))
    return Routes.make(yield* Watch.make(resolved), resolved, Effect.void)
  })
