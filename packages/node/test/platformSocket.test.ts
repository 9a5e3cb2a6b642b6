// Real sockets and WebSockets on loopback.
import { Socket } from "@effect/platform"
import { NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { Framing } from "@socketpool/core"
import { PlatformSocket, TcpConnection, TcpPool } from "@socketpool/node"
import { collect, exitOf, fork, result, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { socketsTo } from "./fixtures/census.js"
import { echo, eventually, serve, turn } from "./fixtures/server.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe("a connection as a socket", () => {
  it.scopedLive("works in the platform's channel", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* TcpConnection.open({ host: "127.0.0.1", port: server.port })
      const answer = yield* Stream.make("good ", "morning").pipe(
        Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
        Stream.flatMap((chunk) => Stream.fromIterable(chunk)),
        Stream.take(12),
        collect
      )
      expect(text(Uint8Array.from(answer))).toBe("good morning")
    }))

  it.scoped("runs until the peer's end, and only once", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => peer.send("all of it"))
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const got: Array<string> = []
      let opened = 0
      yield* socket.run((chunk) => void got.push(text(chunk)), { onOpen: Effect.sync(() => void opened++) })
      expect([got, opened]).toEqual([["all of it"], 1])
      const again = yield* Effect.flip(socket.run(() => {}))
      expect(again).toMatchObject({ _tag: "SocketError", reason: "Open" })
    }))

  it.scoped("holds the peer back while a handler is busy", () =>
    Effect.gen(function*() {
      const count = { sent: 0 }
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.tap(peer.send(new Uint8Array(16_384)), () => Effect.sync(() => count.sent++)))
      )
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const busy = yield* Deferred.make<void>()
      let handled = 0
      yield* fork(socket.run(() => Effect.andThen(Deferred.await(busy), Effect.sync(() => handled++))))
      for (let i = 0; i < 50; i++) yield* yieldNow
      expect([handled, count.sent <= 4]).toEqual([0, true])
      yield* Deferred.succeed(busy, undefined)
      while (count.sent < 20) yield* yieldNow
    }))

  it.scoped("fails with Read when the connection breaks, and with Write from then on", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const write = yield* socket.writer
      const running = yield* fork(Effect.flip(socket.run(() => {})))
      yield* yieldNow
      yield* server.reset
      expect(yield* Fiber.join(running)).toMatchObject({ reason: "Read", cause: { reason: "Reset" } })
      expect(yield* Effect.flip(write("x"))).toMatchObject({ reason: "Write", cause: { reason: "Reset" } })
    }))

  it.scoped("fails once the lease has ended", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const pool = yield* server.pool()
      const socket = yield* pool.use((connection) => Effect.succeed(PlatformSocket.toSocket(connection)))
      const write = yield* socket.writer
      expect(yield* Effect.flip(write("x"))).toMatchObject({ reason: "Write", cause: { reason: "Released" } })
      expect(yield* Effect.flip(socket.run(() => {}))).toMatchObject({ reason: "Read", cause: { reason: "Released" } })
    }))

  it.scoped("ends its sending half and its run on a CloseEvent", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Stream.runDrain(peer.stream))
      for (const code of [1000, 1011]) {
        const socket = PlatformSocket.toSocket(yield* server.connect())
        const write = yield* socket.writer
        const running = yield* fork(result(socket.run(() => {})))
        yield* yieldNow
        yield* write(new Socket.CloseEvent(code, "because"))
        const end = yield* Fiber.join(running)
        expect(end).toMatchObject(code === 1000 ? { _tag: "Success" } : { failure: { reason: "Close", code } })
        expect(yield* Effect.flip(write("x"))).toMatchObject({ reason: "Write", cause: { reason: "Closed" } })
      }
    }))
})

