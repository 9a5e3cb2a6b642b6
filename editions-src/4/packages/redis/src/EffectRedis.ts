/**
 * Effect's own service of Redis, `effect/persistence/Redis`, on a client of this package. Modules that use that
 * service work with it, such as `PersistedQueue` and `RateLimiter`.
 *
 * @since 3.0.0
 */
import { argument, rules } from "@socketpool/core/Checks"
import type * as PoolLayer from "@socketpool/core/PoolLayer"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Service from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isFatal } from "./internal/handshake.js"
import { type FailFast, type Options as ClientOptions, Redis } from "./Redis.js"
import type { RedisClient, RedisCommander, SubscriptionFailure } from "./RedisClient.js"
import { isRedisError } from "./RedisError.js"

/** The messages that a subscriber may be behind before the server has to wait. */
const ahead = 1_024

/** A subscription that was lost is made again after these, in milliseconds: twice as long each time, and some more. */
const pause = { least: 50, most: 2_000, jitter: 200 }

const known = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<any, Service.RedisError, R> =>
  Effect.mapError(effect, (cause) => new Service.RedisError({ cause }))

const commandsOf = (commander: RedisCommander): Service.Connection => ({
  send: (command, ...args) => known(commander.command(command, ...args)),
  eval: (script) => {
    const run = commander.script(script.lua)
    return (...params) =>
      Effect.suspend(() => {
        const words = script.params(...params).map(String)
        const keys = script.numberOfKeys(...params)
        argument("redis.eval", "numberOfKeys", rules.count(0, words.length), keys)
        return known(run(words.slice(0, keys), words.slice(keys)))
      })
  }
})

/** Whether the server may take the subscription later: a user that may not subscribe is refused again. */
const mayPass = (error: SubscriptionFailure): boolean => !isFatal(error) && !isRedisError(error, "NOPERM")

const subscribe = (client: RedisClient) => (channel: string) =>
  Effect.gen(function*() {
    const queue = yield* Effect.acquireRelease(
      Queue.bounded<Service.RedisMessage, Service.RedisError>(ahead),
      Queue.shutdown
    )
    const begun = yield* Deferred.make<void>()
    let isConfirmed = false
    let failures = 0
    const once = Effect.scoped(Effect.flatMap(client.subscribed(channel), (messages) => {
      isConfirmed = true
      failures = 0
      return Effect.andThen(
        Deferred.succeed(begun, undefined),
        Stream.runForEach(messages, (message) => Queue.offer(queue, message))
      )
    }))
    const listen: Effect.Effect<void, SubscriptionFailure> = Effect.catch(once, (error) =>
      isConfirmed && mayPass(error)
        ? Effect.flatMap(
          Random.next,
          (random) => Effect.delay(listen, Math.min(pause.most, pause.least * 2 ** failures++) + random * pause.jitter)
        )
        : Effect.fail(error))
    yield* known(listen).pipe(
      Effect.catchCause((cause) => Queue.failCause(queue, cause)),
      Effect.ensuring(Deferred.succeed(begun, undefined)),
      Effect.forkScoped
    )
    yield* Deferred.await(begun)
    return queue as Queue.Dequeue<Service.RedisMessage, Service.RedisError>
  })

