/**
 * A Redis client that shares few connections among all fibers.
 *
 * @since 3.0.0
 */
import { argument, optionsOf, rules } from "@socketpool/core/Checks"
import type * as CoreClient from "@socketpool/core/Client"
import type { ConnectError } from "@socketpool/core/ConnectionError"
import type * as EndpointPool from "@socketpool/core/EndpointPool"
import type { TagClass } from "@socketpool/core/Interop"
import type { ConnectTimeoutError } from "@socketpool/core/PoolError"
import * as PoolLayer from "@socketpool/core/PoolLayer"
import type { Protocol } from "@socketpool/core/Protocol"
import type * as TlsConnection from "@socketpool/node/TlsConnection"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { tagOf } from "./internal/effect.js"
import { made, madeOfEndpoints } from "./internal/making.js"
import { resolve, resolveEndpoints, table } from "./internal/options.js"
import type { RedisClient, RedisEndpoints } from "./RedisClient.js"
import type { RedisError } from "./RedisError.js"

type OfClient = Omit<
  CoreClient.Options<Protocol<any, any, any>, ConnectError | RedisError>,
  "protocol" | "open" | "handshake" | "validate" | "farewell" | "isFatal" | "isExpired"
>

/**
 * The options of a client: where the server is, how to log in, and those of `Client.make` in `@socketpool/core`.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options extends OfClient {
  /**
   * Names the server in one text: `redis://user:password@host:port/database`, `rediss://…` for TLS, or
   * `unix:///path?database=0`. Only the host, or the path, is required. Messages never show it.
   */
  readonly url?: string | URL | Redacted.Redacted

  /** Names the server: a host name or an IP address. Default: `"localhost"`. */
  readonly host?: string

  /** Sets the port, from 1 to 65535. Default: 6379. */
  readonly port?: number

  /** Names a Unix socket, in place of `host` and `port`. */
  readonly path?: string

  /** Encrypts the connections: `true`, or the certificates and keys. Default: `false`, or as the URL says. */
  readonly tls?: boolean | TlsConnection.SecurityOptions

  /** Logs in as a user. Default: the server's default user, if there is a `password`. */
  readonly username?: string

  /** Sets the password. Default: no login. */
  readonly password?: Redacted.Redacted

  /** Sets the database. Default: 0. */
  readonly database?: number

  /** Names the connections in `CLIENT LIST`. Default: no name. */
  readonly clientName?: string

  /**
   * Sets the version of Redis' protocol. In version 2, maps and sets come as arrays, and doubles and booleans as texts and
   * numbers, as node-redis and ioredis return them; typed functions return the same in both. A server that does not know
   * version 3 is spoken to in version 2 in any case. Default: 3.
   */
  readonly respVersion?: 2 | 3

  /**
   * Limits the connections. Few are enough, because each serves many commands at once; a blocking command and a lease
   * have one for themselves. Default: 4.
   */
  readonly maxConnections?: number

  /** Limits the commands that wait for their reply on one connection. Further ones wait, in order. Default: 1,024. */
  readonly maxInFlight?: number

  /**
   * Limits the interrupted commands whose reply is still to come on one connection. One more ends it. Lower it if
   * replies are large. Default: 1,024.
   */
  readonly maxAbandoned?: number

  /** Limits a reply, in bytes. A larger one ends its connection. Default: 67,108,864, which is 64 MiB. */
  readonly maxReplyBytes?: number
}

/**
 * The options of a client of several servers: those of a client without the place of the server, and those of the
 * endpoints.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointsOptions
  extends
    Omit<Options, "url" | "host" | "port" | "path" | "maxConnections">,
    Omit<EndpointPool.EndpointOptions<unknown>, "probe">
{
  /**
   * Asks each server for its `ROLE`, at each open and each `probeInterval`: the primary is tier 0, replicas are tier 1.
   * All commands go to the primary then, and wait for one while there is none. Use `tier(1)` to read from replicas.
   * Default: `false`, all servers are alike.
   */
  readonly roles?: boolean

  /** Limits the connections to all servers together. Default: 40. */
  readonly maxConnections?: number

  /** Limits the connections to one server. Default: 4. */
  readonly maxConnectionsPerEndpoint?: number
}

const endpoints = (options: EndpointsOptions): Effect.Effect<RedisEndpoints, never, Scope.Scope> =>
  Effect.suspend(() => madeOfEndpoints(resolveEndpoints("Redis.endpoints", options)))

const make = (options: Options = {}): Effect.Effect<RedisClient, never, Scope.Scope> =>
  Effect.suspend(() => made(resolve("Redis.make", options)))

