/** Real servers for tests, each on a random loopback port. */
import type { RedisClient } from "@socketpool/redis"
import { type Options, Redis } from "@socketpool/redis"
import { Effect, type Scope } from "effect"
import { isMissing } from "../../node/test/fixtures/realServer.js"
import { installed, redisServer } from "../../node/test/fixtures/redisServer.js"

export const isSkipped = isMissing("redis-server", installed)

/** Starts a server with these words of configuration. Returns its port. */
export const serverWith = (...words: ReadonlyArray<string>): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(redisServer(...words), ({ port }) => port)

export const clientOf = (
  port: number,
  options: Options = {}
): Effect.Effect<RedisClient, never, Scope.Scope> => Redis.make({ host: "127.0.0.1", port, ...options })

/** A client of a server of its own. */
export const client = (options: Options = {}): Effect.Effect<RedisClient, never, Scope.Scope> =>
  Effect.flatMap(serverWith(), (port) => clientOf(port, options))
