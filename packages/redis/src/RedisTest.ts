/**
 * A Redis in memory for tests, without sockets, ports and real time. It needs `@socketpool/testing`.
 *
 * The client is the real one. Only the server differs: a function answers each command.
 *
 * @since 3.0.0
 */
import { argument, rules } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import * as Framing from "@socketpool/core/Framing"
import * as MemoryServer from "@socketpool/testing/MemoryServer"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import { ReplyDecoder } from "./internal/decoder.js"
import { recover, scopedLayer } from "./internal/effect.js"
import { encodePush, encodeReply, encodeReply2 } from "./internal/encoder.js"
import { made } from "./internal/making.js"
import type { Message } from "./internal/message.js"
import { resolve } from "./internal/options.js"
import { text } from "./internal/replies.js"
import { type Options, Redis } from "./Redis.js"
import type { BytesReply, RedisClient } from "./RedisClient.js"
import type { RedisError } from "./RedisError.js"

/**
 * A command, as the server gets it.
 *
 * @since 3.0.0
 * @category models
 */
export interface TestCommand {
  /** In capital letters. */
  readonly name: string
  readonly args: ReadonlyArray<string>
}

/**
 * Answers a command. To answer with an error, fail with a `RedisError`.
 *
 * @since 3.0.0
 * @category models
 */
export type Handler<R = never> = (command: TestCommand) => Effect.Effect<BytesReply, RedisError, R>

const framing: Framing.Framing<Uint8Array, Message> = {
  decoder: () => new ReplyDecoder(67_108_864),
  encode: (bytes) => bytes
}

const commandOf = (message: Message): TestCommand => {
  const [name, ...args] = (message as ReadonlyArray<Message>).map((part) => text(part, "a test"))
  return { name: name!.toUpperCase(), args }
}

/** The commands that a server knows by itself: they change a connection. */
const own: ReadonlySet<string> = new Set(["HELLO", "AUTH", "SELECT", "WATCH", "UNWATCH", "DISCARD", "CLIENT"])

/** The server's end of one connection. */
class Peer {
  private queued: Array<TestCommand> | undefined = undefined
  private isVersion3 = false
  readonly channels = new Set<string>()
  readonly framed: Framing.Framed<Uint8Array, Message>

  constructor(
    connection: Connection,
    private readonly handler: Handler<any>,
    private readonly peers: ReadonlySet<Peer>
  ) {
    this.framed = Framing.over(connection, framing)
  }

  get serve(): Effect.Effect<never, unknown, any> {
    return Effect.forever(
      Effect.flatMap(
        this.framed.recv,
        (message) => Effect.flatMap(this.answer(commandOf(message)), (answer) => this.framed.send(answer))
      )
    )
  }

  private readonly encode = (reply: BytesReply): Uint8Array =>
    this.isVersion3 ? encodeReply(reply) : encodeReply2(reply)

  private encodePush(words: ReadonlyArray<BytesReply>): Uint8Array {
    return this.isVersion3 ? encodePush(words) : encodeReply2(words)
  }

  private answer(command: TestCommand): Effect.Effect<Uint8Array, never, any> {
    const { args, name } = command
    if (name === "MULTI" || (own.has(name) && this.queued === undefined) || name === "DISCARD") {
      this.queued = name === "MULTI" ? [] : undefined
      if (name === "HELLO") this.isVersion3 = args[0] === "3"
      return Effect.succeed(this.encode(name === "HELLO" ? new Map([["proto", this.isVersion3 ? 3 : 2]]) : "OK"))
    }
    if (name === "SUBSCRIBE" || name === "PSUBSCRIBE") {
      const done = args.map((channel) => {
        this.channels.add(channel)
        return this.encodePush([name.toLowerCase(), channel, this.channels.size])
      })
      return Effect.succeed(Buffer.concat(done))
    }
    if (name === "EXEC") {
      const commands = this.queued ?? []
      this.queued = undefined
      return Effect.map(Effect.forEach(commands, (one) => this.reply(one)), this.encode)
    }
    if (this.queued === undefined) return Effect.map(this.reply(command), this.encode)
    this.queued.push(command)
    return Effect.succeed(this.encode("QUEUED"))
  }