describe("a platform socket as a connection", () => {
  it.scopedLive("sends and receives, and closes with the scope", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      yield* Effect.scoped(Effect.gen(function*() {
        const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: server.port })
        const connection = yield* PlatformSocket.fromSocket(socket, { address: "the echo" })
        yield* connection.send("one")
        yield* connection.send(" two")
        expect(text(yield* connection.recvExactly(7))).toBe("one two")
        expect(connection.isConnected).toBe(true)
      }))
      yield* eventually("the server has no connection left", () => server.sockets.size === 0)
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("fails to open with the socket's own error as the cause", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      yield* Effect.promise(() => server.stop())
      const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: server.port })
      const error = yield* Effect.flip(PlatformSocket.fromSocket(socket, { address: "the echo" }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", address: "the echo" })
      expect(String((error.cause as Socket.SocketGenericError).cause)).toContain("ECONNREFUSED")
      yield* Effect.promise(() => server.start())
    }))

  it.scopedLive("returns everything sent before the peer's end, and tells a break from an end", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        socket.on("data", (word) => word.toString() === "end" ? socket.end("bye") : socket.resetAndDestroy())
      })
      const open = Effect.flatMap(
        NodeSocket.makeNet({ host: "127.0.0.1", port: server.port }),
        (socket) => PlatformSocket.fromSocket(socket)
      )
      const ended = yield* open
      yield* ended.send("end")
      expect(text(yield* ended.recvExactly(3))).toBe("bye")
      expect(yield* Effect.flip(ended.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* ended.closed
      const broken = yield* open
      yield* broken.send("break")
      expect(yield* Effect.flip(broken.recv())).toMatchObject({ reason: "Reset" })
      // Nothing waits for ever on a closed socket.
      expect(yield* Effect.flip(broken.send("x"))).toMatchObject({ reason: "Reset", operation: "write" })
    }))

  it.scopedLive("fails when more bytes arrive than maxUnread", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.write(new Uint8Array(2_000_000)))
      const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: server.port })
      const connection = yield* PlatformSocket.fromSocket(socket, { maxUnread: 200_000 })
      yield* connection.closed
      expect(connection.isConnected).toBe(false)
      let got = 0
      const error = yield* Effect.flip(
        Effect.forever(Effect.tap(connection.recv(65_536), (chunk) => Effect.sync(() => (got += chunk.length))))
      )
      expect(error).toMatchObject({ reason: "Reset", code: "ENOBUFS" })
      // Plus the chunk being read and the one too many, 64 KiB each.
      expect(got).toBeLessThanOrEqual(200_000 + 2 * 65_536)
    }))

  const made = (run: Socket.Socket["run"], write: Effect.Effect<void> = Effect.void): Socket.Socket => ({
    [Socket.TypeId]: Socket.TypeId,
    run,
    runRaw: run as Socket.Socket["runRaw"],
    writer: Effect.succeed(() => write)
  })
  /** A socket that never opens, or that fails to open by itself. */
  const closed = (error: Effect.Effect<never, Socket.SocketError>) => made(() => error)
  /** A socket that opens and never closes. */
  const stuck = (write: Effect.Effect<void>) =>
    made((_, options) => Effect.andThen(options?.onOpen ?? Effect.void, Effect.never), write)

  it.scoped("fails with Timeout when it does not open within connectTimeout, 5 seconds by default", () =>
    Effect.gen(function*() {
      const never = closed(Effect.never)
      for (const [options, millis] of [[{}, 5000], [{ connectTimeout: "70 millis" }, 70]] as const) {
        const opening = yield* fork(Effect.flip(PlatformSocket.fromSocket(never, options)))
        yield* TestClock.adjust(millis - 1)
        expect(exitOf(opening)).toBeUndefined()
        yield* TestClock.adjust(1)
        expect(yield* Fiber.join(opening)).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
      }
    }))

  it.scoped("fails with Timeout when the socket's own open timeout passes", () =>
    Effect.gen(function*() {
      const cause = new Socket.SocketGenericError({ reason: "OpenTimeout", cause: "its own" })
      const error = yield* Effect.flip(PlatformSocket.fromSocket(closed(Effect.fail(cause))))
      expect(error).toMatchObject({ reason: "Timeout", cause })
    }))

  it.scopedLive("limits each operation to the connection's timeout", () =>
    Effect.gen(function*() {
      const server = yield* serve(() => {})
      const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: server.port })
      const connection = yield* PlatformSocket.fromSocket(socket, { timeout: "20 millis" })
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
    }))

  it.scoped("holds a sender back while the socket does not take its data", () =>
    Effect.gen(function*() {
      const taken = yield* Deferred.make<void>()
      const connection = yield* PlatformSocket.fromSocket(stuck(Deferred.await(taken)))
      const sending = yield* fork(connection.send(new Uint8Array(100_000)))
      for (let i = 0; i < 100; i++) yield* turn
      expect(exitOf(sending)).toBeUndefined()
      yield* Deferred.succeed(taken, undefined)
      yield* Fiber.join(sending)
    }))

  it.live("sends accepted data and closes although the socket's peer does not", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const write = (data: unknown) => Effect.sync(() => void sent.push(Socket.isCloseEvent(data) ? "close" : "data"))
      const socket: Socket.Socket = { ...stuck(Effect.void), writer: Effect.succeed(write) }
      yield* Effect.scoped(
        Effect.flatMap(PlatformSocket.fromSocket(socket), (connection) => connection.send("x"))
      )
      expect(sent).toEqual(["data", "close"])
    }))

  it.live("makes invalid options a defect, for a pool before it opens anything", () =>
    Effect.gen(function*() {
      const never = closed(Effect.never)
      const rule = "maxUnread must be a whole number of at least 1, but is 0"
      const connection = yield* Effect.exit(Effect.scoped(PlatformSocket.fromSocket(never, { maxUnread: 0 })))
      expect(Exit.isFailure(connection) && Cause.pretty(connection.cause)).toContain(`fromSocket: ${rule}`)
      const socket = Effect.succeed(never)
      const pool = yield* Effect.exit(Effect.scoped(PlatformSocket.makePool({ socket, maxUnread: 0 })))
      expect(Exit.isFailure(pool) && Cause.pretty(pool.cause)).toContain(`makePool: ${rule}`)
    }))
})

