/**
 * Clients of protocols: a pool of connections that many requests share.
 *
 * @since 3.0.0
 */
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { callback, count, effect, oneOf, optional, orElse } from "./checks/rules.js"
import type { Rows } from "./checks/table.js"
import type { Connection } from "./Connection.js"
import type { ConnectionError } from "./ConnectionError.js"
import type { ConnectionPool } from "./ConnectionPool.js"
import type { CompleteEndpoint } from "./Endpoint.js"
import type { EndpointOptions, EndpointStatus } from "./EndpointPoolModel.js"
import type { FramingError } from "./Framing.js"
import { tag as tagOf } from "./internal/effect/tag.js"
import { endpointOptions, intervalNeedsProbe, make as makeEndpointPool } from "./internal/endpointPool/make.js"
import {
  burden,
  countsSessions,
  hasServed,
  type Internal,
  isWhole,
  poolOptions,
  serviceId,
  whenEnded
} from "./internal/options.js"
import { ClientImpl, EndpointClientImpl } from "./internal/protocol/clientImpl.js"
import { Figures } from "./internal/protocol/figures.js"
import { makeSession } from "./internal/protocol/making.js"
import { protocolRule, sessionOptions } from "./internal/protocol/options.js"
import type { SessionImpl } from "./internal/protocol/sessionImpl.js"
import type { TagClass } from "./Interop.js"
import { Pool } from "./Pool.js"
import type { BorrowError, ConnectTimeoutError, NoEndpointError } from "./PoolError.js"
import * as PoolLayer from "./PoolLayer.js"
import type { PoolOptions } from "./PoolOptions.js"
import type { SessionStats } from "./PoolStats.js"
import type { Protocol } from "./Protocol.js"
import type { RequestOptions, Session, SessionOptions } from "./Session.js"

// --- Models ---------------------------------------------------------------------------------------------------------

/**
 * A pool of sessions: each connection serves many requests at once.
 *
 * @since 3.0.0
 * @category models
 */
export interface Client<in Request, out Response, out Push = never, out E = never> {
  /**
   * Sends a request on the connection with the fewest in flight, and waits for the response. Requests that were given up
   * count until their responses have come, so it avoids a connection whose peer hangs. Opens another connection if all
   * have `maxInFlight` in flight and the pool may. Otherwise it waits in the queue of the pool.
   *
   * An interrupt ends the wait at once and costs no connection. An error that the peer answers with is a response.
   *
   * Fails with:
   * - `FramingError` if the request cannot be sent. Nothing was sent.
   * - `ConnectionError` if the connection fails before the response has come. `sent` says whether the request may have
   *   reached the peer. A request that was not sent is tried again first, as `retryUnsent` says.
   * - `PoolExhaustedError`, `PoolClosedError`, `ConnectTimeoutError` or the connector's own error, as `Pool.get` does.
   */
  request(
    request: Request,
    options?: RequestOptions
  ): Effect.Effect<Response, E | BorrowError | ConnectionError | FramingError>

  /**
   * Sends a request as `request` does, and continues with what `read` makes of the response. It does the same as
   * `Effect.flatMap` and spares a step of the fiber. Use it in a client of a protocol that reads every response, where a
   * twentieth of the time counts. `read` runs once the connection is free for others. If it throws, the effect dies.
   */
  requestWith<A, E2, R>(
    request: Request,
    read: (response: Response) => Effect.Effect<A, E2, R>,
    options?: RequestOptions
  ): Effect.Effect<A, E | E2 | BorrowError | ConnectionError | FramingError, R>

  /** Sends a request that nothing answers. Completes when a connection has accepted it. Fails as `request` does. */
  tell(request: Request): Effect.Effect<void, E | BorrowError | ConnectionError | FramingError>

  /**
   * Leases a whole connection until the scope closes: no other request is sent on it. Use it for what the connection
   * remembers, such as a transaction, and for requests that hold up those behind them, such as a blocking command. See
   * `ConnectionPool.exclusive`.
   *
   * The peer must be as it was when the scope closes. Run `discard` of the session if it cannot be made so. After an
   * interruption or a defect the connection closes.
   */
  readonly exclusive: Effect.Effect<Session<Request, Response, Push>, E | BorrowError, Scope.Scope>

