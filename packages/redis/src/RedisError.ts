/**
 * The errors of Redis.
 *
 * @since 3.0.0
 */
import { line } from "@socketpool/core/Checks"
import * as Data from "effect/Data"

const advice: Readonly<Record<string, string>> = {
  MOVED: " Redis Cluster is not supported yet: connect to a server that is no part of a cluster.",
  ASK: " Redis Cluster is not supported yet: connect to a server that is no part of a cluster.",
  CROSSSLOT: " Redis Cluster is not supported yet: connect to a server that is no part of a cluster.",
  WRONGPASS: " Check username and password.",
  NOAUTH: " Set password, and username if the server has users."
}

/**
 * The server answered a command with an error. It costs no connection, unless the server says that it cannot serve: after
 * `READONLY` and `LOADING`, as in a failover, the pool opens other connections.
 *
 * Neither the error nor its message has arguments of the command. A text of the server may name keys.
 *
 * @since 3.0.0
 * @category errors
 */
export class RedisError extends Data.TaggedError("RedisError")<{
  /** The first word of the answer, such as `WRONGTYPE`, `NOSCRIPT` or `ERR`. */
  readonly code: string
  /** The name of the command, such as `LPUSH`. */
  readonly command: string
  /** The answer without its first word. */
  readonly detail: string
}> {
  override get message(): string {
    const answer = line(this.detail === "" ? this.code : `${this.code} ${this.detail}`)
    return `${line(this.command)} failed: ${answer}.${advice[this.code] ?? ""}`
  }
}

/**
 * A key that `watch` had watched was changed by somebody else before the transaction, each time that it was tried.
 * Nothing of the transaction was done.
 *
 * @since 3.0.0
 * @category errors
 */
export class RedisConflictError extends Data.TaggedError("RedisConflictError")<{}> {
  override get message(): string {
    return "The transaction was not done: another client has changed a watched key. Try again, or raise retry of watch."
  }
}

/**
 * Returns whether a value is a `RedisError`, with one of these codes if any are given.
 *
 * @example
 * ```ts
 * import { isRedisError, Redis } from "@socketpool/redis"
 * import { Effect } from "effect"
 *
 * const length = Effect.gen(function*() {
 *   const redis = yield* Redis
 *   return yield* redis.llen("orders").pipe(
 *     Effect.catchIf((error) => isRedisError(error, "WRONGTYPE"), () => Effect.succeed(0))
 *   )
 * })
 * ```
 *
 * @since 3.0.0
 * @category guards
 */
export const isRedisError = (value: unknown, ...codes: ReadonlyArray<string>): value is RedisError =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "RedisError" && "code" in value &&
  (codes.length === 0 || codes.includes(value.code as string))
