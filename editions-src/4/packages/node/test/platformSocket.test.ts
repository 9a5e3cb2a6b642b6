// Effect's Socket and our Connection, each as the other, over real sockets and in memory.
import { NodeSocket, NodeSocketServer, NodeWS } from "@effect/platform-node"
import { Framing } from "@socketpool/core"
import { PlatformSocket, TcpConnection, TcpPool } from "@socketpool/node"
import { collect, exitOf, fork, TestClock, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer, Rng } from "@socketpool/testing"
import { Cause, Deferred, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import type * as net from "node:net"
import { socketsTo } from "./fixtures/census.js"
import { echo, eventually, serve, silent, turn, untilStuck } from "./fixtures/server.js"

const host = "127.0.0.1"
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const joined = (chunks: ReadonlyArray<Uint8Array | string>) =>
  chunks.map((chunk) => typeof chunk === "string" ? chunk : text(chunk)).join("")

/** The reason why a read, a write or an open of a socket fails. */
const reasonOf = <A, R>(
  effect: Effect.Effect<A, Socket.SocketError, R>
): Effect.Effect<Socket.SocketErrorReason, A, R> => Effect.map(Effect.flip(effect), ({ reason }) => reason)

const pullOf = (socket: Socket.Socket) => Effect.map(socket.reader, ({ pull }) => pull)

describe("a connection as a socket", () => {
  it.scopedLive("works in the platform's channel", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const connection = yield* TcpConnection.open({ host, port: server.port })
      const answer = yield* Stream.make("good ", "morning").pipe(
        Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
        Stream.flatMap((chunk) => Stream.fromIterable(chunk)),
        Stream.take(12),
        collect
      )
      expect(text(Uint8Array.from(answer))).toBe("good morning")
    }))

  it.scopedLive("ends the platform's stream with its peer's, and fails it when it breaks", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        socket.write("all of it")
        socket.on("data", (word) => word.toString() === "end" ? socket.end() : socket.resetAndDestroy())
      })
      const ends: Array<unknown> = []
      for (const word of ["end", "break"]) {
        const connection = yield* TcpConnection.open({ host, port: server.port })
        let got = ""
        const reason = yield* reasonOf(
          Stream.runForEach(Socket.toStream(PlatformSocket.toSocket(connection)), (chunk) => {
            got += text(chunk)
            return got.length === 9 ? Effect.orDie(connection.send(word)) : Effect.void
          })
        )
        ends.push([got, reason])
      }
      expect(ends).toMatchObject([
        ["all of it", { _tag: "SocketCloseError", code: 1_000 }],
        ["all of it", { _tag: "SocketReadError", cause: { reason: "Reset" } }]
      ])
    }))

  it.scoped("is read until the peer's end, and only once", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) => peer.send("all of it"))
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const pull = yield* pullOf(socket)
      expect(joined(yield* pull)).toBe("all of it")
      for (let i = 0; i < 2; i++) {
        expect(yield* reasonOf(pull)).toMatchObject({ _tag: "SocketCloseError", code: 1_000 })
      }
      expect(yield* reasonOf(socket.reader)).toMatchObject({ _tag: "SocketOpenError", kind: "Unknown" })
      const other = PlatformSocket.toSocket(yield* server.connect())
      yield* Effect.scoped(other.reader)
      expect(yield* reasonOf(other.reader)).toMatchObject({ _tag: "SocketOpenError" })
    }))

  it.scoped("holds the peer back between two pulls", () =>
    Effect.gen(function*() {
      const count = { sent: 0 }
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.tap(peer.send(new Uint8Array(16_384)), () => Effect.sync(() => count.sent++)))
      )
      const pull = yield* pullOf(PlatformSocket.toSocket(yield* server.connect()))
      let pulled = 0
      for (let rounds = 0; rounds < 10; rounds++) {
        for (let i = 0; i < 50; i++) yield* yieldNow
        expect(count.sent - pulled / 16_384).toBeLessThanOrEqual(5)
        for (const chunk of yield* pull) pulled += chunk.length
      }
      while (count.sent < 20) yield* pull
    }))

  it.scoped("fails with SocketReadError when the connection breaks, and with SocketWriteError from then on", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const { write, writeAll } = yield* socket.writer
      const reading = yield* fork(reasonOf(Effect.flatten(pullOf(socket))))
      yield* yieldNow
      yield* server.reset
      expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "SocketReadError", cause: { reason: "Reset" } })
      for (const writing of [write("x"), writeAll(["x", "y"])]) {
        expect(yield* reasonOf(writing)).toMatchObject({ _tag: "SocketWriteError", cause: { reason: "Reset" } })
      }
    }))

  it.scoped("fails once the lease has ended", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const pool = yield* server.pool()
      const socket = yield* pool.use((connection) => Effect.succeed(PlatformSocket.toSocket(connection)))
      const { write } = yield* socket.writer
      const pull = yield* pullOf(socket)
      expect(yield* reasonOf(write("x"))).toMatchObject({ _tag: "SocketWriteError", cause: { reason: "Released" } })
      expect(yield* reasonOf(pull)).toMatchObject({ _tag: "SocketReadError", cause: { reason: "Released" } })
    }))

  it.scoped("ends its sending half and its pulls on a CloseEvent", () =>
    Effect.gen(function*() {
      const ended: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Effect.map(Stream.runCollect(peer.stream), (chunks) => void ended.push(joined(chunks)))
      )
      for (const code of [1_000, 1_011]) {
        const socket = PlatformSocket.toSocket(yield* server.connect())
        const { write } = yield* socket.writer
        const pull = yield* pullOf(socket)
        const reading = yield* fork(reasonOf(pull))
        yield* yieldNow
        yield* write("last")
        yield* write(new Socket.CloseEvent(code, "because"))
        const closed = { _tag: "SocketCloseError", code, closeReason: "because" }
        expect(yield* Fiber.join(reading)).toMatchObject(closed)
        expect(yield* reasonOf(pull)).toMatchObject(closed)
        expect(yield* reasonOf(write("x"))).toMatchObject({ _tag: "SocketWriteError", cause: { reason: "Closed" } })
      }
      while (ended.length < 2) yield* yieldNow
      expect(ended).toEqual(["last", "last"])
    }))

  it.scoped("stays closed although bytes come", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const socket = PlatformSocket.toSocket(yield* server.connect())
      const { write } = yield* socket.writer
      const pull = yield* pullOf(socket)
      yield* write(new Socket.CloseEvent(1_001))
      yield* server.push("too late")
      yield* yieldNow
      expect(yield* reasonOf(pull)).toMatchObject({ _tag: "SocketCloseError", code: 1_001 })
    }))

  it.scoped("fails a pull that waits when the reader's scope closes, and leaves the connection to its borrower", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make((peer) =>
        Effect.forever(Effect.flatMap(peer.recv(), (chunk) => peer.send(chunk)))
      )
      const connection = yield* server.connect()
      const socket = PlatformSocket.toSocket(connection)
      const reading = yield* Effect.scoped(Effect.gen(function*() {
        const { write } = yield* socket.writer
        const pull = yield* pullOf(socket)
        yield* write("one")
        expect(joined(yield* pull)).toBe("one")
        const reading = yield* Effect.forkDetach(reasonOf(pull))
        yield* yieldNow
        return reading
      }))
      expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "SocketCloseError", code: 1_000 })
      yield* connection.send("two")
      expect(text(yield* connection.recvExactly(3))).toBe("two")
    }))

  it.scopedLive("loses no byte when pulls are interrupted", () =>
    Effect.gen(function*() {
      const total = 400_000
      const rng = Rng.make(1)
      const bytes = Uint8Array.from({ length: total }, (_, i) => (i * 31) % 251)
      const server = yield* serve((socket) => {
        let sent = 0
        const send = () => {
          const next = sent + rng.between(1, 2_000)
          socket.write(bytes.subarray(sent, next))
          sent = next
          if (sent < total) setImmediate(send)
        }
        send()
      })
      const pull = yield* pullOf(PlatformSocket.toSocket(yield* TcpConnection.open({ host, port: server.port })))
      const got: Array<Uint8Array> = []
      let size = 0
      let interrupted = 0
      while (size < total) {
        const pulling = yield* fork(pull)
        for (let turns = rng.between(0, 3); turns > 0; turns--) yield* rng.chance(0.5) ? turn : yieldNow
        yield* Fiber.interrupt(pulling)
        const exit = yield* Fiber.await(pulling)
        if (Exit.isFailure(exit)) {
          interrupted++
          continue
        }
        for (const chunk of exit.value as ReadonlyArray<Uint8Array>) {
          got.push(chunk)
          size += chunk.length
        }
      }
      expect(interrupted).toBeGreaterThan(10)
      expect(Buffer.compare(Buffer.concat(got), bytes)).toBe(0)
    }))

  it.scoped("sends batches in order, and leaves the sending half open when its writer's scope ends", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const server = yield* MemoryServer.make((peer) =>
        Stream.runForEach(peer.stream, (chunk) => Effect.sync(() => void heard.push(text(chunk))))
      )
      const connection = yield* server.connect()
      const { writer } = PlatformSocket.toSocket(connection)
      yield* Effect.scoped(
        Effect.flatMap(writer, ({ writeAll }) => writeAll(["a", new TextEncoder().encode("b"), "c"]))
      )
      yield* connection.send("d")
      while (heard.join("").length < 4) yield* yieldNow
      expect(heard.join("")).toBe("abcd")
    }))

  it.scoped("cannot be upgraded, and is made only of a connection", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      const reader = yield* PlatformSocket.toSocket(yield* server.connect()).reader
      expect(yield* reasonOf(reader.upgrade())).toMatchObject({ _tag: "SocketUpgradeError" })
      expect(() => PlatformSocket.toSocket({} as never)).toThrow(
        new RangeError("PlatformSocket.toSocket: connection must be a Connection, but is an object")
      )
    }))
})

