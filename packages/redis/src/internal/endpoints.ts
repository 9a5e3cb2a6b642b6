/** A client of several servers, as its users see it. */
import type { EndpointClient } from "@socketpool/core/Client"
import { ConnectError, isConnectError } from "@socketpool/core/ConnectionError"
import type { EndpointStatus } from "@socketpool/core/EndpointPool"
import type { NoEndpointError } from "@socketpool/core/PoolError"
import * as Effect from "effect/Effect"
import type { RedisClient, RedisEndpoints } from "../RedisClient.js"
import type { RedisError } from "../RedisError.js"
import { type RawClient, SharedCommander, type Subscribe } from "./client.js"
import type { Answer } from "./commander.js"
import type { Message } from "./message.js"
import type { EndpointsSettings } from "./options.js"
import type { Request } from "./request.js"
import { subscriptions } from "./subscription.js"

export type RawEndpoints = EndpointClient<Request, Answer, ReadonlyArray<Message>, ConnectError | RedisError>

type RawPart = Pick<RawEndpoints, "request" | "requestWith" | "tell" | "exclusive" | "withExclusive" | "pool" | "stats">

/** Makes the lack of an endpoint a `ConnectError`, which every user of a client knows. */
const connecting = (part: RawPart): RawClient => {
  const { pool } = part
  // The work on a lease may use other pools of endpoints.
  const isOwn = (error: unknown): boolean => {
    const { _tag, pool: name } = (error ?? {}) as Partial<NoEndpointError>
    return _tag === "NoEndpointError" && name === pool.name
  }
  const known = <A, E, R>(effect: Effect.Effect<A, E | NoEndpointError, R>): Effect.Effect<A, E | ConnectError, R> =>
    Effect.mapError(effect, (error) => isOwn(error) ? unconnected(pool.name, error) : error as E)
  return {
    request: (request, options) => known(part.request(request, options)),
    requestWith: (request, read, options) => known(part.requestWith(request, read, options)),
    tell: (request) => known(part.tell(request)),
    exclusive: known(part.exclusive),
    withExclusive: (f) => known(part.withExclusive(f)),
    pool: pool as RawClient["pool"],
    stats: part.stats
  }
}

const unconnected = (address: string, cause: unknown): ConnectError =>
  new ConnectError({ reason: "Other", address, attempts: [], cause })

/** Subscribes at the endpoint with the least to do, of those that work if there are any. */
const subscribing = (
  client: RawEndpoints,
  part: Pick<RawEndpoints, "pool">,
  { client: { connectTimeout }, login, maxReplyBytes, open }: EndpointsSettings,
  isOne: (endpoint: EndpointStatus) => boolean
): Subscribe => {
  const { name } = client.pool
  const choose = Effect.map(
    client.endpoints,
    (all) => all.filter((endpoint) => endpoint.state !== "Draining" && isOne(endpoint)).sort(byOrder)[0]
  )
  const ready = Effect.mapError(
    part.pool.awaitReady,
    (error) => isConnectError(error) ? error : unconnected(name, error)
  )
  return subscriptions({
    address: name,
    connectTimeout,
    login,
    maxReplyBytes,
    open: Effect.flatMap(choose, (endpoint) =>
      endpoint !== undefined
        ? open(endpoint)
        : Effect.flatMap(Effect.andThen(ready, choose), (found) =>
          found === undefined
            ? Effect.fail(unconnected(name, new Error("no endpoint is left")))
            : open(found)))
  })
}

const byOrder = (a: EndpointStatus, b: EndpointStatus): number =>
  Number(a.state === "Ejected") - Number(b.state === "Ejected") || a.tier - b.tier || a.load - b.load

export const endpointsCommander = (client: RawEndpoints, settings: EndpointsSettings): RedisEndpoints => {
  const { attributes, client: { stallTimeout }, login } = settings
  const server = { attributes, database: login.database, stallTimeout }
  const part = (of: RawPart, isOne: (endpoint: EndpointStatus) => boolean): SharedCommander =>
    new SharedCommander(server, connecting(of), subscribing(client, of, settings, isOne))

  class EndpointsCommander extends SharedCommander implements RedisEndpoints {
    get endpoints(): Effect.Effect<ReadonlyArray<EndpointStatus>> {
      return client.endpoints
    }

    at(id: string): Effect.Effect<RedisClient, NoEndpointError> {
      return Effect.map(client.at(id), (one) => part(one, (endpoint) => endpoint.id === id))
    }

    tier(tier: number): RedisClient {
      return part(client.tier(tier), (endpoint) => endpoint.tier === tier)
    }
  }
  if (!settings.roles) {
    return new EndpointsCommander(server, connecting(client), subscribing(client, client, settings, () => true))
  }
  // A command that goes to a replica because the primary is away would fail, or read what is old.
  const primary = client.tier(0)
  const { pool } = connecting(client)
  return new EndpointsCommander(
    server,
    { ...connecting(primary), pool },
    subscribing(client, primary, settings, ({ tier }) => tier === 0)
  )
}
