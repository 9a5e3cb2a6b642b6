/** Makes a client from its settings. */
import * as Client from "@socketpool/core/Client"
import type * as Endpoints from "@socketpool/core/Endpoints"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RedisClient, RedisEndpoints } from "../RedisClient.js"
import { type RawClient, SharedCommander } from "./client.js"
import { endpointsCommander, type RawEndpoints } from "./endpoints.js"
import { handshake, isFatal } from "./handshake.js"
import { ErrorReply, type Message } from "./message.js"
import type { EndpointsSettings, Settings } from "./options.js"
import { protocol } from "./protocol.js"
import { errorOf, text } from "./replies.js"
import { type Request, request } from "./request.js"
import type { RawSession } from "./session.js"
import { subscriptions } from "./subscription.js"

const ping = request("Redis", "PING", [])
const role = request("Redis", "ROLE", [])

/** One request has one reply. */
const asking = (session: RawSession) => (asked: Request) =>
  session.request(asked) as Effect.Effect<Message, Effect.Effect.Error<ReturnType<RawSession["request"]>>>

/** The common part of every client of Redis. */
const common = (
  { attributes, client: options, login, maxReplyBytes }: Omit<Settings, "address" | "name" | "open">
) => ({
  ...options as object,
  attributes: { ...attributes, "db.system.name": "redis", ...options.attributes },
  protocol: protocol(maxReplyBytes),
  handshake: (session: RawSession) => handshake(asking(session), login),
  validate: (session: RawSession) => Effect.map(asking(session)(ping), (reply) => !(reply instanceof ErrorReply)),
  isFatal
})

export const made = (settings: Settings): Effect.Effect<RedisClient, never, Scope.Scope> => {
  const { attributes, client: options, login, name, open } = settings
  const server = { attributes, database: login.database, stallTimeout: options.stallTimeout }
  const { connectTimeout } = options
  const subscribed = subscriptions({ ...settings, connectTimeout })
  return Effect.map(
    Client.make({ ...common(settings), name, open }),
    (client) => new SharedCommander(server, client as RawClient, subscribed)
  )
}

/** Asks a server for its role: tier 0 is the primary. */
const roleOf = (session: RawSession): Effect.Effect<{ readonly tier: number }, unknown> =>
  Effect.flatMap(asking(session)(role), (reply) => {
    if (reply instanceof ErrorReply) return Effect.fail(errorOf(reply, "ROLE"))
    return Effect.sync(() => ({ tier: Array.isArray(reply) && text(reply[0], "ROLE") === "master" ? 0 : 1 }))
  })

export const madeOfEndpoints = (settings: EndpointsSettings): Effect.Effect<RedisEndpoints, never, Scope.Scope> => {
  const { client: { endpoints }, open, roles } = settings as EndpointsSettings & {
    readonly client: { readonly endpoints: Endpoints.Endpoints<unknown> }
  }
  const client = Client.endpoints({
    ...common(settings),
    endpoints,
    open,
    ...(roles ? { probe: roleOf } : {})
  }) as Effect.Effect<RawEndpoints, never, Scope.Scope>
  return Effect.map(client, (client) => endpointsCommander(client, settings))
}