const openNet = (port: number, options?: PlatformSocket.Options) =>
  Effect.flatMap(NodeSocket.makeNet({ host, port }), (socket) => PlatformSocket.fromSocket(socket, options))

/** Writes so many bytes as fast as the client takes them. */
const pour = (socket: net.Socket, total: number): void => {
  const more = () => {
    while (socket.bytesWritten < total) {
      if (!socket.write(new Uint8Array(65_536))) return void socket.once("drain", more)
    }
  }
  more()
}

describe("a platform socket as a connection", () => {
  it.scopedLive("sends and receives, and closes with the scope", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* openNet(server.port, { address: "the echo" })
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
      const error = yield* Effect.flip(openNet(server.port, { address: "the echo" }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Other", address: "the echo" })
      expect(error.cause).toMatchObject({ _tag: "SocketError", reason: { _tag: "SocketOpenError", kind: "Unknown" } })
      expect(String(((error.cause as Socket.SocketError).reason as Socket.SocketOpenError).cause)).toContain(
        "ECONNREFUSED"
      )
      yield* Effect.promise(() => server.start())
    }))

  it.scopedLive("returns everything sent before the peer's end, and tells a break from an end", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => {
        socket.on("data", (word) => word.toString() === "end" ? socket.end("bye") : socket.resetAndDestroy())
      })
      const ended = yield* openNet(server.port)
      yield* ended.send("end")
      expect(text(yield* ended.recvExactly(3))).toBe("bye")
      expect(yield* Effect.flip(ended.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* ended.closed
      const broken = yield* openNet(server.port)
      yield* broken.send("break")
      expect(yield* Effect.flip(broken.recv())).toMatchObject({ reason: "Reset" })
      // Nothing waits for ever on a closed socket.
      expect(yield* Effect.flip(broken.send("x"))).toMatchObject({ reason: "Reset", operation: "write" })
    }))

  it.scopedLive("keeps what has come before an end that it has not read up to", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i >> 10) % 251)
      const server = yield* serve((socket) => void socket.end(bytes))
      const connection = yield* openNet(server.port)
      for (let i = 0; i < 50; i++) yield* turn
      const got: Array<Uint8Array> = []
      const reading = Effect.forever(
        Effect.tap(connection.recv(65_536), (chunk) => Effect.sync(() => void got.push(chunk)))
      )
      expect(yield* Effect.flip(reading)).toMatchObject({ reason: "EndOfStream" })
      expect(Buffer.compare(Buffer.concat(got), bytes)).toBe(0)
    }))

  it.scopedLive("holds its peer back while nobody reads, and loses nothing", () =>
    Effect.gen(function*() {
      const total = 64 * 1_048_576
      let peer: net.Socket | undefined
      const server = yield* serve((socket) => pour(peer = socket, total))
      const connection = yield* openNet(server.port)
      const stands = untilStuck(() => peer!.bytesWritten)
      yield* eventually("the server sends", () => peer !== undefined)
      // The content of the system's own buffers.
      const before = yield* stands
      expect(before).toBeLessThan(total / 2)
      let got = (yield* connection.recvExactly(1_000_000)).length
      expect((yield* stands) - before).toBeLessThan(8_000_000)
      expect(connection.isConnected).toBe(true)
      while (got < total) got += (yield* connection.recv(1_048_576)).length
      expect(got).toBe(total)
    }))

  const opening = (reader: Socket.Socket["reader"], write: Socket.Writer["write"] = () => Effect.void) =>
    Socket.make({
      reader,
      writer: Effect.succeed({ write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) })
    })
  /** A socket that opens, never closes and hears nothing. */
  const stuck = (write?: Socket.Writer["write"]) =>
    opening(Effect.succeed({ pull: Effect.never, upgrade: Socket.SocketUpgradeError.unsupported }), write)

  it.scoped("fails with Timeout when it does not open within connectTimeout, 5 seconds by default", () =>
    Effect.gen(function*() {
      let open = 0
      const never = opening(Effect.andThen(
        Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
        Effect.never
      ))
      for (const [options, millis] of [[{}, 5000], [{ connectTimeout: "70 millis" }, 70]] as const) {
        const opening = yield* fork(Effect.flip(Effect.scoped(PlatformSocket.fromSocket(never, options))))
        yield* TestClock.adjust(millis - 1)
        expect([exitOf(opening), open]).toEqual([undefined, 1])
        yield* TestClock.adjust(1)
        expect(yield* Fiber.join(opening)).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
        expect(open).toBe(0)
      }
    }))

  it.scoped("stops to open when it is interrupted", () =>
    Effect.gen(function*() {
      let open = 0
      const never = opening(Effect.andThen(
        Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
        Effect.never
      ))
      const opened = yield* fork(Effect.scoped(PlatformSocket.fromSocket(never)))
      yield* eventually("it opens", () => open === 1)
      yield* Fiber.interrupt(opened)
      expect(open).toBe(0)
    }))

  it.scoped("fails with Timeout when the socket's own open timeout passes", () =>
    Effect.gen(function*() {
      const cause = new Socket.SocketError({
        reason: new Socket.SocketOpenError({ kind: "Timeout", cause: "its own" })
      })
      const error = yield* Effect.flip(PlatformSocket.fromSocket(opening(Effect.fail(cause))))
      expect(error).toMatchObject({ reason: "Timeout", cause })
    }))

  it.scopedLive("limits each operation to the connection's timeout", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const connection = yield* openNet(server.port, { timeout: "20 millis" })
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ _tag: "ConnectionError", reason: "Timeout" })
    }))

  it.scoped("holds a sender back while the socket does not take its data", () =>
    Effect.gen(function*() {
      const taken = yield* Deferred.make<void>()
      const connection = yield* PlatformSocket.fromSocket(stuck(() => Deferred.await(taken)))
      const sending = yield* fork(connection.send(new Uint8Array(100_000)))
      for (let i = 0; i < 100; i++) yield* turn
      expect(exitOf(sending)).toBeUndefined()
      yield* Deferred.succeed(taken, undefined)
      yield* Fiber.join(sending)
    }))

  it.scoped("pulls no more while it keeps the rest of a batch, and gives that in order", () =>
    Effect.gen(function*() {
      const size = 50_000
      let pulls = 0
      const batch = Effect.sync(() => {
        const first = 4 * pulls++
        return [0, 1, 2, 3].map((i) => new Uint8Array(size).fill(first + i)) as [Uint8Array, ...Array<Uint8Array>]
      })
      const socket = opening(Effect.succeed({
        pull: Effect.andThen(turn, batch),
        upgrade: Socket.SocketUpgradeError.unsupported
      }))
      const connection = yield* PlatformSocket.fromSocket(socket)
      for (let i = 0; i < 30; i++) yield* turn
      expect(pulls).toBe(1)
      for (let i = 0; i < 20; i++) {
        expect(yield* connection.recvExactly(size)).toEqual(new Uint8Array(size).fill(i))
      }
      expect(pulls).toBeLessThanOrEqual(7)
    }))

  it.scoped("fails a sender that is held back when the socket cannot write any more", () =>
    Effect.gen(function*() {
      const broken = yield* Deferred.make<never, Socket.SocketError>()
      const connection = yield* PlatformSocket.fromSocket(stuck(() => Deferred.await(broken)))
      const sending = yield* fork(Effect.flip(connection.send(new Uint8Array(100_000))))
      yield* turn
      const cause = new Error("broken")
      yield* Deferred.fail(broken, new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) }))
      expect(yield* Fiber.join(sending)).toMatchObject({ _tag: "ConnectionError", reason: "Reset" })
      expect(connection.isConnected).toBe(false)
    }))

  it.live("sends accepted data and closes although the socket's peer does not", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const socket = stuck((data) => Effect.sync(() => void sent.push(Socket.isCloseEvent(data) ? "close" : "data")))
      yield* Effect.scoped(
        Effect.flatMap(PlatformSocket.fromSocket(socket), (connection) => connection.send("x"))
      )
      expect(sent).toEqual(["data", "close"])
    }))

  it.scopedLive("closes the socket by a shutdown, after what it has accepted", () =>
    Effect.gen(function*() {
      let heard = 0
      let hasEnded = false
      const server = yield* serve((socket) => {
        socket.on("data", (chunk) => void (heard += chunk.length)).on("end", () => void (hasEnded = true))
      })
      const connection = yield* openNet(server.port)
      yield* connection.send(new Uint8Array(500_000))
      yield* connection.shutdown
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* connection.closed
      yield* eventually("the server has heard the end", () => hasEnded)
      expect(heard).toBe(500_000)
    }))

  it.live("makes invalid options a defect, for a pool before it opens anything", () =>
    Effect.gen(function*() {
      const never = opening(Effect.die("it opens"))
      const defectOf = (effect: Effect.Effect<unknown, unknown, Scope.Scope>) =>
        Effect.map(
          Effect.exit(Effect.scoped(effect)),
          (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "none"
        )
      const socket = Effect.succeed(never)
      const wrong: ReadonlyArray<readonly [options: object, rule: string]> = [
        [{ connectTimeout: 0 }, "connectTimeout must be a duration of more than 0, but is 0"],
        [{ timeout: -1 }, "timeout must be a duration of more than 0, but is -1"],
        [{ address: "" }, "address must be"],
        // There is nothing to limit: the socket holds its peer back.
        [{ maxUnread: 1 }, "maxUnread is not an option"]
      ]
      for (const [options, rule] of wrong) {
        expect(yield* defectOf(PlatformSocket.fromSocket(never, options))).toContain(`fromSocket: ${rule}`)
        expect(yield* defectOf(PlatformSocket.makePool({ socket, ...options }))).toContain(`makePool: ${rule}`)
      }
      expect(yield* defectOf(PlatformSocket.fromSocket({} as never))).toContain(
        "RangeError: PlatformSocket.fromSocket: socket must be a Socket, but is an object"
      )
      expect(yield* defectOf(PlatformSocket.makePool({ socket: never as never }))).toContain(
        "RangeError: PlatformSocket.makePool: socket must be an Effect"
      )
    }))
})

