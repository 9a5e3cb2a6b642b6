/** The routes that read: the page, its data, and the metrics. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Prometheus from "../Prometheus.js"
import { type Guards, socketOf } from "./auth.js"
import { html } from "./page.js"
import { errorResponse, jsonResponse, withPageHeaders, withSecurityHeaders } from "./responses.js"
import { get, type Route } from "./route.js"
import { maxReaders, type Watch } from "./watch.js"

const page = withPageHeaders(HttpServerResponse.text(html, { contentType: "text/html; charset=utf-8" }))

const tooManyReaders = errorResponse(
  503,
  "TooManyReaders",
  `The stream serves at most ${maxReaders} readers at once.`
)

const stream = (watch: Watch) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) =>
      Effect.map(watch.subscribe(() => socketOf(request)?.destroy()), (frames) =>
        frames === undefined ?
          tooManyReaders :
          withSecurityHeaders(HttpServerResponse.stream(frames, {
            contentType: "text/event-stream",
            headers: {
              // The connection ends with the stream, so that a closing server need not wait for it.
              connection: "close",
              // Keeps nginx from buffering the events.
              "x-accel-buffering": "no"
            }
          })))
  )

export const readRoutes = (
  { page: known, reader }: Guards,
  watch: Watch,
  metrics: Prometheus.Options
): ReadonlyArray<Route> => [
  get("/", known(Effect.succeed(page))),
  get("/api/pools", reader(Effect.map(watch.snapshot, (snapshot) => jsonResponse(snapshot)))),
  get("/api/history", reader(Effect.map(watch.history, (history) => jsonResponse(history)))),
  get("/api/stream", reader(stream(watch))),
  get("/metrics", reader(Effect.map(Prometheus.responseWith(metrics), withSecurityHeaders)))
]
