/** The clients of protocols that are packages of their own, with the kind of each option and argument. */
import * as Reactivity from "@effect/experimental/Reactivity"
import { Budget, Pool } from "@socketpool/core"
import { FleetBudget, PostgresBudget, RedisBudget } from "@socketpool/fleet"
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { Redis } from "@socketpool/redis"
import * as RedisTest from "@socketpool/redis/RedisTest"
import { Acquirer, Pg } from "@socketpool/sql"
import { Effect, Layer, Redacted, Stream } from "effect"
import type { Kind } from "./kinds.js"
import { type Argument, argument, build, configOf, omit, type Run, type Subject, sync } from "./subject.js"
import {
  clientPool,
  endpoints,
  everyPool,
  file,
  oneEndpoint,
  security,
  server,
  sessions,
  tcp,
  unix
} from "./subjects.js"

/** The options of `Client.make` that both clients have. */
const shared = {
  ...clientPool,
  ...omit(sessions, "onPush"),
  connectTimeout: "a duration above 0",
  retryUnsent: "at least 0"
} satisfies Record<string, Kind>

// --- Redis ----------------------------------------------------------------------------------------------------------

const redis = {
  ...omit(shared, "validate", "farewell", "isFatal", "isExpired"),
  onPush: "a hook",
  keepaliveTime: "a keepalive time",
  url: "a URL of a client",
  host: "a host",
  port: "a port",
  path: "a path",
  tls: "TLS or not",
  username: "a name",
  password: "a password",
  database: "at least 0",
  clientName: "a name without spaces",
  respVersion: "2 or 3",
  maxReplyBytes: "at least 64"
} satisfies Record<string, Kind>

const login = { password: Redacted.make("quince"), maxConnections: 64 }

const nil = () => Effect.succeed(null)

/** Answers as Redis would. */
const answers: RedisTest.Handler = ({ name }) =>
  Effect.succeed(
    /^(INCRBY|HSET|ZADD)$/.test(name)
      ? 1
      : name === "SCAN"
      ? ["0", []]
      : name === "MGET"
      ? []
      : name === "XADD"
      ? "1-0"
      : null
  )

/** A Redis in memory, and a call of one of its methods. */
const asked = (use: (redis: any, given: any) => Effect.Effect<unknown, unknown, any>): Run => (given) =>
  Effect.flatMap(
    RedisTest.make(answers),
    (redis) => Effect.suspend(() => use(redis, given)) as Effect.Effect<unknown, unknown>
  )

const redisSubjects: ReadonlyArray<Subject> = [
  { of: "Redis.make", options: redis, base: login, run: (given) => Redis.make(given) },
  { of: "Redis.make", options: redis, base: login, run: build(Redis.layer), passesOn: true },
  {
    of: "Redis.endpoints",
    options: {
      ...omit(redis, "url", "host", "port", "path"),
      ...omit(endpoints, "probe", "probeInterval"),
      endpoints: "an effect",
      roles: "a boolean"
    },
    base: { ...login, endpoints: oneEndpoint },
    run: (given) => Redis.endpoints(given)
  },
  { of: "RedisTest.make", options: redis, base: login, run: (given) => RedisTest.make(nil, given), passesOn: true },
  {
    of: "RedisTest.make",
    options: redis,
    base: login,
    run: build((given) => RedisTest.layer(nil, given)),
    passesOn: true
  },
  {
    of: "redis.commandWith",
    options: { bytes: "a boolean", schema: "a schema", timeout: "a duration above 0" },
    base: {},
    run: asked((redis, given) => redis.commandWith(given, "GET", "a"))
  },
  {
    of: "redis.set",
    options: { expire: "whole milliseconds from 1", if: "one of several words", keepExpiry: "a boolean" },
    base: {},
    run: asked((redis, given) => redis.set("a", "b", given))
  },
  {
    of: "redis.scan",
    options: { match: "text", count: "at least 1", type: "text" },
    base: {},
    run: asked((redis, given) => Stream.runDrain(redis.scan(given)))
  },
  ...["xread", "xreadgroup"].map((name): Subject => ({
    of: `redis.${name}`,
    options: { count: "at least 1", block: "a duration above 0" },
    base: {},
    run: asked((redis, given) =>
      name === "xread" ? redis.xread({ a: "0" }, given) : redis.xreadgroup("group", "me", { a: "0" }, given)
    )
  })),
  {
    of: "redis.watch",
    options: { retry: "a schedule" },
    base: {},
    run: asked((redis, given) => redis.watch(["a"], () => Effect.succeed([]), given))
  }
]

