/** Spans of commands, under OpenTelemetry's names for Redis. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../RedisError.js"
import { isRedisError } from "../RedisError.js"

export type Attributes = Readonly<Record<string, string | number>>

/** The most arguments that the text of a span stands for one by one. */
const maxShown = 8

/** The command as a text without its arguments, which may be secret. */
const textOf = (name: string, count: number): string =>
  name + " ?".repeat(Math.min(count, maxShown)) + (count > maxShown ? " …" : "")

export const traced = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  argumentCount: number,
  server: Attributes
): Effect.Effect<A, E, R> =>
  Effect.withSpan(
    Effect.tapError(effect, (error) =>
      isRedisError(error)
        ? Effect.annotateCurrentSpan("db.response.status_code", (error as RedisError).code)
        : Effect.void),
    name,
    {
      kind: "client",
      captureStackTrace: false,
      attributes: {
        ...server,
        "db.system.name": "redis",
        "db.operation.name": name,
        "db.query.text": textOf(name, argumentCount)
      }
    }
  ) as Effect.Effect<A, E, R>
