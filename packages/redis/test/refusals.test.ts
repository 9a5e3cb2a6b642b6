import { Redis, type RedisClient } from "@socketpool/redis"
import * as RedisTest from "@socketpool/redis/RedisTest"
import { config, configured, hasDies } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Config, Effect, Exit, Layer, Redacted } from "effect"

const secret = "hunter2"

/** The message of the defect that an effect dies of. */
const defectOf = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<string> =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect: any = Exit.isFailure(exit) && hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
    expect(defect).toBeInstanceOf(RangeError)
    expect(defect.message).not.toContain(secret)
    return defect.message
  })

describe("wrong options", () => {
  it.scoped.each<readonly [options: unknown, message: string]>([
    [{ hots: "a" }, "hots is not an option: did you mean host?"],
    [{ host: "a b" }, "host must be a host name or an IP address"],
    [{ host: "localhost:6379" }, "host must be a host name or an IP address, without a port"],
    [{ port: 0 }, "port must be a whole number from 1 to 65535, but is 0"],
    [{ path: "" }, "path must be a string that is not empty"],
    [{ path: "/a", host: "b" }, "host must be left out where path is set"],
    [{ path: "/a", port: 1 }, "port must be left out where path is set"],
    [{ path: "/a", tls: true }, "tls must be left out where path is set"],
    [{ database: -1 }, "database must be a whole number of at least 0, but is -1"],
    [{ username: "me" }, "password must be given together with username"],
    [{ password: secret }, "password must be a Redacted string that is not empty, but is <redacted>"],
    [{ password: Redacted.make("") }, "password must be a string that is not empty"],
    [{ respVersion: 4 }, "respVersion must be 2 or 3, but is 4"],
    [{ clientName: "a b" }, "clientName must be a string without spaces"],
    [{ tls: 1 }, "tls must be an object"],
    [{ tls: { ca: secret } }, "tls.ca must be a certificate as PEM, but is <redacted>"],
    [{ tls: { certs: "a" } }, "tls.certs is not an option: did you mean cert?"],
    [{ tls: { host: "a" } }, "tls.host is not an option"],
    [{ maxConnections: 0 }, "maxConnections must be a whole number of at least 1, but is 0"],
    [{ maxInFlight: 0 }, "maxInFlight must be a whole number of at least 1, but is 0"],
    [{ maxReplyBytes: 1 }, "maxReplyBytes must be a whole number of at least 64, but is 1"],
    [{ connectTimeout: -1 }, "connectTimeout must be a duration of more than 0, but is -1"],
    [{ stallTimeout: 0 }, "stallTimeout must be a duration of more than 0, but is 0"],
    [{ open: Effect.void }, "open is not an option"],
    [{ handshake: () => Effect.void }, "handshake is not an option"],
    [{ isFatal: () => true }, "isFatal is not an option"],
    [{ url: `http://a:${secret}@b` }, "url must be redis://user:password@host:port/database"],
    [{ url: `redis://:${secret}@` }, "but begins with redis:"],
    [{ url: secret }, "but has no scheme"],
    [{ url: 7 }, "but has no scheme"],
    [{ url: `redis://me@host/${secret}` }, "but begins with redis:"],
    [{ url: `redis://host/0?password=${secret}` }, "but begins with redis:"],
    [{ url: `redis://host/0#${secret}` }, "but begins with redis:"],
    [{ url: "unix://host/path" }, "but begins with unix:"],
    [{ url: "unix:///path?database=x" }, "but begins with unix:"],
    [{ url: "redis://host:0" }, "port must be a whole number from 1 to 65535, but is 0"],
    [{ url: "redis://host", host: "other" }, "host must be left out where url is set"],
    [{ url: "redis://host", tls: true }, "url must begin with rediss: where tls is set"],
    [{ url: "redis://host/1", database: 1 }, "database must be left out where url has one"],
    [
      { url: `redis://:${secret}@host`, password: Redacted.make(secret) },
      "password must be left out where url has one"
    ]
  ])("%j is refused", ([options, message]) =>
    Effect.gen(function*() {
      for (
        const make of [
          Redis.make(options as any),
          Layer.build(Redis.layer(options as any)),
          Layer.build(Redis.layerConfig(Config.succeed(options as any)))
        ]
      ) {
        expect(yield* defectOf(Effect.scoped(make as Effect.Effect<unknown>))).toContain(`Redis.make: `)
        expect(yield* defectOf(Effect.scoped(make as Effect.Effect<unknown>))).toContain(message)
      }
    }))

  it.scoped.each<readonly [options: object, name: string]>([
    [{}, "redis://localhost:6379/0"],
    [{ host: "::1", port: 1, database: 3 }, "redis://[::1]:1/3"],
    [{ path: "/run/redis.sock" }, "unix:///run/redis.sock/0"],
    [{ tls: true }, "rediss://localhost:6379/0"],
    [{ url: "redis://[::1]:7000/2" }, "redis://[::1]:7000/2"],
    [{ url: new URL(`rediss://me:${secret}@host`) }, "rediss://host:6379/0"],
    [{ url: Redacted.make(`redis://:${secret}@host/4`) }, "redis://host:6379/4"],
    [{ url: "unix:///run/a%20b.sock?database=5" }, "unix:///run/a b.sock/5"],
    [{ url: "redis://host", username: "me", password: Redacted.make(secret), database: 6 }, "redis://host:6379/6"],
    [{ url: "rediss://host", tls: { dangerouslySkipVerification: true } }, "rediss://host:6379/0"],
    [{ name: "mine" }, "mine"]
  ])("%j is right", ([options, name]) =>
    Effect.map(Redis.make(options), (redis) => {
      expect(redis.pool.name).toBe(name)
    }))

  it.scoped("come from a configuration, and a value that is none is not shown", () =>
    Effect.gen(function*() {
      class Sessions extends Redis.Service<Sessions>()("test/Sessions") {}
      const layer = Sessions.layerConfig({ url: config.redacted("URL"), maxConnections: config.integer("MAX") })
      const values = configured({ URL: `redis://:${secret}@host`, MAX: "3" })
      const redis = yield* Effect.provide(Sessions, Layer.provide(layer, values))
      expect(redis.pool.name).toBe("redis://host:6379/0")
      const wrong = Layer.build(Sessions.layerConfig({ password: secret } as any))
      expect(yield* defectOf(wrong as Effect.Effect<unknown>)).toBe(
        "Redis.layerConfig: password must be a Config, or an object of Configs, but is <redacted>"
      )
      const missing = yield* Effect.exit(Effect.provide(Sessions, Layer.provide(layer, configured({}))))
      expect(missing._tag).toBe("Failure")
    }))
})