interface Client {
  readonly write: Socket.Writer["write"]
  /** The bytes that have not left the server yet. */
  readonly unsent: () => number
}

const webSocketServer = Effect.gen(function*() {
  const server = yield* NodeSocketServer.makeWebSocket({ host, port: 0 })
  const clients = new Set<Client>()
  const messages: Array<Uint8Array | string> = []
  yield* Effect.forkScoped(
    server.run((socket) =>
      Effect.scoped(Effect.gen(function*() {
        const { write } = yield* socket.writer
        const { pull } = yield* socket.reader
        const webSocket: unknown = Option.getOrThrow(yield* Effect.serviceOption(Socket.WebSocket))
        const client = { write, unsent: () => (webSocket as { readonly bufferedAmount: number }).bufferedAmount }
        clients.add(client)
        const answering = Effect.forever(Effect.flatMap(pull, (chunks) => {
          messages.push(...chunks)
          return Effect.forEach(chunks, write)
        }))
        yield* Effect.ensuring(Effect.ignore(answering), Effect.sync(() => clients.delete(client)))
      }))
    )
  )
  const port = server.address._tag === "InetAddressV4" ? server.address.port : 0
  return { port, clients, messages }
})

type WebSocketOptions = Parameters<typeof Socket.makeWebSocket>[1]

