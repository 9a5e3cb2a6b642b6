/** The routes that read: the page, its data, and the metrics. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Prometheus from "../Prometheus.js"
import { requireKnownHost, requireReader } from "./auth.js"
import type { Resolved } from "./options.js"
import { html } from "./page.js"
import { errorResponse, jsonResponse, withPageHeaders, withSecurityHeaders } from "./responses.js"
import { maxReaders, type Watch } from "./watch.js"

const page = withPageHeaders(HttpServerResponse.text(html, { contentType: "text/html; charset=utf-8" }))

const stream = (watch: Watch) =>
  Effect.map(watch.subscribe, (frames) =>
    frames === undefined ?
      errorResponse(503, "TooManyReaders", `The stream serves at most ${maxReaders} readers at once.`) :
      withSecurityHeaders(HttpServerResponse.stream(frames, {
        contentType: "text/event-stream",
        headers: {
          // The connection ends with the stream, so that a closing server need not wait for it.
          connection: "close",
          // Keeps nginx from buffering the events.
          "x-accel-buffering": "no"
        }
      })))

export const readRoutes = (options: Resolved, watch: Watch) => {
  const guarded = requireReader(options)
  return HttpRouter.empty.pipe(
    HttpRouter.get("/", requireKnownHost(options)(Effect.succeed(page))),
    HttpRouter.get("/api/pools", guarded(Effect.map(watch.snapshot, (snapshot) => jsonResponse(snapshot)))),
    HttpRouter.get("/api/history", guarded(Effect.map(watch.history, (history) => jsonResponse(history)))),
    HttpRouter.get("/api/stream", guarded(stream(watch))),
    HttpRouter.get("/metrics", guarded(Effect.map(Prometheus.response, withSecurityHeaders)))
  )
}