  /** Leases a whole connection while one effect runs: `exclusive` without a `Scope`. */
  withExclusive<A, E2, R>(
    f: (session: Session<Request, Response, Push>) => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E | E2 | BorrowError, R>

  /** The pool of the sessions: for `stats`, `events`, `clear`, `resize` and the like. */
  readonly pool: ConnectionPool<Session<Request, Response, Push>, E>

  /** The counts and times of all sessions since the client was made. */
  readonly stats: Effect.Effect<ClientStats>
}

/**
 * The counts and times of a client's sessions, as in the `stats` of its pool.
 *
 * @since 3.0.0
 * @category models
 */
export type ClientStats = SessionStats

/**
 * A client of several servers that do the same. Each request goes to the server with the least to do, as
 * `EndpointPool` tells. One that was not sent, because its connection had failed before, is tried again at another.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointClient<in Request, out Response, out Push = never, out E = never>
  extends Client<Request, Response, Push, E | NoEndpointError>
{
  /** The endpoints of the newest set, in its order, and then those that drain. */
  readonly endpoints: Effect.Effect<ReadonlyArray<EndpointStatus>>

  /**
   * The part of the client that is one endpoint. Fails with `NoEndpointError` as `EndpointPool.at` does. Its `stats` are
   * those of the whole client.
   */
  at(id: string): Effect.Effect<Client<Request, Response, Push, E | NoEndpointError>, NoEndpointError>

  /**
   * The part of the client that is one tier: 0 for the primary, for example, if `probe` tells the roles. Its `stats` are
   * those of the whole client.
   */
  tier(tier: number): Client<Request, Response, Push, E | NoEndpointError>
}

type SessionOf<P> = P extends Protocol<infer Request, infer Response, infer Push> ? Session<Request, Response, Push>
  : never

/**
 * The client of a protocol.
 *
 * @since 3.0.0
 * @category models
 */
export type ClientOf<P, E = never> = P extends Protocol<infer Request, infer Response, infer Push>
  ? Client<Request, Response, Push, E>
  : never

type OwnPoolOptions<C, E, R> = Omit<
  PoolOptions<C, E, R>,
  "open" | "concurrency" | "lease" | "onRelease" | "isConnected" | "closed" | "validate" | "farewell" | "retry"
>

/**
 * The options of a client: those of a pool, those of its sessions, and the protocol.
 *
 * @since 3.0.0
 * @category models
 */
export interface Options<
  P extends Protocol<any, any, any>,
  E = never,
  R = never,
  E2 = never,
  R2 = never,
  RValidate = never,
  RFarewell = never
> extends OwnPoolOptions<SessionOf<P>, E | E2, R>, SessionOptions<Request<P>, Response<P>, Push<P>> {
  /** Sets the protocol that the connections speak. */
  readonly protocol: P

  /** Opens a connection, such as `TcpConnection.open(…)`. It closes with the scope. */
  readonly open: Effect.Effect<Connection, E, R | Scope.Scope>

  /**
   * Makes a new session ready before it serves anybody: login, choice of a database. Its failure is one of `open`, and
   * it counts against `connectTimeout`.
   */
  readonly handshake?: (session: SessionOf<P>) => Effect.Effect<unknown, E2, R2>

  /** Asks a session that has been idle whether it still works, as in `PoolOptions`. */
  readonly validate?: (session: SessionOf<P>) => Effect.Effect<boolean, unknown, RValidate>

  /** Says goodbye on a session that is in order before it closes, as in `PoolOptions`. */
  readonly farewell?: (session: SessionOf<P>) => Effect.Effect<unknown, unknown, RFarewell>

  /**
   * Sets how often a request is tried again that was certainly not sent, because its connection had failed before.
   * A request that may have reached the peer is never repeated. Default: 1.
   */
  readonly retryUnsent?: number
}

/**
 * The options of a client of several servers: those of a client, and those of the endpoints.
 *
 * @since 3.0.0
 * @category models
 */
export interface EndpointsOptions<
  P extends Protocol<any, any, any>,
  E = never,
  R = never,
  E2 = never,
  R2 = never,
  RValidate = never,
  RFarewell = never,
  RProbe = never