describe("refused commands", () => {
  /** A client, and the names of all commands that its server has seen. */
  const watched = Effect.gen(function*() {
    const seen: Array<string> = []
    const redis = yield* RedisTest.make(({ name }) => {
      seen.push(name)
      return Effect.succeed(null)
    })
    return { redis, seen }
  })

  it.scoped.each<readonly [args: ReadonlyArray<unknown>, message: string]>([
    [["SET", "a", NaN], "argument 2 of SET must be a string, a Uint8Array, a finite number or a bigint"],
    [["SET", "a", Infinity], "but is a number that is not finite"],
    [["SET", "a", undefined], "but is undefined"],
    [
      ["SET", null, secret],
      "argument 1 of SET must be a string, a Uint8Array, a finite number or a bigint, but is null"
    ],
    [["SET", "a", { secret }], "but is an object"],
    [["SET", "a", [secret]], "but is an array"],
    [["SET", "a", true], "but is a boolean"],
    [["SET", "a", Symbol(secret)], "but is a symbol"],
    [["SET", "a", new Date(0)], "but is an object"],
    [["SET", "a", Redacted.make(secret)], "but is an object"],
    [["", "a"], "name must be the name of a command"],
    [[`SET ${secret}`], "name must be the name of a command"],
    [[`SET\r\n${secret}`], "name must be the name of a command"],
    [[undefined], "name must be the name of a command"],
    [["subscribe", "a"], "SUBSCRIBE leaves no reply to wait for; use subscribe"],
    [["PSUBSCRIBE", "a"], "use psubscribe"],
    [["MONITOR"], "MONITOR leaves no reply to wait for; use a connection of your own"],
    [["CLIENT", "reply", "OFF"], "CLIENT REPLY leaves no reply to wait for"],
    [["MULTI"], "MULTI changes a connection that others share; use transaction"],
    [["EXEC"], "use transaction"],
    [["WATCH", "a"], "use watch"],
    [["SELECT", 1], "use the option database, or withExclusive"],
    [["AUTH", secret], "use the options username and password, or withExclusive"],
    [["HELLO", 3], "use the options, or withExclusive"],
    [["RESET"], "use withExclusive"],
    [["QUIT"], "use withExclusive"],
    [["CLIENT", "TRACKING", "ON"], "CLIENT TRACKING changes a connection that others share; use withExclusive"]
  ])("%j is not sent", ([args, message]) =>
    Effect.gen(function*() {
      const { redis, seen } = yield* watched
      const [name, ...rest] = args as [any, ...Array<any>]
      expect(yield* defectOf(redis.command(name, ...rest))).toContain(message)
      expect(yield* defectOf(redis.commandWith({ bytes: true }, name, ...rest))).toContain(message)
      expect(yield* defectOf(redis.transaction([["GET", "a"], [name, ...rest]]))).toContain(message)
      if (/no reply|must be/.test(message)) {
        expect(yield* defectOf(redis.withExclusive((own) => own.command(name, ...rest)))).toContain(message)
      }
      expect(seen).toEqual([])
    }))

  it.scoped.each<
    readonly [what: string, run: (redis: RedisClient) => Effect.Effect<unknown, unknown>, message: string]
  >([
    ["set", (redis) => redis.set("a", 1, { expire: 0 }), "redis.set: expire must be a duration of whole milliseconds"],
    [
      "set",
      (redis) => redis.set("a", 1, { expire: 0.5 }),
      "redis.set: expire must be a duration of whole milliseconds"
    ],
    ["set", (redis) => redis.set("a", 1, { if: "nx" as any }), "redis.set: if must be \"NX\" or \"XX\", but is \"nx\""],
    ["set", (redis) => redis.set("a", 1, { ttl: 1 } as any), "redis.set: ttl is not an option"],
    [
      "set",
      (redis) => redis.set("a", 1, { expire: 1, keepExpiry: true }),
      "keepExpiry must be false where expire is set"
    ],
    ["incr", (redis) => redis.incr("a", 0.5), "redis.incr: by must be a whole number, but is 0.5"],
    ["blpop", (redis) => redis.blpop(["a"], 0), "redis.blpop: timeout must be a duration of more than 0, but is 0"],
    ["xread", (redis) => redis.xread({ a: "0" }, { block: 0 }), "redis.xread: block must be a duration of more than 0"],
    [
      "transaction",
      (redis) => redis.transaction([[]] as any),
      "redis.transaction: commands must be an array of commands"
    ],
    ["transaction", (redis) => redis.transaction(secret as any), "but is <redacted>"],
    [
      "commandWith",
      (redis) => redis.commandWith({ timeout: 0 }, "GET", "a"),
      "timeout must be a duration of more than 0"
    ],
    ["commandWith", (redis) => redis.commandWith({ byte: true } as any, "GET"), "byte is not an option"],
    ["watch", (redis) => redis.watch(["a"], () => Effect.succeed([]), { retry: 3 as any }), "retry must be a Schedule"]
  ])("%s with a wrong option is not sent", ([_, run, message]) =>
    Effect.gen(function*() {
      const { redis, seen } = yield* watched
      expect(yield* defectOf(run(redis))).toContain(message)
      expect(seen).toEqual([])
    }))
})
