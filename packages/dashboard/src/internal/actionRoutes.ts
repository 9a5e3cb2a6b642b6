/** The routes that change a pool: drop, clear and resize. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { ConnectionPool } from "@socketpool/core/Pool"
import { ConnectionNotFoundError } from "@socketpool/core/PoolSchemas"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Guards, maxBodyBytes } from "./auth.js"
import { optionalKey, union } from "./effect.js"
import { jsonBody } from "./http.js"
import { errorResponse, noContent } from "./responses.js"
import { post, type Route } from "./route.js"
import type { Watch } from "./watch.js"

type Response = HttpServerResponse.HttpServerResponse
type AnyPool = ConnectionPool<any, unknown>

/** Runs an action on the pool whose number is in the path. */
const onPool = (
  guards: Guards,
  watch: Watch,
  act: (pool: AnyPool) => Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest>
) =>
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
    jsonBody(schema, maxBodyBytes),
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

const Resize = union(
  Schema.Struct({ min: Schema.Number, max: optionalKey(Schema.Number) }),
  Schema.Struct({ max: Schema.Number })
)

const resize = (pool: AnyPool) =>
  withBody(Resize, "{\"min\": a number, \"max\": a number}, or one of them", (size) =>
    Effect.suspend(() => {
      for (const [option, value] of Object.entries(size)) {
        if (value > maxSize) throw new RangeError(`${option} must be at most ${maxSize}, but is ${value}`)
      }
      return pool.resize(size)
    }).pipe(
      Effect.matchCauseEffect({
        onFailure: (cause) => {
          const defect = Cause.squash(cause)
          return defect instanceof RangeError
            ? Effect.succeed(errorResponse(400, "RangeError", defect.message))
            : Effect.failCause(cause)
        },
        onSuccess: () => Effect.succeed(noContent)
      })
    ))

export const actionRoutes = (guards: Guards, watch: Watch): ReadonlyArray<Route> => [
  post("/api/pools/:id/drop", onPool(guards, watch, drop)),
  post("/api/pools/:id/clear", onPool(guards, watch, clear)),
  post("/api/pools/:id/resize", onPool(guards, watch, resize))
]