/**
 * The error of a layer that is built with `failFast`.
 *
 * @since 3.0.0
 * @category models
 */
export type FailFast<F extends boolean> = PoolLayer.FailFast<F, ConnectError | ConnectTimeoutError | RedisError>

/**
 * A tag whose service is a client, with its layers.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string> extends TagClass<Self, Id, RedisClient> {
  /**
   * Makes the client as a layer; it closes with the layer. It opens nothing until the first command, unless
   * `minConnections` is set. A wrong option is a defect. Building it never fails, unless `failFast` is set.
   */
  readonly layer: <F extends boolean = false>(
    options?: Options & PoolLayer.Options<F>
  ) => Layer.Layer<Self, FailFast<F>>

  /**
   * Makes the client as a layer, with options that come from a configuration: a `Config` of all, or an object of
   * `Config`s.
   */
  readonly layerConfig: <F extends boolean = false>(
    config: Config.Config.Wrap<Options>,
    options?: PoolLayer.Options<F>
  ) => Layer.Layer<Self, ConfigError.ConfigError | FailFast<F>>
}

const Service = <Self>() => <const Id extends string>(id: Id): ServiceClass<Self, Id> => {
  const tag = tagOf<Self, RedisClient>()(argument("Redis.Service", "id", rules.name, id) as Id)
  const given = tag as unknown as Context.Tag<Self, RedisClient>
  return Object.assign(tag, {
    layer: (options: Options & PoolLayer.Options<boolean> = {}) => PoolLayer.clientLayerOf(given, make, options),
    layerConfig: (config: Config.Config.Wrap<Options>, options?: PoolLayer.Options<boolean>) =>
      PoolLayer.clientLayerConfigOf(given, make, optionsOf<Options>("Redis.layerConfig", table, config), options)
  }) as unknown as ServiceClass<Self, Id>
}

/**
 * The client as a service: for one server. Make further ones with `Redis.Service`.
 *
 * @example
 * ```ts
 * import { Redis } from "@socketpool/redis"
 * import { Effect } from "effect"
 *
 * const visits = Effect.gen(function*() {
 *   const redis = yield* Redis
 *   yield* redis.set("greeting", "hello", { expire: "1 hour" })
 *   return yield* redis.incr("visits")
 * })
 *
 * const program = Effect.provide(visits, Redis.layer({ host: "localhost" }))
 * ```
 *
 * @since 3.0.0
 * @category services
 */
export class Redis extends Service<Redis>()("@socketpool/redis/Redis") {
  /**
   * Makes a client that closes with the scope. It never fails, and opens nothing until the first command, unless
   * `minConnections` is set. A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
   *
   * @example
   * ```ts
   * import { Redis } from "@socketpool/redis"
   * import { Effect } from "effect"
   *
   * const greeting = Effect.scoped(Effect.gen(function*() {
   *   const redis = yield* Redis.make({ url: "redis://localhost:6379/1", maxConnections: 2 })
   *   return yield* redis.get("greeting")
   * }))
   * ```
   *
   * @since 3.0.0
   */
  static readonly make = make

  /**
   * Makes a client of several servers that closes with the scope. It never fails, and it opens connections as
   * `EndpointPool` does. A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
   *
   * Use it for a primary with replicas, with `roles`, or for servers of which any will do. It finds a new primary within
   * seconds of a failover; commands that were on their way fail with `ConnectionError`.
   *
   * @example
   * ```ts
   * import { Endpoints } from "@socketpool/core"
   * import { Redis } from "@socketpool/redis"
   * import { Effect } from "effect"
   *
   * const program = Effect.scoped(Effect.gen(function*() {
   *   const redis = yield* Redis.endpoints({
   *     endpoints: Endpoints.of({ host: "redis-1", port: 6379 }, { host: "redis-2", port: 6379 }),
   *     roles: true
   *   })
   *   yield* redis.set("greeting", "hello")
   *   return yield* redis.tier(1).get("greeting")
   * }))
   * ```
   *
   * @since 3.0.0
   */
  static readonly endpoints = endpoints

  /**
   * Makes a tag for a client, so that one program can have several.
   *
   * @example
   * ```ts
   * import { Redis } from "@socketpool/redis"
   * import { Config, Effect } from "effect"
   *
   * class Sessions extends Redis.Service<Sessions>()("app/Sessions") {}
   *
   * const SessionsLive = Sessions.layerConfig({ url: Config.redacted("SESSIONS_URL") })
   *
   * const session = (id: string) => Effect.flatMap(Sessions, (redis) => redis.hgetall(`session:${id}`))
   * ```
   *
   * @since 3.0.0
   */
  static override readonly Service = Service as typeof Service & RedisClient
}
