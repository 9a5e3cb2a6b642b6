// Real sockets and WebSockets on loopback.
import { Socket } from "@effect/platform"
import { NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Framing } from "@socketpool/core"
import { PlatformSocket, TcpConnection, TcpPool } from "@socketpool/node"
import { MemoryServer } from "@socketpool/testing"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { socketsTo } from "./fixtures/census.js"
import { echo, eventually, serve } from "./fixtures/server.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const turn = Effect.promise(() => new Promise((next) => setImmediate(next)))

describe("a connection as a socket", () => {
  it.scopedLive("goes through the platform's channel", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* TcpConnection.open({ host: "127.0.0.1", port: server.port })
      const answer = yield* Stream.make("good ", "morning").pipe(
        Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
        Stream.mapConcat((chunk) => chunk),
        Stream.take(12),
        Stream.runCollect
      )
      expect(text(Uint8Array.from(answer))).toBe("good morning")
    }))

  it.scoped("runs until the peer's end, once", () =>
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
      yield* Effect.fork(socket.run(() => Effect.andThen(Deferred.await(busy), Effect.sync(() => handled++))))
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow()
      expect([handled, count.sent <= 4]).toEqual([0, true])
      yield* Deferred.succeed(busy, undefined)
      while (count.sent < 20) yield* Effect.yieldNow()
    }))

  it.scoped("fails with Read when the connection breaks, and with Write from then on", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const write = yield* socket.writer
      const running = yield* Effect.fork(Effect.flip(socket.run(() => {})))
      yield* Effect.yieldNow()
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

  it.scoped("ends its sending half and its run with a CloseEvent", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => Stream.runDrain(peer.stream))
      for (const code of [1000, 1011]) {
        const socket = PlatformSocket.toSocket(yield* server.connect())
        const write = yield* socket.writer
        const running = yield* Effect.fork(Effect.either(socket.run(() => {})))
        yield* Effect.yieldNow()
        yield* write(new Socket.CloseEvent(code, "because"))
        const end = yield* Fiber.join(running)
        expect(end).toMatchObject(code === 1000 ? { _tag: "Right" } : { left: { reason: "Close", code } })
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

  it.scopedLive("gives what came before the peer's end, and tells a break from it", () =>
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
      // Nothing waits for ever on a socket that is gone.
      expect(yield* Effect.flip(broken.send("x"))).toMatchObject({ reason: "Reset", operation: "write" })
    }))

  it.scopedLive("fails when more comes than may wait to be read", () =>
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
      // Besides, the chunk that was being read and the one that was too much: 64 KiB each.
      expect(got).toBeLessThanOrEqual(200_000 + 2 * 65_536)
    }))

  it.scopedLive("is a defect with wrong options", () =>
    Effect.gen(function*() {
      const socket = yield* NodeSocket.makeNet({ host: "127.0.0.1", port: 1 })
      const exit = yield* Effect.exit(PlatformSocket.fromSocket(socket, { maxUnread: 0 }))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause))
        .toContain("maxUnread must be a whole number of at least 1, but is 0")
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

  it.scopedLive("gives everyone his own answer", () =>
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

  it.scopedLive("closes an idle one that the server closes, or on which it says something", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const pool = yield* PlatformSocket.makePool({ socket: open(server.port), initialConnections: 2 })
      yield* pool.awaitReady
      yield* eventually("the server knows both", () => server.writers.size === 2)
      const [first, second] = [...server.writers]
      yield* first!("nobody asked")
      yield* second!(new Socket.CloseEvent(1001, "going away"))
      for (let stats = yield* pool.stats; stats.idle + stats.closing > 0; stats = yield* pool.stats) yield* turn
      expect((yield* pool.stats).closed).toMatchObject({ Unclean: 1, Disconnected: 1 })
    }))
})

describe("TcpPool", () => {
  it.scopedLive("lends connections to programs that want a socket", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port: server.port })
      const answer = yield* pool.use((connection) =>
        Stream.make("x").pipe(
          Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
          Stream.take(1),
          Stream.runCollect
        )
      )
      expect(Chunk.toReadonlyArray(answer).map(text)).toEqual(["x"])
    }))
})