> extends
  Omit<Options<P, E, R, E2, R2, RValidate, RFarewell>, "open" | "handshake" | "maxConnections">,
  EndpointOptions<SessionOf<P>, RProbe>
{
  /** Opens a connection to an endpoint, as `open` of `Options` does. Connect to the endpoint's `host` and `port`. */
  readonly open: (endpoint: CompleteEndpoint) => Effect.Effect<Connection, E, R | Scope.Scope>

  /** Makes a new session ready, as `handshake` of `Options` does. */
  readonly handshake?: (session: SessionOf<P>, endpoint: CompleteEndpoint) => Effect.Effect<unknown, E2, R2>
}

/**
 * The checks of the options of `make`, for the client of one protocol: leave out those that it sets itself with
 * `without`, add its own with `with`, and read all of them at once.
 *
 * @example
 * ```ts
 * import { Checks, Client } from "@socketpool/core"
 *
 * const redisOptions = Client.options
 *   .without("protocol", "open", "handshake")
 *   .with({ database: Checks.rules.orElse(Checks.rules.count(0), 0) })
 *
 * const { database } = redisOptions.read("Redis.make", { maxConnections: 4 }) // 0
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const options = poolOptions
  .without("concurrency", "lease", "onRelease", "isConnected", "closed", "retry")
  .with(
    {
      ...sessionOptions.rules,
      open: effect,
      protocol: protocolRule,
      handshake: optional(callback),
      retryUnsent: orElse(count(0), 1),
      order: orElse(oneOf("lifo", "fifo", "fewest"), "fewest")
    } satisfies Partial<Rows<Options<any>>>
  )

/** The same, where a parameter has the name. */
const allOptions = options

/**
 * The checks of the options of `endpoints`, as `options` are those of `make`.
 *
 * @example
 * ```ts
 * import { Client } from "@socketpool/core"
 *
 * const cacheOptions = Client.endpointsOptions.without("protocol", "open", "handshake", "probe")
 * ```
 *
 * @since 3.0.0
 * @category advanced
 */
export const endpointsOptions = options.with({ ...endpointOptions, open: callback }, intervalNeedsProbe)

type Request<P> = P extends Protocol<infer A, any, any> ? A : never
type Response<P> = P extends Protocol<any, infer A, any> ? A : never
type Push<P> = P extends Protocol<any, any, infer A> ? A : never

type Services<R> = Exclude<R, Scope.Scope>

/**
 * Makes a client that closes with the scope. It opens connections as a pool does: none until it is asked to.
 *
 * A wrong option is a defect (`RangeError`) that names the option, the value and the rule.
 *
 * @example
 * ```ts
 * import { Client, type Connection, type ConnectError, Framing, Protocol } from "@socketpool/core"
 * import { Effect, type Scope } from "effect"
 *
 * declare const open: Effect.Effect<Connection, ConnectError, Scope.Scope>
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.make({
 *     protocol: Protocol.inOrder({ framing: Framing.strings(Framing.lines()) }),
 *     open,
 *     maxConnections: 4
 *   })
 *   return yield* client.request("PING", { timeout: "1 second" })
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <
  P extends Protocol<any, any, any>,
  E = never,
  R = never,
  E2 = never,
  R2 = never,
  RValidate = never,
  RFarewell = never
>(
  options: Options<P, E, R, E2, R2, RValidate, RFarewell>
): Effect.Effect<
  Client<Request<P>, Response<P>, Push<P>, E | E2>,
  never,
  Services<R | R2 | RValidate | RFarewell> | Scope.Scope
> =>
  Effect.suspend(() => {
    const checked = allOptions.read("Client.make", options)
    const { handshake, maxAbandoned, maxInFlight, onPush, open, protocol, retryUnsent, stallTimeout, ...pool } = checked
    const figures = new Figures()
    const limits = { maxInFlight, maxAbandoned, stallTimeout }
    const made = Pool.make<AnySession, E | E2, any>({
      ...(pool as OwnPoolOptions<AnySession, E | E2, any>),
      ...ofSessions(figures, maxInFlight),
      open: Effect.flatMap(open, (connection: Connection) =>
        Effect.tap(
          makeSession(protocol, connection, limits, onPush, figures),
          (session) => handshake === undefined ? Effect.void : handshake(session)
        ))
    })
    return Effect.map(made, (pool) => new ClientImpl<any, any, any, any>(pool, figures, retryUnsent))
  })

/** The options that every pool of sessions has in common. */
const ofSessions = (
  figures: Figures,
  concurrency: number
): Internal<AnySession> & Pick<PoolOptions<AnySession, any, any>, "concurrency" | "isConnected"> => ({
  [countsSessions]: figures,
  [burden]: (session) => session.core.abandoned,
  [isWhole]: (session) => session.core.isLendable,
  [hasServed]: (session) => session.core.hasServed,
  [whenEnded]: (session, ended) => session.core.onEnd((reason) => ended(isDisconnect(reason) ? reason : "Desync")),
  concurrency,
  isConnected: (session) => session.isConnected
})