const redisSingles: ReadonlyArray<Argument> = [
  argument("Redis.Service", "id", "a name", sync((id) => Redis.Service()(id))),
  argument("RedisTest.make", "handler", "a hook", (handler) => RedisTest.make(handler)),
  argument("layer", "failFast", "a boolean", build((failFast) => Redis.layer({ ...server, failFast }))),
  argument("redis.command", "name", "the name of a command", asked((redis, name) => redis.command(name))),
  argument("redis.command", "argument", "words of a command", asked((redis, word) => redis.command("GET", word))),
  argument("redis.mset", "values", "fields", asked((redis, values) => redis.mset(values))),
  argument("redis.hset", "fields", "fields", asked((redis, fields) => redis.hset("a", fields))),
  argument("redis.xadd", "fields", "fields", asked((redis, fields) => redis.xadd("a", fields))),
  argument("redis.xread", "streams", "streams", asked((redis, streams) => redis.xread(streams))),
  argument("redis.mget", "keys", "a list of words", asked((redis, keys) => redis.mget(keys))),
  argument("redis.blpop", "keys", "a list of words", asked((redis, keys) => redis.blpop(keys, 1))),
  argument("redis.blpop", "timeout", "a duration above 0", asked((redis, timeout) => redis.blpop(["a"], timeout))),
  argument("redis.incr", "by", "whole", asked((redis, by) => redis.incr("a", by))),
  argument("redis.zadd", "members", "no member", asked((redis, member) => redis.zadd("a", member))),
  argument("redis.script", "source", "text", asked((redis, source) => redis.script(source)([]))),
  argument("redis.script", "keys", "a list of words", asked((redis, keys) => redis.script("return 1")(keys))),
  argument("redis.transaction", "commands", "a list of commands", asked((redis, all) => redis.transaction(all))),
  argument(
    "redis.watch",
    "keys",
    "a list of words",
    asked((redis, keys) => redis.watch(keys, () => Effect.succeed([])))
  ),
  argument("redis.withExclusive", "f", "a hook", asked((redis, f) => redis.withExclusive(f)))
]

// --- MessagePack-RPC ------------------------------------------------------------------------------------------------

const rpc = {
  ...shared,
  handshake: "a hook",
  maxBytes: "at least 1",
  mapsAsObjects: "a boolean",
  maxHandling: "at least 0"
} satisfies Record<string, Kind>

const tcpRpc = { ...rpc, ...omit(tcp, "timeout", "allowHalfOpen"), tls: "TLS or not" } satisfies Record<string, Kind>

const unixRpc = { ...rpc, ...omit(unix, "timeout", "allowHalfOpen") } satisfies Record<string, Kind>

const never = { open: Effect.never }

const makeRpc: Run = (given) => MsgpackRpc.make(given)

/** A client of a server in memory, and a call of one of its methods. */
const called = (use: (rpc: any, given: any) => Effect.Effect<unknown, unknown, any>): Run => (given) =>
  Effect.flatMap(
    MsgpackRpc.test({ ping: nil }),
    (rpc) => Effect.suspend(() => use(rpc, given)) as Effect.Effect<unknown, unknown>
  )