/** Node's own WebSocket cannot be paused, that of the package `ws` can. */
const openWeb = (port: number, options?: WebSocketOptions, constructor = NodeSocket.layerWebSocketConstructor) =>
  Effect.provide(Socket.makeWebSocket(`ws://${host}:${port}`, options), constructor)

describe("a WebSocket as a connection", () => {
  it.scopedLive("sends text and bytes as what they are, and receives both as bytes", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const connection = yield* PlatformSocket.fromSocket(yield* openWeb(server.port))
      yield* connection.send("ä")
      yield* connection.send(Uint8Array.of(1, 2))
      expect(yield* connection.recvExactly(4)).toEqual(Uint8Array.of(0xc3, 0xa4, 1, 2))
      expect(server.messages.map((message) => typeof message)).toEqual(["string", "object"])
    }))

  it.scopedLive("holds its peer back while nobody reads, and loses nothing, where it can be paused", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const socket = yield* openWeb(server.port, {}, NodeWS.layerWebSocketConstructor)
      const connection = yield* PlatformSocket.fromSocket(socket)
      yield* eventually("the server knows it", () => server.clients.size === 1)
      const [client] = server.clients
      const total = 32 * 1_048_576
      for (let sent = 0; sent < total; sent += 65_536) yield* client!.write(new Uint8Array(65_536).fill(sent / 65_536))
      expect(yield* untilStuck(() => client!.unsent())).toBeGreaterThan(total / 4)
      let got = 0
      let wrong = 0
      while (got < total) {
        for (const byte of yield* connection.recv(65_536)) if (byte !== (got++ >> 16) % 256) wrong++
      }
      expect([got, wrong, client!.unsent()]).toEqual([total, 0, 0])
    }))

  it.scopedLive("fails when more has come than its highWaterMark, where it cannot be paused", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const connection = yield* PlatformSocket.fromSocket(yield* openWeb(server.port, { highWaterMark: 200_000 }))
      yield* eventually("the server knows it", () => server.clients.size === 1)
      const [client] = server.clients
      for (let sent = 0; sent < 4_000_000; sent += 65_536) yield* client!.write(new Uint8Array(65_536))
      for (let i = 0; i < 100; i++) yield* turn
      expect(yield* Effect.flip(Effect.forever(connection.recv(65_536)))).toMatchObject({ reason: "Reset" })
      yield* connection.closed
    }))

  it.scopedLive("tells a close from one with an error", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      for (
        const [code, end] of [[1_000, { reason: "EndOfStream" }], [1_011, { reason: "Reset", code: "1011" }]] as const
      ) {
        const connection = yield* PlatformSocket.fromSocket(yield* openWeb(server.port))
        yield* eventually("the server knows it", () => server.clients.size === 1)
        const [client] = server.clients
        yield* client!.write("last words")
        yield* client!.write(new Socket.CloseEvent(code, "because"))
        expect(text(yield* connection.recvExactly(10))).toBe("last words")
        expect(yield* Effect.flip(connection.recv())).toMatchObject(end)
        yield* connection.closed
        yield* eventually("the server has forgotten it", () => server.clients.size === 0)
      }
    }))

  it.scopedLive("fails to open where nobody listens, and where nobody speaks its protocol", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const open = Effect.flatMap(openWeb(server.port), (socket) => PlatformSocket.fromSocket(socket))
      expect(yield* Effect.flip(open)).toMatchObject({ _tag: "ConnectError", reason: "Other" })
      yield* Effect.promise(() => server.stop())
      expect(yield* Effect.flip(open)).toMatchObject({ _tag: "ConnectError", reason: "Other" })
      yield* Effect.promise(() => server.start())
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("fails with Timeout where the server accepts and says nothing", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const socket = yield* openWeb(server.port, {}, NodeWS.layerWebSocketConstructor)
      const opening = Effect.scoped(PlatformSocket.fromSocket(socket, { connectTimeout: "50 millis" }))
      const error = yield* Effect.flip(opening)
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "Timeout" })
      yield* eventually("the server has no connection left", () => server.sockets.size === 0)
    }))
})