/**
 * Makes Effect's service of a client. The service lives as long as the client.
 *
 * - Its replies have the shapes of the client's `respVersion`. Code for other clients expects version 2.
 * - `send` and `eval` share connections with all commands of the client. Each blocking command has one for itself.
 *   Commands that change a connection, such as `MULTI` and `SELECT`, are a defect there; `reserve` takes them.
 * - `reserve` leases a whole connection, as `exclusive` does. When all connections are reserved, further calls wait, and
 *   fail after `acquireTimeout`. Give it a second client, so that other commands never wait for those that are reserved.
 * - `subscribe` completes when the server has confirmed the subscription, or when the first attempt has failed, for
 *   instance because there is no server; then the queue fails. Later it subscribes again when its connection is lost;
 *   messages in between are lost. A subscriber that is 1,024 messages behind holds the server back.
 * - Every failure is a `RedisError` of Effect, whose `cause` is the error of the client.
 *
 * @example
 * ```ts
 * import { Redis } from "@socketpool/redis"
 * import * as EffectRedis from "@socketpool/redis/EffectRedis"
 * import { Effect } from "effect"
 *
 * const visits = Effect.gen(function*() {
 *   const service = EffectRedis.of(yield* Redis)
 *   return yield* service.send<number>("INCR", "visits")
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const of = (client: RedisClient, reserved: RedisClient = client): Service.Redis["Service"] => ({
  ...commandsOf(client),
  reserve: Effect.map(known(reserved.exclusive), commandsOf) as Effect.Effect<
    Service.Connection,
    Service.RedisError,
    Scope.Scope
  >,
  subscribe: subscribe(client)
})

/**
 * Provides Effect's service on the client of a tag: `Redis`, or one of `Redis.Service`. Use it where a program has the
 * client already, and both should share its connections.
 *
 * @example
 * ```ts
 * import { Redis } from "@socketpool/redis"
 * import * as EffectRedis from "@socketpool/redis/EffectRedis"
 * import { Config, Layer } from "effect"
 *
 * const RedisLive = Redis.layerConfig({ url: Config.Redacted("REDIS_URL") })
 *
 * const ServicesLive = Layer.provideMerge(EffectRedis.layerOf(Redis), RedisLive)
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerOf = <I>(tag: Context.Key<I, RedisClient>): Layer.Layer<Service.Redis, never, I> =>
  Layer.effect(Service.Redis, Effect.map(tag, (client) => of(client)))

class Shared extends Redis.Service<Shared>()("@socketpool/redis/EffectRedis/Shared") {}
class Reserved extends Redis.Service<Reserved>()("@socketpool/redis/EffectRedis/Reserved") {}

/**
 * The options of `layer`: those of `Redis.make`, and the number of connections that can be reserved.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options extends ClientOptions {
  /** Sets the version of Redis' protocol. Default: 2, as what is written for other clients expects it. */
  readonly respVersion?: 2 | 3

  /**
   * Limits the connections that are reserved at once, besides the `maxConnections` that all commands share. Further calls
   * of `reserve` wait, and fail after `acquireTimeout`. At least 1. Default: 10.
   */
  readonly maxReserved?: number
}

/**
 * Provides Effect's service on clients of its own, which close with the layer: one for `reserve`, and one for the rest.
 *
 * It opens nothing until the first command, unless `minConnections` is set. Building it never fails, unless `failFast` is
 * set. A wrong option is a defect.
 *
 * @example
 * ```ts
 * import * as EffectRedis from "@socketpool/redis/EffectRedis"
 * import { Layer } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 *
 * const QueuesLive = PersistedQueue.layer.pipe(
 *   Layer.provide(PersistedQueue.layerStoreRedis()),
 *   Layer.provide(EffectRedis.layer({ host: "cache.internal" }))
 * )
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <F extends boolean = false>(
  options: Options & PoolLayer.Options<F> = {} as Options & PoolLayer.Options<F>
): Layer.Layer<Service.Redis, FailFast<F>> =>
  Layer.unwrap(Effect.sync(() => {
    const { maxReserved = 10, respVersion = 2, ...others } = options
    const maxConnections = argument("EffectRedis.layer", "maxReserved", rules.count(1), maxReserved)
    const shared = { ...others, respVersion }
    const reserved = { ...shared, maxConnections, minConnections: 0, initialConnections: 0, failFast: false }
    return Layer.effect(
      Service.Redis,
      Effect.flatMap(Shared, (client) => Effect.map(Reserved, (reserved) => of(client, reserved)))
    ).pipe(
      Layer.provide(Shared.layer(shared as typeof shared & PoolLayer.Options<F>)),
      Layer.provide(Reserved.layer(reserved))
    ) as Layer.Layer<Service.Redis, FailFast<F>>
  }))