  private reply(command: TestCommand): Effect.Effect<BytesReply, never, any> {
    if (command.name === "PING") return Effect.succeed("PONG")
    return command.name === "PUBLISH"
      ? this.publish(command.args[0]!, command.args[1]!)
      : recover(this.handler(command), Effect.succeed)
  }

  private publish(channel: string, message: string): Effect.Effect<number> {
    const subscribers = [...this.peers].filter((peer) => peer.channels.has(channel))
    const words = ["message", channel, message]
    return Effect.as(
      Effect.forEach(subscribers, (peer) => Effect.ignore(peer.framed.send(peer.encodePush(words)))),
      subscribers.length
    )
  }
}

/**
 * Makes a client whose server is a function. It closes with the scope. The options are those of `Redis.make`; what they
 * say of the server's place is not used.
 *
 * The server itself answers what changes a connection, `PING`, and `MULTI` with `EXEC`, for which it calls the function
 * once for each command. Channels work; patterns get no messages. A key that is watched never conflicts.
 *
 * @example
 * ```ts
 * import { RedisError } from "@socketpool/redis"
 * import * as RedisTest from "@socketpool/redis/RedisTest"
 * import { Effect } from "effect"
 *
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const redis = yield* RedisTest.make(({ args, name }) =>
 *     name === "GET"
 *       ? Effect.succeed(`value of ${args[0]}`)
 *       : Effect.fail(new RedisError({ code: "ERR", command: name, detail: "no such command" }))
 *   )
 *   return yield* redis.get("a") // "value of a"
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <R = never>(
  handler: Handler<R>,
  options: Options = {}
): Effect.Effect<RedisClient, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    argument("RedisTest.make", "handler", rules.callback, handler)
    const settings = resolve("RedisTest.make", options)
    const peers = new Set<Peer>()
    const server = yield* MemoryServer.make<R>((connection) => {
      const peer = new Peer(connection, handler, peers)
      peers.add(peer)
      return Effect.ensuring(peer.serve, Effect.sync(() => peers.delete(peer)))
    })
    return yield* made({ ...settings, open: server.connect() })
  })

/**
 * Provides a client whose server is a function as the `Redis` service, in place of `Redis.layer`.
 *
 * @example
 * ```ts
 * import { Redis } from "@socketpool/redis"
 * import * as RedisTest from "@socketpool/redis/RedisTest"
 * import { Effect } from "effect"
 *
 * const greeting = Effect.flatMap(Redis, (redis) => redis.get("greeting"))
 *
 * const test = Effect.provide(greeting, RedisTest.layer(() => Effect.succeed("hello")))
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layer = <R = never>(
  handler: Handler<R>,
  options?: Options
): Layer.Layer<Redis, never, Exclude<R, Scope.Scope>> => layerOf(Redis, handler, options)

/**
 * Does what `layer` does for a tag of `Redis.Service`.
 *
 * @example
 * ```ts
 * import { Redis } from "@socketpool/redis"
 * import * as RedisTest from "@socketpool/redis/RedisTest"
 * import { Effect } from "effect"
 *
 * class Sessions extends Redis.Service<Sessions>()("app/Sessions") {}
 *
 * const SessionsTest = RedisTest.layerOf(Sessions, () => Effect.succeed(null))
 * ```
 *
 * @since 3.0.0
 * @category layers
 */
export const layerOf = <I, R = never>(
  tag: Context.Tag<I, RedisClient>,
  handler: Handler<R>,
  options?: Options
): Layer.Layer<I, never, Exclude<R, Scope.Scope>> => scopedLayer(tag, make(handler, options))
