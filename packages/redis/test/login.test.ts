import { isRedisError, type Options } from "@socketpool/redis"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Redacted, Stream } from "effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { inspect } from "node:util"
import { directory, freePort } from "../../node/test/fixtures/realServer.js"
import { redisAt } from "../../node/test/fixtures/redisServer.js"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { ca } from "../../node/test/fixtures/tlsServer.js"
import { clientOf, isSkipped, serverWith } from "./server.js"

/** The place of the server comes from the URL. */
const own = { host: undefined, port: undefined } as unknown as Options

const firstOf = <A, E>(stream: Stream.Stream<A, E>) => Stream.runHead(stream)

const password = "quince-marmalade"
const wrong = Redacted.make("rhubarb-custard")

describe.skipIf(isSkipped).each([["3", []], ["2", ["--rename-command", "HELLO", ""]]])(
  "the login in version %s",
  (_, words) => {
    it.scopedLive("has a password, or a user and a password", () =>
      Effect.gen(function*() {
        const port = yield* serverWith(...words, "--requirepass", password)
        const redis = yield* clientOf(port, { password: Redacted.make(password), database: 1 })
        yield* redis.command("ACL", "SETUSER", "reader", "on", ">pears", "+@all", "-set", "~*")
        expect(yield* redis.command("ACL", "WHOAMI")).toBe("default")
        const reader = yield* clientOf(port, { username: "reader", password: Redacted.make("pears") })
        expect(yield* reader.command("ACL", "WHOAMI")).toBe("reader")
        expect(yield* Effect.flip(reader.set("a", 1))).toMatchObject({ code: "NOPERM", command: "SET" })
        expect(yield* closedBy(reader)).toBe(0)
        const byUrl = yield* clientOf(port, { url: `redis://reader:pears@127.0.0.1:${port}/2`, ...own })
        expect(yield* byUrl.command("CLIENT", "INFO")).toMatch(/ db=2 .* user=reader/)
      }))

    it.scopedLive("is tried once where it is wrong, and its error has no secret", () =>
      Effect.gen(function*() {
        const port = yield* serverWith(...words, "--requirepass", password)
        for (const options of [{ password: wrong }, { username: "nobody", password: wrong }, {}]) {
          const redis = yield* clientOf(port, options)
          const calls = Array.from({ length: 50 }, () => Effect.flip(redis.get("a")))
          const errors = yield* Effect.all(calls, { concurrency: "unbounded" })
          for (const error of errors) expect(isRedisError(error, "WRONGPASS", "NOAUTH")).toBe(true)
          for (const secret of [Redacted.value(wrong), password]) {
            expect(inspect(errors) + Cause.pretty(Cause.fail(errors[0])) + JSON.stringify(errors)).not.toContain(secret)
          }
          expect(inspect(redis, { depth: 12 })).not.toContain(Redacted.value(wrong))
          const stats = yield* redis.pool.stats
          expect(stats.openFailed).toBeLessThanOrEqual(4)
          expect(yield* Effect.flip(firstOf(redis.subscribe("a")))).toMatchObject({
            _tag: "RedisError"
          })
        }
      }))
  }
)

describe.skipIf(isSkipped)("the version of the protocol", () => {
  it.scopedLive("decides on the shapes of replies, and not on those of typed functions", () =>
    Effect.gen(function*() {
      const port = yield* serverWith("--requirepass", password)
      const shapes = (respVersion: 2 | 3) =>
        Effect.gen(function*() {
          const redis = yield* clientOf(port, { respVersion, password: Redacted.make(password), clientName: "shapes" })
          yield* redis.command("HSET", "hash", "a", 1)
          yield* redis.zadd("zset", { member: "m", score: 1.5 })
          return [
            yield* redis.command("HGETALL", "hash"),
            yield* redis.command("ZSCORE", "zset", "m"),
            yield* redis.hgetall("hash"),
            yield* redis.zscore("zset", "m"),
            /name=(\S+).* resp=(\d)/.exec(String(yield* redis.command("CLIENT", "INFO")))?.slice(1)
          ]
        })
      expect(yield* shapes(3)).toEqual([new Map([["a", "1"]]), 1.5, { a: "1" }, 1.5, ["shapes", "3"]])
      expect(yield* shapes(2)).toEqual([["a", "1"], "1.5", { a: "1" }, 1.5, ["shapes", "2"]])
    }))
})

describe.skipIf(isSkipped)("a Unix socket", () => {
  it.scopedLive("carries commands as TCP does", () =>
    Effect.gen(function*() {
      const dir = yield* directory("redis-unix")
      const file = path.join(dir, "redis.sock")
      yield* serverWith("--unixsocket", file)
      const redis = yield* clientOf(0, { url: `unix://${file}?database=3`, ...own })
      expect(yield* redis.command("CLIENT", "INFO")).toMatch(/ db=3 /)
    }))
})

const hasTls = !isSkipped && spawnSync("sh", ["-c", "ldd $(command -v redis-server) | grep -q libssl"]).status === 0
if (!isSkipped && !hasTls) process.stderr.write("redis-server is built without TLS: the test of TLS is SKIPPED\n")

describe.skipIf(!hasTls)("TLS", () => {
  it.scopedLive("carries commands and subscriptions, and is verified", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const tls = path.resolve(import.meta.dirname, "../../node/test/fixtures/tls")
      yield* redisAt(
        0,
        ...["--tls-port", String(port), "--tls-cert-file", `${tls}/localhost.pem`],
        ...["--tls-key-file", `${tls}/localhost.key.pem`, "--tls-ca-cert-file", `${tls}/ca.pem`],
        ...["--tls-auth-clients", "no"]
      )
      const redis = yield* clientOf(0, { url: `rediss://localhost:${port}`, tls: { ca }, ...own })
      yield* redis.set("a", "b")
      expect(yield* redis.get("a")).toBe("b")
      const unverified = yield* clientOf(port, { host: "localhost", tls: true })
      expect(yield* Effect.flip(unverified.ping)).toMatchObject({ _tag: "ConnectError", reason: "Tls" })
    }))
})

describe.skipIf(isSkipped)("a server that is gone", () => {
  it.scopedLive("is an error of connecting", () =>
    Effect.gen(function*() {
      const redis = yield* clientOf(yield* freePort)
      expect(yield* Effect.flip(redis.ping)).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
      const subscription = Effect.flip(firstOf(redis.subscribe("a")))
      expect(yield* subscription).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
    }))

  it.scopedLive("is one that ends its connections, and the client finds it again", () =>
    Effect.gen(function*() {
      const port = yield* serverWith()
      const redis = yield* clientOf(port)
      yield* redis.ping
      const other = yield* clientOf(port)
      yield* other.command("CLIENT", "KILL", "TYPE", "normal")
      yield* until(closedBy(redis), (count) => count === 1)
      yield* redis.ping
    }))
})
