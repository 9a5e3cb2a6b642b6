/** What the dashboard shows: the page, and the figures that it shows. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Prometheus from "../Prometheus.js"
import { open, reading } from "./auth.js"
import type { Resolved } from "./options.js"
import { html } from "./page.js"
import { json, refusal, secured, securedPage } from "./replies.js"
import { mostReaders, type Watch } from "./watch.js"

const page = securedPage(HttpServerResponse.text(html, { contentType: "text/html; charset=utf-8" }))

const stream = (watch: Watch) =>
  Effect.map(watch.read, (frames) =>
    frames === undefined ?
      refusal(503, "TooManyReaders", `At most ${mostReaders} can follow the stream at once.`) :
      secured(HttpServerResponse.stream(frames, {
        contentType: "text/event-stream",
        headers: {
          // The connection ends with the stream, so that a server which closes need not wait for it.
          connection: "close",
          // nginx would hold the events back.
          "x-accel-buffering": "no"
        }
      })))

export const readings = (options: Resolved, watch: Watch) =>
  HttpRouter.empty.pipe(
    HttpRouter.get("/", open(options)(Effect.succeed(page))),
    HttpRouter.get("/api/pools", reading(options)(Effect.map(watch.snapshot, (snapshot) => json(snapshot)))),
    HttpRouter.get("/api/history", reading(options)(Effect.map(watch.history, (history) => json(history)))),
    HttpRouter.get("/api/stream", reading(options)(stream(watch))),
    HttpRouter.get("/metrics", reading(options)(Effect.map(Prometheus.response, secured)))
  )
