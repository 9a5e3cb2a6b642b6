// H7: two copies of the packages in one program, as with ESM and CommonJS
import * as first from "@socketpool/core"
import * as firstNode from "@socketpool/node"
import { samplesOf } from "@socketpool/test-seam"
import { describe, expect, it, vi } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Schema } from "effect"
import * as tls from "node:tls"
import { type Behave, echo, serve } from "./fixtures/server.js"
import { readToEnd } from "./fixtures/sockets.js"
import { ca, localhost } from "./fixtures/tlsServer.js"

vi.resetModules()
const second: typeof first = await import("@socketpool/core")
const secondNode: typeof firstNode = await import("@socketpool/node")

const { ConnectError, Pool, PoolSchemas } = first

it("these are two copies", () => {
  expect(second.ConnectError).not.toBe(ConnectError)
  expect(secondNode.TcpPool.make).not.toBe(firstNode.TcpPool.make)
})

describe("an error of the other copy", () => {
  const refused = () => new second.ConnectError({ reason: "Refused", address: "db:1", attempts: [] })
  const timedOut = () => new second.ConnectionError({ reason: "Timeout", operation: "read", address: "db:1" })

  it("is recognized by its brand", () => {
    expect([refused(), timedOut(), {}, undefined].map(first.isConnectError)).toEqual([true, false, false, false])
    expect([refused(), timedOut(), {}, undefined].map(first.isConnectionError)).toEqual([false, true, false, false])
  })

  it("is a value of the schema, and can be encoded", () => {
    expect(Schema.is(PoolSchemas.ConnectError)(refused())).toBe(true)
    expect(Schema.encodeSync(PoolSchemas.ConnectError)(refused())).toEqual(
      Schema.encodeSync(PoolSchemas.ConnectError)(
        new ConnectError({ reason: "Refused", address: "db:1", attempts: [] })
      )
    )
    const [exhausted] = samplesOf(PoolSchemas.PoolExhaustedError, { count: 1, seed: 1 })
    const withCause = new first.PoolExhaustedError({ ...exhausted!, lastConnectError: refused() })
    const wire = Schema.encodeSync(PoolSchemas.PoolExhaustedError)(withCause)
    expect(wire).toMatchObject({ lastConnectError: { name: "ConnectError" } })
  })

  it.scopedLive.each(
    [
      ["passes through a handshake", refused, "Refused"],
      ["of a handshake that timed out is HandshakeTimeout", timedOut, "HandshakeTimeout"]
    ] as const
  )("%s", ([_, error, reason]) =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const pool = yield* firstNode.TcpPool.make({ host: "127.0.0.1", port, handshake: () => Effect.fail(error()) })
      expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject({ _tag: "ConnectError", reason })
    }))

  it.scopedLive("of a framing is a failure, not a frame", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const connection = yield* firstNode.TcpConnection.open({ host: "127.0.0.1", port })
      const framed = first.Framing.over(connection, second.Framing.fixed(2))
      expect(yield* Effect.flip(framed.send("too long"))).toMatchObject({ _tag: "FramingError", reason: "WrongSize" })
      yield* framed.send("ok")
      expect(new TextDecoder().decode(yield* framed.recv)).toBe("ok")
    }))
})

describe("a connection of the other copy", () => {
  it.scopedLive("is a socket that ends with its peer", () =>
    Effect.gen(function*() {
      const { port } = yield* serve((socket) => socket.end("bye"))
      const connection = yield* secondNode.TcpConnection.open({ host: "127.0.0.1", port })
      const exit = yield* Effect.exit(readToEnd(firstNode.PlatformSocket.toSocket(connection)))
      expect(exit).toEqual(Exit.void)
    }))

  it.scopedLive("can be upgraded to TLS", () =>
    Effect.gen(function*() {
      const secure: Behave = (socket) => {
        const secured = new tls.TLSSocket(socket, { isServer: true, ...localhost })
        secured.on("error", () => {}).pipe(secured)
      }
      const { port } = yield* serve(secure)
      const plain = yield* secondNode.TcpConnection.open({ host: "127.0.0.1", port })
      const connection = yield* firstNode.TlsConnection.upgrade(plain, { ca, servername: "localhost" })
      yield* connection.send("hi\n")
      expect(new TextDecoder().decode(yield* connection.recvUntil("\n"))).toBe("hi\n")
    }))

  it.scopedLive("can be pooled", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const pool = yield* first.TransportPool.make<first.TransportSession.TransportConnection<any>>({
        open: (finish) =>
          Effect.flatMap(secondNode.TcpConnection.open({ host: "127.0.0.1", port }), (connection) =>
            finish(second.TransportSession.ownSession(connection as never)!))
      })
      const asked = pool.use((connection) =>
        Effect.andThen(connection.send("hi\n"), connection.recvUntil("\n"))
      )
      expect(new TextDecoder().decode(yield* asked)).toBe("hi\n")
      expect((yield* pool.stats).idle).toBe(1)
    }))
})

describe("a pool of the other copy", () => {
  const open = Effect.succeed("a connection")

  it.scoped("is a pool, runs, has a name of its own, and serves the tag", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* Pool.make({ open }), yield* second.Pool.make({ open })]
      expect(one.name).not.toBe(other.name)
      expect([Pool.isConnectionPool(other), second.Pool.isConnectionPool(one)]).toEqual([true, true])
      const running: ReadonlyArray<unknown> = yield* Pool.running
      expect([running.includes(one), running.includes(other)]).toEqual([true, true])
      class Ours extends Pool.Service<Ours, string>()("test/copies") {}
      class Theirs extends second.Pool.Service<Theirs, string>()("test/copies") {}
      const used = Effect.provide(Ours.use(Effect.succeed), Theirs.layer({ open }) as never)
      expect(yield* used as Effect.Effect<string>).toBe("a connection")
    }))

  it.scoped("adds to the metrics of its name, also after one of them has closed", () =>
    Effect.gen(function*() {
      const name = "two copies"
      const use = (copy: typeof first) =>
        Effect.flatMap(copy.Pool.make({ open, name }), (pool) => pool.use(() => Effect.void))
      yield* use(first)
      yield* Effect.scoped(use(second))
      yield* Effect.scoped(use(first))
      const line = `db_client_connection_use_time_seconds_count{pool_name="${name}"} 3`
      for (const copy of [first, second]) {
        expect((yield* copy.PoolMetrics.prometheus).split("\n")).toContain(line)
      }
    }))
})
