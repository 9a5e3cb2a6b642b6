/**
 * A server in memory. Use it to test code that uses a `Connection` or a pool, without sockets, ports and real time.
 *
 * Only the transport differs from a real server. Leases end, reads are pulled, and the pool closes connections that are
 * not clean. Deadlines run on the test's clock.
 *
 * @since 3.0.0
 */
import { argument, type Rows, rules, Table } from "@socketpool/core/Checks"
import type { Connection } from "@socketpool/core/Connection"
import { ConnectError, type ConnectionError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as PoolLayer from "@socketpool/core/PoolLayer"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { firstOf } from "./internal/effect/fiber.js"
import { connected, highWaterMark, type MemoryTransport, type TcpAddress } from "./internal/memoryTransport.js"

/**
 * The server's reaction to a new client. `"Accept"` accepts it. `"Refuse"` makes it fail with `ConnectError` reason
 * `Refused`. `"Ignore"` never answers, so that it waits for its `connectTimeout`.
 *
 * @since 3.0.0
 * @category models
 */
export type Welcome = "Accept" | "Refuse" | "Ignore"

/**
 * The options of a connection to the server.
 *
 * @since 3.0.0
 * @category models
 */
export interface ConnectOptions {
  /**
   * Limits the open, with a pool's `handshake`. A longer open fails with `ConnectError` reason `Timeout`, or
   * `HandshakeTimeout`. Must be more than 0. Default: 5 seconds, as for sockets.
   */
  readonly connectTimeout?: Duration.DurationInput

  /**
   * Limits each `send` and each read that has to wait. A longer one fails with `ConnectionError` reason `Timeout`. Must
   * be more than 0. Default: none, as for sockets.
   */
  readonly timeout?: Duration.DurationInput

  /** Lets the client keep sending after the server has ended its stream. Default: `false`, as for sockets. */
  readonly allowHalfOpen?: boolean
}

/**
 * A running server and its controls.
 *
 * @example
 * ```ts
 * import { MemoryServer } from "@socketpool/testing"
 * import { Effect } from "effect"
 *
 * // The pool notices that the server has reset an idle connection, and then that the server is down.
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const server = yield* MemoryServer.make(() => Effect.never)
 *   const pool = yield* server.pool({ maxConnections: 1 })
 *   yield* pool.use(() => Effect.void)
 *   yield* server.reset
 *   yield* server.welcome("Refuse")
 *   const error = yield* Effect.flip(pool.use(() => Effect.void))
 *   return [error._tag, yield* server.accepted] // ["ConnectError", 1]
 * }))
 * ```
 *
 * @since 3.0.0
 * @category models
 */
export interface MemoryServer {
  /** Opens a connection that closes with the scope. Fails with `ConnectError` reason `Refused` or `Timeout`. */
  readonly connect: (options?: ConnectOptions) => Effect.Effect<Connection, ConnectError, Scope.Scope>

  /** Makes a pool of connections to the server. It closes with the scope. */
  readonly pool: <E = ConnectionError, R = never, RValidate = never, RRelease = never, RFarewell = never>(
    options?: ConnectOptions & TransportPool.Options<Connection, E, R, RValidate, RRelease, RFarewell>
  ) => Effect.Effect<
    ConnectionPool<Connection, ConnectError | TransportPool.HandshakeFailure<E>>,
    never,
    R | RValidate | RRelease | RFarewell | Scope.Scope
  >

  /** Provides `pool` as the `Pool` service, in place of `TcpPoolLive` and its siblings. */
  readonly layer: <
    F extends boolean = false,
    E = ConnectionError,
    R = never,
    RValidate = never,
    RRelease = never,
    RFarewell = never
  >(
    options?:
      & ConnectOptions
      & TransportPool.Options<Connection, E, R, RValidate, RRelease, RFarewell>
      & PoolLayer.Options<F>
  ) => Layer.Layer<
    Pool,
    PoolLayer.FailFast<F, ConnectError>,
    Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope>
  >

  /** Provides `pool` as the service of a tag of `Connection`s, in place of `TcpPool.layerOf` and its siblings. */
  readonly layerOf: <
    I,
    S,
    F extends boolean = false,
    E = ConnectionError,
    R = never,
    RValidate = never,
    RRelease = never,
    RFarewell = never
  >(
    tag: PoolLayer.TagFor<I, S, ConnectionPool<Connection, ConnectError | TransportPool.HandshakeFailure<E>>>,
    options?:
      & ConnectOptions
      & TransportPool.Options<Connection, E, R, RValidate, RRelease, RFarewell>
      & PoolLayer.Options<F>
  ) => Layer.Layer<
    I,
    PoolLayer.FailFast<F, ConnectError | TransportPool.HandshakeFailure<E>>,
    Exclude<R | RValidate | RRelease | RFarewell, Scope.Scope>
  >

  /** Sets the reaction to new clients. At first it is `"Accept"`. Present connections stay as they are. */
  readonly welcome: (how: Welcome) => Effect.Effect<void>

  /**
   * Breaks every connection, as the death of a server does: both sides fail with reason `Reset`. Returns the number.
   */
  readonly reset: Effect.Effect<number>

  /** Ends every connection's stream, as a server does that shuts down in order. Returns the number. */
  readonly end: Effect.Effect<number>

  /** Sends data on every connection, requested or not. Returns the number of connections. */
  readonly push: (data: Uint8Array | string) => Effect.Effect<number>

  /** The number of connections that the server has now. */
  readonly connections: Effect.Effect<number>

  /** The number of connections that the server has accepted so far. */
  readonly accepted: Effect.Effect<number>
}

type ClientConnection = TransportSession.TransportConnection<MemoryTransport>
type ClientSession = TransportSession.TransportSession<MemoryTransport, ClientConnection>

/**
 * Starts a server that runs `serve` for each connection, in a fiber of its own. When `serve` ends, the server closes
 * that connection. A failure or defect of `serve` ends only its own connection. The server stops with the scope and
 * ends all connections. It never fails.
 *
 * Use it to test code that borrows from a pool, with `layer` in place of the real one. For tests on real sockets, use
 * `FaultProxy`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pool } from "@socketpool/core"
 * import { MemoryServer } from "@socketpool/testing"
 *
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const server = yield* MemoryServer.make((peer) =>
 *     Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line)))
 *   )
 *   const echo = Pool.use((connection) => Effect.andThen(connection.send("hi\n"), connection.recvUntil("\n")))
 *   return yield* Effect.provide(echo, server.layer({ maxConnections: 2 }))
 * }))
 * ```
 *
 * @since 3.0.0
 * @category constructors
 */
export const make = <R = never>(
  serve: (peer: Connection) => Effect.Effect<unknown, unknown, R>
): Effect.Effect<MemoryServer, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    argument("MemoryServer.make", "serve", rules.callback, serve)
    const run = yield* FiberSet.makeRuntime<R>()
    const peers = new Set<MemoryTransport>()
    let how: Welcome = "Accept"
    let accepted = 0

    /** Makes a connection, starts `serve` on the server's end, and returns the client's end. */
    const accept = (): MemoryTransport => {
      const client: TcpAddress = { _tag: "TcpAddress", hostname: "client", port: ++accepted }
      const [near, far] = connected(client, address, highWaterMark)
      peers.add(far)
      run(Effect.scoped(Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.sync(() => peers.delete(far)))
        const peer = yield* TransportSession.connection({
          transport: far,
          allowHalfOpen: true
        })
        yield* Effect.exit(firstOf(serve(peer), peer.closed))
      })))
      return near
    }

    const open = (options: Omit<Connect, "connectTimeout">) =>
      Effect.suspend(() => {
        switch (how) {
          case "Refuse":
            return Effect.fail(new ConnectError({ reason: "Refused", address: addressText, attempts: [] }))
          case "Ignore":
            return Effect.never
          case "Accept": {
            const near = accept()
            return Effect.acquireRelease(
              Effect.sync(() => TransportSession.make({ ...options, transport: near })),
              (session) => session.close
            )
          }
        }
      })

    /** Opens a session and makes it ready, all of it within `connectTimeout`. */
    const openInTime = <E, R>(
      { connectTimeout, ...options }: Connect,
      finish: (session: ClientSession) => Effect.Effect<ClientSession, E, R>
    ) =>
      TransportPool.openInTime(
        { address: addressText, connectTimeout },
        open(options),
        finish
      )

    const made = (given: unknown, isCaused: boolean): Effect.Effect<ConnectionPool<Connection, any>, never, any> =>
      Effect.suspend(() => {
        const options = poolOptions.read("MemoryServer.pool", given)
        const connect = connectOptions.pick(options)
        const own = TransportPool.options.pick(options) as TransportPool.Options<ClientConnection, any, any>
        return TransportPool.make<ClientConnection, any, any, any, any, any>({
          ...(isCaused ? TransportPool.withCauses(own, addressText) : own) as typeof own,
          name: options.name ?? addressText,
          open: (finish) => openInTime(connect, finish)
        })
      })
    const pool = (given: unknown = {}) => made(given, false)

    // Opens have a deadline of their own, so they fail with `ConnectError`.
    const layerOf = (tag: unknown, options: unknown = {}, make: (options: any) => ReturnType<typeof made> = pool) =>
      PoolLayer.layerOf(tag as any, make, options as any) as Layer.Layer<any, any, any>

    const each = (f: (peer: MemoryTransport) => void) =>
      Effect.sync(() => {
        const present = [...peers]
        for (const peer of present) f(peer)
        return present.length
      })

    return {
      connect: (options = {}) =>
        Effect.suspend(() => {
          const connect = connectOptions.read("MemoryServer.connect", options)
          return Effect.map(openInTime(connect, Effect.succeed), (session) => session.lend())
        }),
      pool,
      layer: (options) => layerOf(Pool, options, (own) => made(own, true)),
      layerOf,
      welcome: (next) =>
        Effect.sync(() => {
          how = argument("MemoryServer.welcome", "how", rules.oneOf("Accept", "Refuse", "Ignore"), next)
        }),
      reset: each((peer) => peer.reset()),
      end: each((peer) => peer.shutdown()),
      push: (data) => {
        const push = each((peer) => peer.write(data))
        return Effect.andThen(Effect.sync(() => argument("MemoryServer.push", "data", rules.data, data)), push)
      },
      connections: Effect.sync(() => peers.size),
      accepted: Effect.sync(() => accepted)
    }
  })

const address: TcpAddress = { _tag: "TcpAddress", hostname: "memory", port: 1 }
const addressText = "memory:1"

const connectOptions = new Table(
  {
    connectTimeout: rules.orElse(rules.duration("more than 0"), "5 seconds"),
    timeout: rules.orElse(rules.duration("more than 0"), Infinity),
    allowHalfOpen: rules.orElse(rules.flag, false)
  } satisfies Rows<ConnectOptions>
)

/** Checked options. */
type Connect = ReturnType<typeof connectOptions.read>

const poolOptions = TransportPool.options.with(connectOptions.rules)
