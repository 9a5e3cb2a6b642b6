// Real TLS on loopback.
import type { TlsConnection, TlsPool } from "@socketpool/node"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import type { Scope } from "effect"
import { Effect, Schedule } from "effect"
import type * as tls from "node:tls"
import { echo, eventually, silent } from "./fixtures/server.js"
import { ask, make, open } from "./fixtures/tlsClient.js"
import { type BehaveSecurely, serveTls, type TlsTestServer } from "./fixtures/tlsServer.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const briefly = Schedule.spaced("1 millis")

type Pool = Effect.Effect.Success<ReturnType<typeof TlsPool.make>>

/** A server and a pool of its connections; afterwards three witnesses say that nothing is left. */
const withPool = <A, E>(
  behave: BehaveSecurely,
  options: Partial<TlsPool.Options> & { readonly server?: tls.TlsOptions },
  body: (pool: Pool, server: TlsTestServer) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.scoped(Effect.gen(function*() {
    const { server: serverOptions, ...poolOptions } = options
    const server = yield* serveTls(behave, serverOptions)
    const pool = yield* Effect.scoped(Effect.gen(function*() {
      const pool = yield* make(server.port, poolOptions)
      yield* Effect.scoped(body(pool, server))
      return pool
    }))
    yield* nothingIsLeft({ pool, port: server.port, server: () => server.sockets.size })
    const stats = yield* pool.stats
    expect(server.peak()).toBeLessThanOrEqual(stats.maxConnections)
  }))

const idleCount = (pool: Pool, n: number) =>
  Effect.repeat(pool.stats, { until: (stats) => stats.idle === n && stats.closing === 0, schedule: briefly })

describe("a session", () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it.live(`is resumed by the pool's next connection, with ${maxVersion}`, () =>
      withPool(
        echo,
        { server: { maxVersion }, maxConnections: 2 },
        (pool) =>
          pool.use((first) =>
            Effect.gen(function*() {
              expect(yield* ask(first, "one")).toBe("one")
              expect(first.isResumed).toBe(false)
              yield* pool.use((second) =>
                Effect.gen(function*() {
                  expect(yield* ask(second, "two")).toBe("two")
                  expect(second.isResumed).toBe(true)
                })
              )
            })
          )
      ))
  }

  it.scopedLive("is not shared by two pools, nor by two connections without a pool", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const isResumed = (connection: TlsConnection.TlsConnection) =>
        Effect.andThen(ask(connection, "x"), Effect.sync(() => connection.isResumed))
      for (const pool of [yield* make(server.port), yield* make(server.port)]) {
        expect(yield* pool.use(isResumed)).toBe(false)
      }
      expect(yield* isResumed(yield* open(server.port))).toBe(false)
      expect(yield* isResumed(yield* open(server.port))).toBe(false)
    }))

  it.live("that the server has forgotten does no harm", () =>
    withPool(echo, {}, (pool, server) =>
      Effect.gen(function*() {
        yield* pool.use((connection) => ask(connection, "x"))
        yield* Effect.promise(() => server.stop())
        yield* Effect.promise(() => server.start())
        yield* idleCount(pool, 0)
        expect(yield* pool.use((connection) => ask(connection, "y"))).toBe("y")
      })))
})

describe("a pool of TLS connections", () => {
  it.live("keeps a connection idle though the server sends session tickets of its own accord", () =>
    withPool(echo, { initialConnections: 1, maxConnections: 1 }, (pool, server) =>
      Effect.gen(function*() {
        yield* idleCount(pool, 1)
        yield* eventually("the server is ready too", () => server.secured.size === 1)
        expect(yield* pool.use((connection) => ask(connection, "x"))).toBe("x")
        expect(yield* pool.use((connection) => ask(connection, "y"))).toBe("y")
        expect((yield* pool.stats).opened).toBe(1)
      })))

  it.live("hides from a holder whose lease has ended what the handshake has agreed on", () =>
    withPool(echo, { maxConnections: 1 }, (pool) =>
      Effect.gen(function*() {
        const stale = yield* pool.use((connection) => Effect.succeed(connection))
        yield* pool.use(() =>
          Effect.sync(() => {
            expect(() => stale.alpnProtocol).toThrow("Released")
            expect(() => stale.protocol).toThrow("Released")
            expect(() => stale.isResumed).toThrow("Released")
          })
        )
      })))

  it.live("closes an idle connection as Disconnected after the peer's FIN without a word of TLS, without a borrow", () =>
    withPool(silent, { initialConnections: 2, maxConnections: 2 }, (pool, server) =>
      Effect.gen(function*() {
        yield* idleCount(pool, 2)
        yield* eventually("the server is ready too", () => server.secured.size === 2)
        for (const socket of server.sockets) socket.end()
        yield* idleCount(pool, 0)
        expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 2, Discarded: 0 })
      })))
})
