/** Subscriptions: each has a connection of its own, which reads as fast as its program does. */
import type { Connection } from "@socketpool/core/Connection"
import { ConnectError, ConnectionError } from "@socketpool/core/ConnectionError"
import * as Framing from "@socketpool/core/Framing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RedisMessage } from "../RedisClient.js"
import type { Subscribe } from "./client.js"
import { handshake, type Login } from "./handshake.js"
import { ErrorReply, type Message, PushReply } from "./message.js"
import { framing } from "./protocol.js"
import { errorOf, text } from "./replies.js"
import { request } from "./request.js"

interface Source {
  readonly open: Effect.Effect<Connection, ConnectError, Scope.Scope>
  readonly login: Login
  readonly maxReplyBytes: number
  /** The peer in errors. */
  readonly address: string
  /** In milliseconds. */
  readonly connectTimeout: number
}

/** The items of a push, which is an array in version 2. */
const itemsOf = (message: Message): ReadonlyArray<Message> =>
  message instanceof PushReply ? message.items : Array.isArray(message) ? message : []

/** Returns a message of a channel, `"Confirmed"` for one channel of a request, `undefined` for anything else. */
const heardIn = (message: Message): RedisMessage | "Confirmed" | undefined => {
  const [kind, ...items] = itemsOf(message)
  if (kind === undefined) return undefined
  const words = () => items.map((item) => text(item, "SUBSCRIBE"))
  switch (text(kind, "SUBSCRIBE")) {
    case "message": {
      const [channel, message] = words()
      return { channel: channel!, message: message! }
    }
    case "pmessage": {
      const [pattern, channel, message] = words()
      return { channel: channel!, message: message!, pattern: pattern! }
    }
    case "subscribe":
    case "psubscribe":
      return "Confirmed"
    default:
      return undefined
  }
}

export const subscriptions = (source: Source): Subscribe => (name, channels) => {
  const { address, connectTimeout, login, maxReplyBytes } = source
  const ended = new ConnectionError({ reason: "EndOfStream", operation: "read", address })

  const heard = (message: Message) =>
    message instanceof ErrorReply ? Effect.fail(errorOf(message, name)) : Effect.sync(() => heardIn(message))

  /** Closes the connection with the scope, and at once if it does not come to a subscription. */
  const orClosed = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const exit = yield* Effect.exit(restore(Effect.provideService(effect, Scope.Scope, scope)))
        if (Exit.isFailure(exit)) yield* Scope.close(scope, exit)
        else yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
        return yield* exit
      })
    )

  const subscribed = Effect.gen(function*() {
    const framed = Framing.over(yield* source.open, framing(maxReplyBytes))
    yield* handshake((asked) => Effect.andThen(framed.send(asked), framed.recv), login)
    yield* framed.send(request(`redis.${name.toLowerCase()}`, name, channels))
    // The server confirms one channel after the other, and sends what the first ones get meanwhile.
    const early: Array<RedisMessage> = []
    for (let missing = channels.length; missing > 0;) {
      const message = yield* Effect.flatMap(framed.recv, heard)
      if (message === "Confirmed") missing--
      else if (message !== undefined) early.push(message)
    }
    return { early, framed }
  }).pipe(
    Effect.timeoutOption(connectTimeout),
    Effect.flatMap(Option.match({
      onNone: () => Effect.fail(new ConnectError({ reason: "HandshakeTimeout", address, attempts: [] })),
      onSome: Effect.succeed
    })),
    orClosed
  )

  return Effect.map(subscribed, ({ early, framed }) =>
    Stream.fromIterable(early).pipe(
      Stream.concat(Stream.mapEffect(framed.stream, heard)),
      Stream.filter((message) => message !== undefined && message !== "Confirmed"),
      Stream.concat(Stream.fail(ended))
    )) as ReturnType<Subscribe>
}