describe("a pool of WebSockets", () => {
  it.scopedLive("returns to each borrower its own answer", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* PlatformSocket.makePool({ socket: openWeb(server.port), maxConnections: 4 })
        const call = (n: number) =>
          pool.use((connection) => {
            const line = Framing.text(Framing.over(connection, Framing.lines()))
            return Effect.andThen(line.send(`request ${n}`), line.recv)
          })
        const calls = Array.from({ length: 100 }, (_, n) => n)
        const answers = yield* Effect.forEach(calls, call, { concurrency: 20 })
        expect(answers).toEqual(calls.map((n) => `request ${n}`))
        expect(server.clients.size).toBeLessThanOrEqual(4)
        expect(yield* pool.stats).toMatchObject({ acquired: 100, inUse: 0 })
      }))
      yield* eventually("the server has no connection left", () => server.clients.size === 0)
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("closes an idle one that the server closes or sends to", () =>
    Effect.gen(function*() {
      const server = yield* webSocketServer
      const pool = yield* PlatformSocket.makePool({ socket: openWeb(server.port), initialConnections: 2 })
      yield* pool.awaitReady
      yield* eventually("the server knows both", () => server.clients.size === 2)
      const [first, second] = [...server.clients]
      yield* first!.write("nobody asked")
      yield* second!.write(new Socket.CloseEvent(1001, "going away"))
      for (let stats = yield* pool.stats; stats.idle + stats.closing > 0; stats = yield* pool.stats) yield* turn
      expect((yield* pool.stats).closed).toMatchObject({ Desync: 1, Disconnected: 1 })
    }))
})

describe("TcpPool", () => {
  it.scopedLive("lends connections to programs that need a socket", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const pool = yield* TcpPool.make({ host, port: server.port })
      const ask = (word: string) =>
        pool.use((connection) =>
          Stream.make(word).pipe(
            Stream.pipeThroughChannelOrFail(Socket.toChannel(PlatformSocket.toSocket(connection))),
            Stream.take(1),
            collect
          )
        )
      for (const word of ["x", "y"]) expect((yield* ask(word)).map(text)).toEqual([word])
      // The channel leaves the connection open, so that it is lent again.
      expect(server.accepted()).toBe(1)
    }))
})
