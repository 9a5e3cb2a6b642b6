/** The routes that change a pool: drop, clear and resize. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { ConnectionPool } from "@socketpool/core/Pool"
import { ConnectionNotFoundError } from "@socketpool/core/PoolSchemas"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Guards, maxBodyBytes } from "./auth.js"
import { errorResponse, noContent } from "./responses.js"
import type { Watch } from "./watch.js"

type Response = HttpServerResponse.HttpServerResponse
type AnyPool = ConnectionPool<any, unknown>

/** Runs an action on the pool whose number is in the path. */
const onPool = <R>(guards: Guards, watch: Watch, act: (pool: AnyPool) => Effect.Effect<Response, never, R>) =>
  guards.operator(Effect.gen(function*() {
    const { id = "" } = yield* HttpRouter.params
    const pool = yield* watch.pool(id)
    return pool === undefined ?
      errorResponse(404, "PoolNotFound", "No running pool has this number.") :
      yield* act(pool)
  }))

/** Decodes the body and runs an action with it; a body that breaks the rule is refused. */
const withBody = <A, I>(
  schema: Schema.Schema<A, I>,
  rule: string,
  run: (body: A) => Effect.Effect<Response>
) =>
  Effect.matchEffect(
    HttpIncomingMessage.withMaxBodySize(
      HttpServerRequest.schemaBodyJson(schema, { onExcessProperty: "error" }),
      Option.some(FileSystem.Size(maxBodyBytes))
    ),
    {
      // The decoder's own message would send parts of the body back.
      onFailure: () => Effect.succeed(errorResponse(400, "BadRequest", `The body must be JSON: ${rule}.`)),
      onSuccess: run
    }
  )

const Drop = Schema.Struct({ connectionId: Schema.Int })

const encodeNotFound = Schema.encodeSync(ConnectionNotFoundError)

const drop = (pool: AnyPool) =>
  withBody(
    Drop,
    "{\"connectionId\": the connection's number}",
    ({ connectionId }) =>
      Effect.match(pool.dropById(connectionId), {
        onFailure: (error) => errorResponse(404, error._tag, error.message, encodeNotFound(error)),
        onSuccess: () => noContent
      })
  )

const clear = (pool: AnyPool) => Effect.as(pool.clear, noContent)

/** The highest limit that `resize` takes from an operator. No process has more descriptors; more is a typing mistake. */
const maxSize = 1_000_000

const Resize = Schema.Struct({
  min: Schema.optionalWith(Schema.Number, { exact: true }),
  max: Schema.optionalWith(Schema.Number, { exact: true })
}).pipe(Schema.filter(({ max, min }) => min !== undefined || max !== undefined))

const resize = (pool: AnyPool) =>
  withBody(Resize, "{\"min\": a number, \"max\": a number}, or one of them", (size) =>
    Effect.suspend(() => {
      for (const [option, value] of Object.entries(size)) {
        if (value > maxSize) throw new RangeError(`${option} must be at most ${maxSize}, but is ${value}`)
      }
      return pool.resize(size)
    }).pipe(
      Effect.as(noContent),
      Effect.catchSomeDefect((defect) =>
        defect instanceof RangeError ?
          Option.some(Effect.succeed(errorResponse(400, "RangeError", defect.message))) :
          Option.none()
      )
    ))

export const actionRoutes = (guards: Guards, watch: Watch) =>
  HttpRouter.empty.pipe(
    HttpRouter.post("/api/pools/:id/drop", onPool(guards, watch, drop)),
    HttpRouter.post("/api/pools/:id/clear", onPool(guards, watch, clear)),
    HttpRouter.post("/api/pools/:id/resize", onPool(guards, watch, resize))
  )