describe("a pool of WebSockets", () => {
  const webSocketServer = Effect.gen(function*() {
    const server = yield* NodeSocketServer.makeWebSocket({ host: "127.0.0.1", port: 0 })
    const writers = new Set<(data: string | Socket.CloseEvent) => Effect.Effect<void, Socket.SocketError>>()
    yield* Effect.forkScoped(
      server.run((socket) =>
        Effect.scoped(Effect.flatMap(socket.writer, (write) => {
          writers.add(write)
          return Effect.ensuring(socket.run((data) => write(data)), Effect.sync(() => writers.delete(write)))
        }))
      )
    )
    const port = server.address._tag === "TcpAddress" ? server.address.port : 0
    return { port, writers }
  })
  const open = (port: number) =>
    Effect.provide(Socket.makeWebSocket(`ws://127.0.0.1:${port}`), NodeSocket.layerWebSocketConstructor)

  it.scopedLive("returns to each borrower its own answer", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* PlatformSocket.makePool({ socket: open(server.port), maxConnections: 4 })
        const call = (n: number) =>
          pool.use((connection) => {
            const line = Framing.text(Framing.over(connection, Framing.lines()))
            return Effect.andThen(line.send(`request ${n}`), line.recv)
          })
        const calls = Array.from({ length: 100 }, (_, n) => n)
        const answers = yield* Effect.forEach(calls, call, { concurrency: 20 })
        expect(answers).toEqual(calls.map((n) => `request ${n}`))
        expect(server.writers.size).toBeLessThanOrEqual(4)
        expect(yield* pool.stats).toMatchObject({ acquired: 100, inUse: 0 })
      }))
      yield* eventually("the server has no connection left", () => server.writers.size === 0)
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("closes an idle one that the server closes or sends to", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const pool = yield* PlatformSocket.makePool({ socket: open(server.port), initialConnections: 2 })
      yield* pool.awaitReady
      yield* eventually("the server knows both", () => server.writers.size === 2)
      const [first, second] = [...server.writers]
      yield* first!("nobody asked")
      yield* second!(new Socket.CloseEvent(1001, "going away"))
      for (let stats = yield* pool.stats; stats.idle + stats.closing > 0; stats = yield* pool.stats) yield* turn
      expect((yield* pool.stats).closed).toMatchObject({ Desync: 1, Disconnected: 1 })
    }))
})

describe("TcpPool", () => {
  it.scopedLive("lends connections to programs that need a socket", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port: server.port })
      const answer = yield* pool.use((connection) =>
        Stream.make("x").pipe(
          Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
          Stream.take(1),
          collect
        )
      )
      expect(answer.map(text)).toEqual(["x"])
    }))
})