/**
 * Makes a client of several servers that do the same. It closes with the scope, and opens connections as `EndpointPool`
 * does.
 *
 * Use it where any of several servers can serve a request, or with `probe` where one of them is the primary. A wrong
 * option is a defect (`RangeError`) that names the option, the value and the rule.
 *
 * @example
 * ```ts
 * import { Client, type Connection, type ConnectError, Endpoints, Framing, Protocol } from "@socketpool/core"
 * import { Effect, type Scope } from "effect"
 *
 * declare const open: (address: {
 *   readonly host: string
 *   readonly port: number
 * }) => Effect.Effect<Connection, ConnectError, Scope.Scope>
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Client.endpoints({
 *     protocol: Protocol.inOrder({ framing: Framing.strings(Framing.lines()) }),
 *     endpoints: Endpoints.of({ host: "10.0.0.1", port: 7000 }, { host: "10.0.0.2", port: 7000 }),
 *     open,
 *     probe: (session) => Effect.map(session.request("ROLE"), (role) => ({ tier: role === "primary" ? 0 : 1 })),
 *     maxConnections: 8
 *   })
 *   yield* client.tier(0).request("WRITE")
 *   return yield* client.request("PING", { timeout: "1 second" })
 * })
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const endpoints = <
  P extends Protocol<any, any, any>,
  E = never,
  R = never,
  E2 = never,
  R2 = never,
  RValidate = never,
  RFarewell = never,
  RProbe = never
>(
  options: EndpointsOptions<P, E, R, E2, R2, RValidate, RFarewell, RProbe>
): Effect.Effect<
  EndpointClient<Request<P>, Response<P>, Push<P>, E | E2>,
  never,
  Services<R | R2 | RValidate | RFarewell | RProbe> | Scope.Scope
> =>
  Effect.suspend(() => {
    const checked = endpointsOptions.read("Client.endpoints", options)
    const { handshake, maxAbandoned, maxInFlight, onPush, open, protocol, retryUnsent, stallTimeout, ...pool } = checked
    const figures = new Figures()
    const limits = { maxInFlight, maxAbandoned, stallTimeout }
    const sessions = ofSessions(figures, maxInFlight)
    const made = makeEndpointPool<AnySession, E | E2, any>(
      {
        ...pool as Omit<EndpointsOptions<any, E | E2, any>, "open" | "handshake" | "protocol">,
        open: (endpoint) =>
          Effect.flatMap(open(endpoint) as Effect.Effect<Connection, E, any>, (connection) =>
            Effect.tap(
              makeSession(protocol, connection, limits, onPush, figures),
              (session) => handshake === undefined ? Effect.void : handshake(session, endpoint)
            ) as Effect.Effect<AnySession, E2, any>),
        concurrency: maxInFlight
      },
      (own) => Pool.make<AnySession, E | E2, any>({ ...own as PoolOptions<AnySession, E | E2, any>, ...sessions })
    )
    return Effect.map(made, (pool) => new EndpointClientImpl<any, any, any, any>(pool, figures, retryUnsent))
  })

type AnySession = SessionImpl<any, any, any>

/** Whether a session ended because the peer, or this side, closed its connection. */
const isDisconnect = (reason: ConnectionError["reason"]): boolean =>
  reason === "EndOfStream" || reason === "Reset" || reason === "Released"

// --- Services -------------------------------------------------------------------------------------------------------

/**
 * A tag whose service is a client, with accessors.
 *
 * @since 3.0.0
 * @category models
 */
