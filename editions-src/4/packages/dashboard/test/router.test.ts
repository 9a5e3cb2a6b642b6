// Layers of routes are in Effect 4 alone. Real servers on random loopback ports.
import { NodeHttpServer } from "@effect/platform-node"
import { Dashboard, Prometheus } from "@socketpool/dashboard"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import * as http from "node:http"
import { Backend } from "./fixtures/backend.js"
import { ask, follow, until } from "./fixtures/http.js"

type Routes = Layer.Layer<never, never, HttpRouter.HttpRouter>

/** Serves layers of routes, and returns the URL. */
const served = (...layers: readonly [Routes, ...Array<Routes>]) =>
  Effect.gen(function*() {
    const App = HttpRouter.serve(Layer.mergeAll(...layers), { disableLogger: true, disableListenLog: true })
    const context = yield* Layer.build(
      Layer.provideMerge(
        App,
        NodeHttpServer.layerServer(() => http.createServer(), {
          port: 0,
          host: "127.0.0.1",
          gracefulShutdownTimeout: 0
        })
      )
    )
    return yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), context)
  })

const statusOf = (url: string) => Effect.map(ask(url), ({ status }) => status)

describe("the layer of the dashboard", () => {
  it.scopedLive("is at the root without a prefix, beside the other routes of the server", () =>
    Effect.gen(function*() {
      const url = yield* served(
        Dashboard.router({ interval: "50 millis" }),
        HttpRouter.add("GET", "/health", HttpServerResponse.text("well"))
      )
      expect((yield* ask(`${url}/`)).text).toContain("<html")
      expect((yield* ask(`${url}/health`)).text).toBe("well")
      expect(yield* statusOf(`${url}/api/pools`)).toBe(200)
      expect(yield* statusOf(`${url}/nothing`)).toBe(404)
    }))

  it.scopedLive.each(["/", "//"] as const)(
    "is at the root with the prefix %s, too",
    (prefix) =>
      Effect.gen(function*() {
        const url = yield* served(Dashboard.router({}, { prefix }))
        expect(yield* statusOf(`${url}/`)).toBe(200)
        expect(yield* statusOf(`${url}/api/pools`)).toBe(200)
      })
  )

  it.scopedLive("may have a prefix that ends with a slash", () =>
    Effect.gen(function*() {
      const url = yield* served(Dashboard.router({}, { prefix: "/ops/" }))
      expect(yield* statusOf(`${url}/ops`)).toBe(200)
      expect(yield* statusOf(`${url}/ops/api/pools`)).toBe(200)
      expect(yield* statusOf(`${url}/api/pools`)).toBe(404)
    }))

  it.scopedLive("lets its server close while somebody reads the stream, once the server's patience is over", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "orders" })
      const scope = yield* Scope.make()
      const url = yield* Scope.provide(served(Dashboard.router({ interval: "50 millis" })), scope)
      const { closed, received } = yield* follow(`${url}/api/stream`)
      yield* until(() => received.length > 1)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => closed)
    }))

  it("refuses a wrong prefix, and names the value and the rule", () => {
    for (const prefix of ["ops", "", "/a b", "/*", "/\n", 7]) {
      expect(() => Dashboard.router({}, { prefix: prefix as "/" })).toThrow(
        `Dashboard.router: prefix must be a path that begins with "/", without "*", spaces and control characters, but is ${
          JSON.stringify(prefix)
        }`
      )
    }
  })
})

describe("the layer of the metrics", () => {
  it.scopedLive("is at /metrics without a path", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "measured" })
      const url = yield* served(Prometheus.route())
      expect((yield* ask(`${url}/metrics`)).text).toContain("db_client_connection_max{pool_name=\"measured\"}")
    }))

  it("refuses a wrong path, and names the value and the rule", () => {
    for (const path of ["metrics", "", "/a b"]) {
      expect(() => Prometheus.route(path as "/")).toThrow(/^Prometheus\.route: path must be "\*" or a path/)
    }
  })
})
