/** Real servers for tests, each on a random loopback port. */
import type { RedisClient } from "@socketpool/redis"
import { type Options, Redis } from "@socketpool/redis"
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { directory, freePort, isMissing, run } from "../../node/test/fixtures/realServer.js"

const version = spawnSync("redis-server", ["--version"])

export const isSkipped = isMissing("redis-server", version.status === 0)

/** Starts a server at a port, with these words of configuration. */
export const serverAt = (port: number, ...words: ReadonlyArray<string>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const dir = yield* directory("redis")
    const place = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir]
    yield* Effect.orDie(run({
      command: "redis-server",
      args: [...place, ...words],
      ready: "Ready to accept connections",
      stopWith: "SIGKILL"
    }))
  })

/** Starts a server with these words of configuration. Returns its port. */
export const serverWith = (...words: ReadonlyArray<string>): Effect.Effect<number, never, Scope.Scope> =>
  Effect.tap(freePort, (port) => serverAt(port, ...words))

export const clientOf = (
  port: number,
  options: Options = {}
): Effect.Effect<RedisClient, never, Scope.Scope> => Redis.make({ host: "127.0.0.1", port, ...options })

/** A client of a server of its own. */
export const client = (options: Options = {}): Effect.Effect<RedisClient, never, Scope.Scope> =>
  Effect.flatMap(serverWith(), (port) => clientOf(port, options))

/** The number of connections that a client's pool has closed. */
export const closedBy = (redis: RedisClient): Effect.Effect<number> =>
  Effect.map(redis.pool.stats, ({ closed }) => Object.values(closed).reduce((sum, count) => sum + count, 0))

/** Repeats an effect until its value is right. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  isRight: (value: A) => boolean
): Effect.Effect<A, E, R> => Effect.repeat(Effect.delay(effect, "2 millis"), { until: isRight })
