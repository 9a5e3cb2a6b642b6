/**
 * A server in memory, for tests of code that uses a `Connection` or a pool of them: no socket, no port, no real time.
 *
 * Its connections are those of `@socketpool/core` in every respect but the bytes' way: leases that end, pulled reads,
 * and a pool that closes what is not clean. Deadlines are on the test's clock.
 *
 * @since 0.1.0
 */
import type { Connection } from "@socketpool/core/Connection"
import { ConnectError } from "@socketpool/core/ConnectionError"
import { type ConnectionPool, Pool } from "@socketpool/core/Pool"
import * as TransportPool from "@socketpool/core/TransportPool"
import * as TransportSession from "@socketpool/core/TransportSession"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { connected, highWaterMark, type MemoryTransport, type TcpAddress } from "./internal/memoryTransport.js"

/**
 * How the server meets those who connect: it accepts them, refuses them (`ConnectError` reason `Refused`), or says
 * nothing, so that they wait until their `connectTimeout`.
 *
 * @since 0.1.0
 * @category models
 */
export type Welcome = "Accept" | "Refuse" | "Ignore"

/**
 * How to connect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectOptions {
  /** How long opening may take. Then it fails with `ConnectError` reason `Timeout`. Default: 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput

  /** How long one operation that has to wait may take. Default: none. */
  readonly timeout?: Duration.DurationInput

  /** Whether sending may go on after the peer has ended its stream. Default: `false`. */
  readonly allowHalfOpen?: boolean
}

/**
 * A server and what a test does with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryServer {
  /** Connects; closes with the scope. */
  readonly connect: (options?: ConnectOptions) => Effect.Effect<Connection, ConnectError, Scope.Scope>

  /** A pool of connections to the server. */
  readonly pool: (
    options?: ConnectOptions & TransportPool.Options<Connection>
  ) => Effect.Effect<ConnectionPool<Connection, ConnectError>, never, Scope.Scope>

  /** The same as a layer, in place of `TcpPoolLive` and its like. */
  readonly layer: (options?: ConnectOptions & TransportPool.Options<Connection>) => Layer.Layer<Pool>

  /** How those who connect are met from now on. At first: `"Accept"`. */
  readonly welcome: (how: Welcome) => Effect.Effect<void>

  /** Breaks every connection, as a server that is killed does: both sides fail with reason `Reset`. How many. */
  readonly reset: Effect.Effect<number>

  /** Ends every connection's stream, as a server that shuts down does. How many. */
  readonly end: Effect.Effect<number>

  /** Sends something on every connection, whether it was asked for or not. To how many. */
  readonly push: (data: Uint8Array | string) => Effect.Effect<number>

  /** How many connections the server has now. */
  readonly connections: Effect.Effect<number>

  /** How many connections the server has accepted so far. */
  readonly accepted: Effect.Effect<number>
}

type ClientConnection = TransportSession.TransportConnection<MemoryTransport>
type ClientSession = TransportSession.TransportSession<MemoryTransport, ClientConnection>

/**
 * Starts a server that runs `serve` for each connection, in a fiber of its own, until it ends: then the connection is
 * closed on the server's side. A failure of `serve` ends only that connection. The server stops with the scope.
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
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(
  serve: (peer: Connection) => Effect.Effect<unknown, unknown, R>
): Effect.Effect<MemoryServer, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<R>()
    const peers = new Set<MemoryTransport>()
    let how: Welcome = "Accept"
    let accepted = 0

    /** The client's end of a new connection; the server's is served. */
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
        yield* Effect.exit(Effect.raceFirst(serve(peer), peer.closed))
      })))
      return near
    }

    const open = (options: ConnectOptions) =>
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
    const openInTime = (
      options: ConnectOptions,
      finish: (session: ClientSession) => Effect.Effect<ClientSession, ConnectError>
    ) =>
      TransportPool.openInTime(
        { address: addressText, connectTimeout: options.connectTimeout ?? "5 seconds" },
        open(options),
        finish
      )

    const pool: MemoryServer["pool"] = (options = {}) =>
      TransportPool.make({
        name: addressText,
        ...options as TransportPool.Options<ClientConnection>,
        open: (finish) => openInTime(options, finish)
      }) as Effect.Effect<ConnectionPool<any, ConnectError>, never, Scope.Scope>

    const each = (f: (peer: MemoryTransport) => void) =>
      Effect.sync(() => {
        const present = [...peers]
        for (const peer of present) f(peer)
        return present.length
      })

    return {
      connect: (options = {}) => Effect.map(openInTime(options, Effect.succeed), (session) => session.lend()),
      pool,
      layer: (options) => Layer.scoped(Pool, pool(options)),
      welcome: (next) => Effect.sync(() => void (how = next)),
      reset: each((peer) => peer.reset()),
      end: each((peer) => peer.shutdown()),
      push: (data) => each((peer) => peer.write(data)),
      connections: Effect.sync(() => peers.size),
      accepted: Effect.sync(() => accepted)
    }
  })

const address: TcpAddress = { _tag: "TcpAddress", hostname: "memory", port: 1 }
const addressText = "memory:1"