export interface ServiceClass<Self, Id extends string, P extends Protocol<any, any, any>, E>
  extends TagClass<Self, Id, Client<Request<P>, Response<P>, Push<P>, E>>
{
  readonly request: (
    request: Request<P>,
    options?: RequestOptions
  ) => Effect.Effect<Response<P>, E | BorrowError | ConnectionError | FramingError, Self>
  readonly requestWith: <A, E2, R>(
    request: Request<P>,
    read: (response: Response<P>) => Effect.Effect<A, E2, R>,
    options?: RequestOptions
  ) => Effect.Effect<A, E | E2 | BorrowError | ConnectionError | FramingError, R | Self>
  readonly tell: (
    request: Request<P>
  ) => Effect.Effect<void, E | BorrowError | ConnectionError | FramingError, Self>
  readonly exclusive: Effect.Effect<SessionOf<P>, E | BorrowError, Self | Scope.Scope>
  readonly withExclusive: <A, E2, R>(
    f: (session: SessionOf<P>) => Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | BorrowError, R | Self>
  readonly stats: Effect.Effect<ClientStats, never, Self>

  /**
   * Makes the client as a layer; it closes with the layer. A wrong option is a defect. Building it never fails, unless
   * `failFast` is set.
   */
  readonly layer: <R = never, R2 = never, RValidate = never, RFarewell = never, F extends boolean = false>(
    options: Options<P, E, R, E, R2, RValidate, RFarewell> & PoolLayer.Options<F>
  ) => Layer.Layer<
    Self,
    PoolLayer.FailFast<F, E | ConnectTimeoutError>,
    Services<R | R2 | RValidate | RFarewell>
  >

  /** Makes the client as a layer, with options that come from a configuration. */
  readonly layerConfig: <R = never, R2 = never, RValidate = never, RFarewell = never, F extends boolean = false>(
    config: Config.Config<Options<P, E, R, E, R2, RValidate, RFarewell>>,
    options?: PoolLayer.Options<F>
  ) => Layer.Layer<
    Self,
    ConfigError.ConfigError | PoolLayer.FailFast<F, E | ConnectTimeoutError>,
    Services<R | R2 | RValidate | RFarewell>
  >
}

/**
 * Makes a tag for a client, so that one program can have several.
 *
 * @example
 * ```ts
 * import { Client, type Connection, type ConnectError, Framing, Protocol } from "@socketpool/core"
 * import { Effect, type Scope } from "effect"
 *
 * const lines = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })
 *
 * class Cache extends Client.Service<Cache, typeof lines, ConnectError>()("app/Cache") {}
 *
 * const program = (open: Effect.Effect<Connection, ConnectError, Scope.Scope>) =>
 *   Effect.provide(Cache.request("PING"), Cache.layer({ protocol: lines, open }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const Service =
  <Self, P extends Protocol<any, any, any>, E = never>() =>
  <const Id extends string>(id: Id): ServiceClass<Self, Id, P, E> => {
    type Made = Options<P, E, any, E, any, any, any>
    const tag = tagOf<Self, Client<any, any, any, E>>()(serviceId(id))
    const made = make as (options: Made) => Effect.Effect<Client<any, any, any, E>, never, any>
    const accessors = {
      request: (request: any, options?: RequestOptions) =>
        Effect.flatMap(tag, (client) => client.request(request, options)),
      requestWith: (request: any, read: any, options?: RequestOptions) =>
        Effect.flatMap(tag, (client) => client.requestWith(request, read, options)),
      tell: (request: any) => Effect.flatMap(tag, (client) => client.tell(request)),
      exclusive: Effect.flatMap(tag, (client) => client.exclusive),
      withExclusive: (f: any) => Effect.flatMap(tag, (client) => client.withExclusive(f)),
      stats: Effect.flatMap(tag, (client) => client.stats),
      layer: (options: Made) => PoolLayer.clientLayerOf(tag, made, options),
      layerConfig: (config: Config.Config<Made>, options?: PoolLayer.Options<boolean>) =>
        PoolLayer.clientLayerConfigOf(tag, made, config, options)
    }
    return Object.assign(tag, accessors) as unknown as ServiceClass<Self, Id, P, E>
  }