const rpcSubjects: ReadonlyArray<Subject> = [
  { of: "MsgpackRpc.make", options: tcpRpc, base: server, run: makeRpc },
  { of: "MsgpackRpc.make", options: unixRpc, base: file, run: makeRpc, passesOn: true },
  { of: "MsgpackRpc.make", options: { ...rpc, open: "an effect" }, base: never, run: makeRpc, passesOn: true },
  {
    of: "MsgpackRpc.make",
    options: { keepaliveTime: "a keepalive time" },
    base: { ...never, validate: () => Effect.succeed(true) },
    run: makeRpc
  },
  { of: "MsgpackRpc.layer", options: tcpRpc, base: server, run: build(MsgpackRpc.layer), passesOn: true },
  { of: "MsgpackRpc.test", options: rpc, base: {}, run: (given) => MsgpackRpc.test({}, given), passesOn: true },
  {
    of: "MsgpackRpc.call",
    options: { schema: "a schema", timeout: "a duration above 0" },
    base: {},
    run: called((rpc, given) => rpc.call("ping", [], given))
  }
]

const rpcSingles: ReadonlyArray<Argument> = [
  argument("MsgpackRpc.Service", "id", "a name", sync((id) => MsgpackRpc.Service()(id))),
  argument("MsgpackRpc.test", "handlers", "an object of functions", (handlers) => MsgpackRpc.test(handlers)),
  argument("layer", "failFast", "a boolean", build((failFast) => MsgpackRpc.layer({ ...server, failFast }))),
  argument("MsgpackRpc.call", "method", "text", called((rpc, method) => rpc.call(method))),
  argument("MsgpackRpc.call", "params", "params", called((rpc, params) => rpc.call("ping", params))),
  argument("MsgpackRpc.notify", "method", "text", called((rpc, method) => rpc.notify(method))),
  argument("MsgpackRpc.notify", "params", "params", called((rpc, params) => rpc.notify("ping", params))),
  argument("MsgpackRpc.handle", "method", "text", called((rpc, method) => Effect.scoped(rpc.handle(method, nil)))),
  argument("MsgpackRpc.handle", "handler", "a hook", called((rpc, f) => Effect.scoped(rpc.handle("ping", f))))
]

// --- SQL ------------------------------------------------------------------------------------------------------------

const sql = {
  ...omit(everyPool, "isExpired", "isFatal", "validate", "onRelease", "farewell"),
  connectTimeout: "a duration above 0",
  cancelTimeout: "a duration above 0",
  keepaliveTime: "a keepalive time",
  url: "a URL of a client",
  host: "a host or a folder",
  port: "a port",
  ssl: "options of tls.connect",
  database: "a name",
  username: "a name",
  password: "a password",
  applicationName: "a name",
  types: "an object with methods",
  driver: "an object of settings",
  transformResultNames: "a hook",
  transformQueryNames: "a hook",
  transformJson: "a boolean"
} satisfies Record<string, Kind>

const driver = {
  password: "a hook",
  stream: "a hook",
  options: "text",
  statement_timeout: "at least 0",
  lock_timeout: "at least 0",
  idle_in_transaction_session_timeout: "at least 0",
  keepAlive: "a boolean",
  keepAliveInitialDelayMillis: "at least 0",
  enableChannelBinding: "a boolean",
  sslnegotiation: "one of several words"
} satisfies Record<string, Kind>

const database = { password: Redacted.make("quince"), maxConnections: 64 }

const pg = (options: any) => Effect.provide(Pg.make(options), Reactivity.layer)

const acquired: Run = (pool) => Effect.sync(() => Acquirer.make(pool, () => pool))

const sqlSubjects: ReadonlyArray<Subject> = [
  { of: "Pg.make", options: sql, base: database, run: pg },
  { of: "Pg.make", options: sql, base: database, run: build(Pg.layer), passesOn: true }
]

const sqlSingles: ReadonlyArray<Argument> = [
  argument("layer", "failFast", "a boolean", build((failFast) => Pg.layer({ failFast }))),
  argument("Acquirer.make", "pool", "an object with methods", acquired),
  argument(
    "Acquirer.make",
    "toConnection",
    "a hook",
    (f) => Effect.map(Pool.make({ open: Effect.never }), (pool) => Acquirer.make(pool, f))
  )
]

// --- Budgets of a fleet ---------------------------------------------------------------------------------------------

const fleet = {
  name: "a short name without spaces",
  maxConnections: "a number of connections of a fleet",
  holder: "a short name without spaces",
  ttl: "at most one day",
  reclaimDelay: "at most one day, or 0",
  linger: "at most one day, or 0",
  reclaimAfter: "a duration from 0",
  onLost: "one of several words",
  whenUnavailable: "what may be open",
  reserve: "at least 0"
} satisfies Record<string, Kind>

