/**
 * Sessions: one connection that speaks a protocol, for many requests at once.
 *
 * @since 3.0.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { having } from "./checks/rules.js"
import { argument } from "./checks/table.js"
import type { Connection } from "./Connection.js"
import type { ConnectionError } from "./ConnectionError.js"
import type { FramingError } from "./Framing.js"
import { makeSession } from "./internal/protocol/making.js"
import { protocolRule, sessionOptions } from "./internal/protocol/options.js"
import type { Protocol } from "./Protocol.js"

/**
 * The options of one request.
 *
 * @since 3.0.0
 * @category models
 */
export interface RequestOptions {
  /**
   * Limits the time until the response has come. Then the request fails with `ConnectionError` reason `Timeout`, and the
   * connection stays: a response that comes later is dropped. More than 0. Default: none; a peer that does not answer at
   * all is found by `stallTimeout`.
   */
  readonly timeout?: Duration.DurationInput
}

/**
 * One connection that speaks a protocol. Any number of fibers may use it at once.
 *
 * An interrupted request, or one that times out, does not cost the connection: its response is dropped when it comes,
 * and the next response goes to the next request.
 *
 * A session ends with its connection, and when it cannot be trusted any more: after bytes that are no message, after a
 * message that nobody had asked for, and as `maxAbandoned` and `stallTimeout` say. Then all requests fail, and so do new
 * ones, at once.
 *
 * @since 3.0.0
 * @category models
 */
export interface Session<in Request, out Response, out Push = never> {
  /**
   * Sends a request and waits for its response. Waits for its turn while `maxInFlight` requests are in flight. An
   * interrupt ends the wait at once.
   *
   * An error that the peer answers with is a response. Turn it into a failure outside: there it costs no connection.
   *
   * Fails with:
   * - `FramingError` if the request cannot be sent. Nothing was sent.
   * - `ConnectionError` if the session ends before the response has come. `sent` says whether the request may have
   *   reached the peer.
   */
  request(request: Request, options?: RequestOptions): Effect.Effect<Response, ConnectionError | FramingError>

  /** Sends a request that nothing answers. Completes when the connection has accepted it. Fails as `request` does. */
  tell(request: Request): Effect.Effect<void, ConnectionError | FramingError>

  /**
   * The messages that answer no request, from the moment of subscription on, until the session ends. Each subscriber
   * gets all of them. At most 1,024 are kept for a slow one, which then loses the oldest; it slows nobody.
   */
  readonly pushes: Stream.Stream<Push>

  /** The number of requests that have been sent and wait for their response. */
  readonly inFlight: number

  /** The number of requests that nobody waits for any more and whose response is still to come. */
  readonly abandoned: number

  /**
   * Says that the peer is in a state that later requests must not meet, such as an open transaction. A client closes the
   * connection once its present requests have ended. A session of `Session.make` is left as it is.
   */
  readonly discard: Effect.Effect<void>

  /** Whether requests can be sent, as far as this side knows. */
  readonly isConnected: boolean

  /** Completes when the session has ended. */
  readonly closed: Effect.Effect<void>
}

/**
 * The options of a session.
 *
 * @since 3.0.0
 * @category models
 */
export interface SessionOptions<Request = never, Response = unknown, Push = unknown> {
  /** Limits the requests that wait for their response at once. Further ones wait, in order. Default: 64. */
  readonly maxInFlight?: number

  /**
   * Limits the requests that nobody waits for any more and whose response is still to come. One more ends the session.
   * Lower it if responses are large. Default: 64.
   */
  readonly maxAbandoned?: number

  /**
   * Ends the session when responses are still to come and no byte has come for this long. Set it above the longest time
   * that the peer may be silent while it works on a request. More than 0; `Duration.infinity` for never. Default: 30
   * seconds.
   */
  readonly stallTimeout?: Duration.DurationInput

  /**
   * Is called with each message that answers no request, as soon as it has come and before `pushes` emits it. It misses
   * none, from the first byte on. Use it for calls of the peer, which must not be lost; `tell` of the session answers
   * them. It runs within the read, so it must be quick; if it throws, the session ends with that defect. Default: none.
   */
  readonly onPush?: (push: Push, session: Session<Request, Response, Push>) => void
}

const connectionRule = having<Connection>("a Connection", "send", "recvFrame")

/**
 * Speaks a protocol over a connection until the scope closes. The connection must be the caller's alone, and is not
 * closed. Use `Client` for a pool of sessions that opens and closes them.
 *
 * @example
 * ```ts
 * import { type Connection, Framing, Protocol, Session } from "@socketpool/core"
 * import { Effect } from "effect"
 *
 * const lines = Protocol.inOrder({ framing: Framing.strings(Framing.lines()) })
 *
 * const both = (connection: Connection) =>
 *   Effect.scoped(Effect.gen(function*() {
 *     const session = yield* Session.make(lines, connection)
 *     return yield* Effect.all([session.request("PING"), session.request("TIME")], { concurrency: "unbounded" })
 *   }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <Request, Response, Push>(
  protocol: Protocol<Request, Response, Push>,
  connection: Connection,
  options: SessionOptions<Request, Response, Push> = {}
): Effect.Effect<Session<Request, Response, Push>, never, Scope.Scope> =>
  Effect.suspend(() => {
    argument("Session.make", "protocol", protocolRule, protocol)
    argument("Session.make", "connection", connectionRule, connection)
    const { onPush, ...limits } = sessionOptions.read("Session.make", options)
    return makeSession(protocol, connection, limits, onPush)
  })
