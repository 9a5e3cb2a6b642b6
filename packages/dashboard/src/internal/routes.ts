/** What is answered. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { ConnectionPool } from "@socketpool/core/Pool"
import { ConnectionNotFoundError } from "@socketpool/core/PoolError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Prometheus from "../Prometheus.js"
import { History, Notice, Snapshot } from "../Snapshot.js"
import { asJson, withToken } from "./access.js"
import type { Resolved } from "./options.js"
import { contentSecurityPolicy, page } from "./page.js"
import { Refusal } from "./refusal.js"
import type { Message, Watch } from "./watch.js"

type Guard = Effect.Effect<void, Refusal, HttpServerRequest.HttpServerRequest>

const encoders = {
  history: Schema.encodeSync(Schema.parseJson(History)),
  pools: Schema.encodeSync(Schema.parseJson(Snapshot)),
  notice: Schema.encodeSync(Schema.parseJson(Notice))
} as { readonly [E in Message["event"]]: (data: unknown) => string }

const utf8 = new TextEncoder()

/** As https://html.spec.whatwg.org/multipage/server-sent-events.html has it; JSON has no line breaks of its own. */
const sent = ({ data, event }: Message): Uint8Array =>
  utf8.encode(`event: ${event}\ndata: ${encoders[event](data)}\n\n`)

const json = { contentType: "application/json; charset=utf-8" }
const secure = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store" }

const notFound = (what: string) => new Refusal({ status: 404, tag: "NotFound", message: what })

const Target = Schema.Struct({ id: Schema.NumberFromString })
const Drop = Schema.Struct({ connection: Schema.Number })
const Resize = Schema.Struct({ min: Schema.optional(Schema.Number), max: Schema.optional(Schema.Number) })

const bodyOf = <A, I>(schema: Schema.Schema<A, I>) =>
  Effect.mapError(
    HttpServerRequest.schemaBodyJson(schema),
    () => new Refusal({ status: 400, tag: "BadRequest", message: `The body must be ${String(schema)}.` })
  )

const encodeNotFound = Schema.encodeSync(ConnectionNotFoundError)

export const make = (watch: Watch, options: Resolved, mayLook: Guard) => {
  const mayAct: Guard = options.token === undefined
    ? new Refusal({
      status: 403,
      tag: "ReadOnly",
      message: "Actions are off: the dashboard was started without a token."
    })
    : Effect.zipRight(withToken(options.token), asJson)

  const looking = <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.zipRight(mayLook, answer)

  const acting = <E, R>(act: (pool: ConnectionPool<any, unknown>) => Effect.Effect<unknown, E, R>) =>
    Effect.gen(function*() {
      yield* mayLook
      yield* mayAct
      const target = yield* Effect.option(HttpRouter.schemaPathParams(Target))
      const pool = Option.isSome(target) ? yield* watch.pool(target.value.id) : undefined
      if (pool === undefined) return yield* notFound("There is no such pool (any more).")
      yield* act(pool)
      return HttpServerResponse.empty()
    })

  return HttpRouter.empty.pipe(
    // The page itself holds nothing that anybody must not see.
    HttpRouter.get(
      "/",
      Effect.succeed(HttpServerResponse.setHeaders(HttpServerResponse.html(page), {
        "content-security-policy": contentSecurityPolicy,
        "x-frame-options": "DENY"
      }))
    ),
    HttpRouter.get(
      "/api/pools",
      looking(Effect.map(watch.snapshot, (snapshot) => HttpServerResponse.text(encoders.pools(snapshot), json)))
    ),
    HttpRouter.get(
      "/api/history",
      looking(Effect.map(watch.history, (history) => HttpServerResponse.text(encoders.history(history), json)))
    ),
    HttpRouter.get(
      "/api/stream",
      looking(
        Effect.sync(() =>
          HttpServerResponse.stream(Stream.map(watch.messages, sent), { contentType: "text/event-stream" })
        )
      )
    ),
    HttpRouter.get("/metrics", looking(Prometheus.response)),
    HttpRouter.post(
      "/api/pools/:id/drop",
      acting((pool) => Effect.flatMap(bodyOf(Drop), ({ connection }) => pool.dropById(connection)))
    ),
    HttpRouter.post("/api/pools/:id/clear", acting((pool) => pool.clear)),
    HttpRouter.post(
      "/api/pools/:id/resize",
      acting((pool) =>
        Effect.flatMap(
          bodyOf(Resize),
          ({ max, min }) =>
            pool.resize({ ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) })
        ).pipe(
          Effect.catchSomeDefect((defect) =>
            defect instanceof RangeError
              ? Option.some(new Refusal({ status: 400, tag: "RangeError", message: defect.message }))
              : Option.none()
          )
        )
      )
    ),
    HttpRouter.all("*", notFound("There is nothing here.")),
    HttpRouter.catchTags({
      Refusal: (refusal: Refusal) => Effect.succeed(refusal.response),
      ConnectionNotFoundError: (error: ConnectionNotFoundError) =>
        Effect.succeed(
          HttpServerResponse.unsafeJson({ ...encodeNotFound(error), message: error.message }, { status: 404 })
        )
    }),
    HttpRouter.use((handler) => Effect.map(handler, HttpServerResponse.setHeaders(secure))),
    HttpRouter.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.as(
          Effect.logWarning("the dashboard could not answer", cause),
          new Refusal({ status: 500, tag: "Defect", message: "Something went wrong; the log says what." }).response
        )
    )
  )
}