const inRedis = { ...fleet, warmStart: "a boolean" } satisfies Record<string, Kind>

const inPostgres = { ...fleet, url: "a URL of PostgreSQL", connect: "an effect of a session" } satisfies Record<
  string,
  Kind
>

const ofFleet = { name: "fleet", maxConnections: 64 }

const unreachable = { ...ofFleet, connect: Effect.fail("no server") }

class FleetTag extends Budget.Service<FleetTag>()("test/Fleet") {}

/** A store that gives no answer, so that `make` fails once its options are known to be right. */
const silent: FleetBudget.Connect = () => Effect.never

const silentRedis = {
  command: () => Effect.never,
  exclusive: Effect.fail("no server"),
  script: () => () => Effect.never,
  subscribe: () => Stream.never
}

/** Options that are right wait for a store that nobody started. */
const soon: (run: Run) => Run = (run) => (given) => Effect.ignore(Effect.timeout(run(given), "1 millis"))

const fleetSubjects: ReadonlyArray<Subject> = [
  {
    of: "FleetBudget.make",
    options: fleet,
    base: ofFleet,
    run: soon((given) => FleetBudget.make(given, silent))
  },
  {
    of: "RedisBudget.make",
    options: { ...inRedis, client: "a client of Redis" },
    base: { ...ofFleet, client: silentRedis },
    run: soon(RedisBudget.make)
  },
  { of: "PostgresBudget.make", options: inPostgres, base: unreachable, run: soon(PostgresBudget.make) },
  {
    of: "RedisBudget.layer",
    options: inRedis,
    base: ofFleet,
    run: soon(build((given) => Layer.provide(RedisBudget.layer(FleetTag, given), Redis.layer()))),
    passesOn: true
  },
  {
    of: "PostgresBudget.layer",
    options: inPostgres,
    base: unreachable,
    run: soon(build((given) => PostgresBudget.layer(FleetTag, given))),
    passesOn: true
  }
]

const fleetSingles: ReadonlyArray<Argument> = [
  argument("FleetBudget.make", "connect", "a hook", soon((connect) => FleetBudget.make(ofFleet, connect)))
]

export const clients: ReadonlyArray<Subject> = [...redisSubjects, ...rpcSubjects, ...sqlSubjects, ...fleetSubjects]

/** Options from the configuration, and those of TLS, which are a part of others. */
export const configuredClients: ReadonlyArray<Subject> = [
  {
    of: "Redis.make",
    options: redis,
    base: login,
    run: build((given) => Redis.layerConfig(configOf(given))),
    passesOn: true
  },
  {
    of: "MsgpackRpc.layerConfig",
    options: tcpRpc,
    base: server,
    run: build((given) => MsgpackRpc.layerConfig(configOf(given))),
    passesOn: true
  },
  { of: "Redis.make", options: security, base: {}, run: (tls) => Redis.make({ tls }), passesOn: true },
  { of: "Pg.make", options: driver, base: {}, run: (driver) => pg({ driver }) },
  {
    of: "RedisBudget.layer",
    options: inRedis,
    base: ofFleet,
    run: soon(build((given) => Layer.provide(RedisBudget.layerConfig(FleetTag, configOf(given)), Redis.layer()))),
    passesOn: true
  },
  {
    of: "PostgresBudget.layerConfig",
    options: inPostgres,
    base: unreachable,
    run: soon(build((given) => PostgresBudget.layerConfig(FleetTag, configOf(given)))),
    passesOn: true
  },
  {
    of: "Pg.make",
    options: sql,
    base: database,
    run: build((given) => Pg.layerConfig(configOf(given))),
    passesOn: true
  },
  {
    of: "MsgpackRpc.make",
    options: security,
    base: {},
    run: (tls) => MsgpackRpc.make({ ...server, tls }),
    passesOn: true
  }
]

export const clientSingles: ReadonlyArray<Argument> = [...redisSingles, ...rpcSingles, ...sqlSingles, ...fleetSingles]
