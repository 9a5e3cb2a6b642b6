// Real sockets on loopback: plain text first, TLS afterwards.
import { type TcpConnection, TcpPool, TlsConnection, TlsPool } from "@socketpool/node"
import { fork, provideScope, reasonOf, timeoutFail } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import type * as net from "node:net"
import * as tls from "node:tls"
import { socketsTo } from "./fixtures/census.js"
import { type Behave, echo, eventually, lines, serve, silent } from "./fixtures/server.js"
import { open } from "./fixtures/tcpClient.js"
import { ask, text } from "./fixtures/tlsClient.js"
import { ca, expired, type Identity, localhost } from "./fixtures/tlsServer.js"

const briefly = Schedule.spaced("1 millis")

/** Starts TLS on a socket that nothing else reads any more. */
const secure = (socket: net.Socket, identity: Identity = localhost) => {
  const secured = new tls.TLSSocket(socket, { isServer: true, ...identity })
  secured.on("error", () => {})
  secured.pipe(secured)
}

/** Answers STARTTLS with `answer`, starts TLS and echoes everything. */
const startingTls = (answer = "OK\n", identity?: Identity): Behave => (socket) => {
  socket.on("data", (chunk) => {
    if (chunk.toString("latin1") !== "STARTTLS\n") return socket.destroy()
    socket.removeAllListeners("data")
    socket.write(answer)
    secure(socket, identity)
  })
}

class NotOffered {
  readonly _tag = "NotOffered"
  constructor(readonly answer: string) {}
}

const startTls = (connection: TcpConnection.TcpConnection) =>
  Effect.gen(function*() {
    yield* connection.send("STARTTLS\n")
    const answer = text(yield* connection.recvUntil("\n"))
    if (answer !== "OK\n") return yield* Effect.fail(new NotOffered(answer))
  })

const options = (port: number) => ({ host: "127.0.0.1", port, ca, startTls })

describe("startTls", () => {
  it.scopedLive("speaks in plain text first, then TLS, on one connection", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const connection = yield* TlsConnection.open(options(server.port))
      expect(yield* ask(connection, "secret")).toBe("secret")
      expect(connection.protocol).toBe("TLSv1.3")
      expect(server.accepted()).toBe(1)
    }))

  it.live("runs once for each connection of a pool, whose leases reuse it, and leaves no socket", () =>
    Effect.gen(function*() {
      let started = 0
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* serve(startingTls())
        yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* TlsPool.make({
            ...options(server.port),
            maxConnections: 2,
            startTls: (connection) => Effect.andThen(Effect.sync(() => started++), startTls(connection))
          })
          const answers = yield* Effect.forEach(
            ["a", "b", "c", "d", "e", "f"],
            (question) => pool.use((connection) => ask(connection, question)),
            { concurrency: 3 }
          )
          expect(answers).toEqual(["a", "b", "c", "d", "e", "f"])
          expect(started).toBe((yield* pool.stats).opened)
          expect(started).toBeLessThanOrEqual(2)
        }))
        expect(socketsTo(server.port)).toEqual({})
        yield* eventually("the server has none", () => server.sockets.size === 0)
      }))
    }))

  it.scopedLive("runs before the pool's handshake, which speaks TLS", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const pool = yield* TlsPool.make({
        ...options(server.port),
        handshake: (connection) => Effect.map(ask(connection, "login"), (answer) => expect(answer).toBe("login"))
      })
      expect(yield* pool.use((connection) => ask(connection, "x"))).toBe("x")
    }))

  // CVE-2021-23222
  const injections: Record<string, string> = {
    "a whole answer": "OK\nINJECTED\n",
    "one byte": "OK\n!",
    "a record that looks like TLS": "OK\n\u0016\u0003\u0003\u0000\u0001\u0000"
  }
  for (const [what, answer] of Object.entries(injections)) {
    it.scopedLive(`fails when ${what} arrives in plain text before TLS, and nobody ever reads it as an answer`, () =>
      Effect.gen(function*() {
        const server = yield* serve(startingTls(answer))
        const error = yield* Effect.flip(Effect.scoped(TlsConnection.open(options(server.port))))
        expect(error).toMatchObject({ _tag: "ConnectError", reason: expect.stringMatching(/^(Tls|Other)$/) })
        expect(socketsTo(server.port)).toEqual({})

        let used = 0
        const pool = yield* TlsPool.make({ ...options(server.port), maxConnections: 1 })
        const borrowed = yield* Effect.flip(pool.use(() => Effect.sync(() => used++)))
        expect(borrowed).toMatchObject({ _tag: "ConnectError" })
        yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
        expect(used).toBe(0)
        expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, opened: 0, openFailed: 1 })
        expect(socketsTo(server.port)).toEqual({})
      }))
  }

  it.scopedLive("that fails fails the open with its own failure, and frees its place", () =>
    Effect.gen(function*() {
      const server = yield* serve(lines((_line, reply) => reply("NO")))
      const expected = { _tag: "NotOffered", answer: "NO\n" }
      expect(yield* Effect.flip(Effect.scoped(TlsConnection.open(options(server.port))))).toMatchObject(expected)
      expect(socketsTo(server.port)).toEqual({})

      const pool = yield* TlsPool.make({ ...options(server.port), maxConnections: 1 })
      expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(expected)
      yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
      expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, opened: 0, openFailed: 1 })
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("that dies is a defect of the open", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const exit = yield* Effect.exit(
        TlsConnection.open({ ...options(server.port), startTls: () => Effect.die("a bug of the protocol's") })
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("a bug of the protocol's")
    }))

  it.scopedLive("that takes too long causes ConnectError HandshakeTimeout", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const error = yield* Effect.flip(TlsConnection.open({ ...options(server.port), connectTimeout: "100 millis" }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "HandshakeTimeout" })
    }))

  const failing: Record<string, Behave> = {
    "has failed": lines((_line, reply) => reply("NO")),
    "has taken too long": silent,
    "has left plain text behind": startingTls("OK\nINJECTED\n")
  }
  for (const [how, behave] of Object.entries(failing)) {
    it.scopedLive(`that ${how} leaves no socket, although the scope of the open stays open`, () =>
      Effect.gen(function*() {
        const server = yield* serve(behave)
        yield* Effect.flip(TlsConnection.open({ ...options(server.port), connectTimeout: "100 millis" }))
        yield* eventually("no socket is left", () => Object.keys(socketsTo(server.port)).length === 0)
      }))
  }

  it.scopedLive("whose own timeout passes causes ConnectError HandshakeTimeout", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const error = yield* Effect.flip(TlsConnection.open({ ...options(server.port), timeout: "50 millis" }))
      expect(error).toMatchObject({
        reason: "HandshakeTimeout",
        cause: { _tag: "ConnectionError", reason: "Timeout" }
      })
    }))

  it.scopedLive("fails with ConnectError when the peer goes away halfway", () =>
    Effect.gen(function*() {
      const server = yield* serve((socket) => void socket.once("data", () => socket.end()))
      expect(yield* Effect.flip(TlsConnection.open(options(server.port)))).toMatchObject({
        _tag: "ConnectError",
        reason: "Other",
        cause: { _tag: "ConnectionError", reason: "EndOfStream" }
      })
    }))

  it.scopedLive("does not weaken verification", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls("OK\n", expired))
      const error = yield* Effect.flip(TlsConnection.open(options(server.port)))
      expect(error).toMatchObject({ reason: "Tls", code: "CERT_HAS_EXPIRED" })
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("leaves its plain connection Released", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      let plain: TcpConnection.TcpConnection | undefined
      const connection = yield* TlsConnection.open({
        ...options(server.port),
        startTls: (one) => {
          plain = one
          return startTls(one)
        }
      })
      expect(yield* Effect.flip(plain!.send("in the clear"))).toMatchObject({ reason: "Released" })
      expect(yield* Effect.flip(plain!.recv())).toMatchObject({ reason: "Released" })
      expect(() => plain!.socket).toThrow("Released")
      expect(yield* ask(connection, "x")).toBe("x")
    }))

  for (const scope of ["closes", "goes on"]) {
    it.scopedLive(`leaves no socket when it is interrupted and its scope ${scope}`, () =>
      Effect.gen(function*() {
        let heard = false
        const server = yield* serve((socket) => void socket.once("data", () => heard = true))
        const open = TlsConnection.open(options(server.port))
        const opening = yield* fork(scope === "closes" ? Effect.scoped(open) : open)
        yield* eventually("it has begun", () => heard)
        yield* Fiber.interrupt(opening)
        yield* eventually("no socket is left", () => Object.keys(socketsTo(server.port)).length === 0)
      }))
  }
})

describe("upgrade", () => {
  it.scopedLive("starts TLS on a connection from TcpConnection.open", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const plain = yield* open(server.port)
      yield* startTls(plain)
      const connection = yield* TlsConnection.upgrade(plain, { ca })
      expect(yield* ask(connection, "secret")).toBe("secret")
      expect(connection.remoteAddress).toMatchObject({ hostname: "127.0.0.1", port: server.port })
      expect(connection.isConnected).toBe(true)
    }))

  it.scopedLive("leaves the plain connection Released", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const plain = yield* open(server.port)
      yield* startTls(plain)
      const connection = yield* TlsConnection.upgrade(plain, { ca })
      expect(yield* Effect.flip(plain.send("in the clear"))).toMatchObject({ reason: "Released" })
      expect(yield* Effect.flip(plain.recv())).toMatchObject({ reason: "Released" })
      expect(() => plain.socket).toThrow("Released")
      expect(plain.isConnected).toBe(false)
      expect(yield* ask(connection, "x")).toBe("x")
    }))

  it.live("leaves no socket when the scopes close, whichever closes first", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* serve(startingTls())
        for (const first of ["plain", "secured"]) {
          const scopes = { plain: yield* Scope.make(), secured: yield* Scope.make() }
          const plain = yield* provideScope(open(server.port), scopes.plain)
          yield* startTls(plain)
          const connection = yield* provideScope(TlsConnection.upgrade(plain, { ca }), scopes.secured)
          expect(yield* ask(connection, "x")).toBe("x")
          yield* Scope.close(first === "plain" ? scopes.plain : scopes.secured, Exit.void)
          yield* connection.closed
          yield* Scope.close(first === "plain" ? scopes.secured : scopes.plain, Exit.void)
          expect(socketsTo(server.port)).toEqual({})
          yield* eventually("the server has none", () => server.sockets.size === 0)
        }
      }))
    }))

  it.scopedLive("completes `closed` of the plain connection", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const plain = yield* open(server.port)
      const closed = yield* fork(plain.closed)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* startTls(plain)
        yield* TlsConnection.upgrade(plain, { ca })
      }))
      yield* eventually("the socket is gone", () => Object.keys(socketsTo(server.port)).length === 0)
      const ended = Effect.as(Fiber.join(closed), "closed")
      expect(yield* timeoutFail(ended, { duration: "30 seconds", onTimeout: () => "never" })).toBe("closed")
    }))

  it.scopedLive("verifies the name that the plain connection was opened with", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const names: Array<[string, string | undefined, boolean]> = [
        ["127.0.0.1", undefined, true],
        ["localhost", undefined, true],
        ["127.0.0.1", "localhost", true],
        ["127.0.0.1", "other.example", false]
      ]
      for (const [host, servername, fits] of names) {
        const plain = yield* open(server.port, { host })
        yield* startTls(plain)
        const exit = yield* Effect.exit(
          TlsConnection.upgrade(plain, { ca, ...(servername === undefined ? {} : { servername }) })
        )
        expect({ host, servername, fits: Exit.isSuccess(exit) }).toEqual({ host, servername, fits })
      }
    }))

  it.scopedLive("fails with Tls when plain text is unread", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls("OK\nINJECTED\n"))
      const plain = yield* open(server.port)
      yield* startTls(plain)
      expect(yield* Effect.flip(TlsConnection.upgrade(plain, { ca }))).toMatchObject({
        _tag: "ConnectError",
        reason: "Tls"
      })
      expect(yield* Effect.flip(plain.recv())).toMatchObject({ reason: "Released" })
    }))

  it.scopedLive("fails with Tls when the certificate is invalid, or the peer has gone", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls("OK\n", expired))
      const plain = yield* open(server.port)
      yield* startTls(plain)
      expect(yield* Effect.flip(TlsConnection.upgrade(plain, { ca }))).toMatchObject({
        reason: "Tls",
        code: "CERT_HAS_EXPIRED"
      })

      const gone = yield* open(server.port)
      for (const socket of server.sockets) socket.end()
      yield* Effect.flip(gone.recv())
      expect(yield* Effect.flip(TlsConnection.upgrade(gone, { ca }))).toMatchObject({
        reason: "Tls",
        cause: { message: "the peer has gone" }
      })
    }))

  const notOurs = (exit: Exit.Exit<unknown, unknown>) => {
    expect(Exit.isFailure(exit) && reasonOf(exit.cause)).toBe("Die")
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(
      "connection must be one that TcpConnection.open has given"
    )
  }

  it.scopedLive("of a pooled connection is a defect, and the connection stays usable", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const pool = yield* TcpPool.make({ host: "127.0.0.1", port: server.port, maxConnections: 1 })
      yield* pool.use((connection) =>
        Effect.gen(function*() {
          notOurs(yield* Effect.exit(TlsConnection.upgrade(connection, { ca })))
          yield* connection.send("plain")
          expect(text(yield* connection.recvExactly(5))).toBe("plain")
        })
      )
      expect((yield* pool.stats).opened).toBe(1)
    }))

  it.scopedLive("in the handshake of a pool is a defect, too", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const pool = yield* TcpPool.make({
        host: "127.0.0.1",
        port: server.port,
        maxConnections: 1,
        handshake: (connection) =>
          Effect.scoped(Effect.andThen(startTls(connection), TlsConnection.upgrade(connection, { ca })))
      })
      notOurs(
        yield* Effect.exit(
          timeoutFail(pool.use(() => Effect.void), { duration: "30 seconds", onTimeout: () => "hangs" })
        )
      )
    }))

  it.scopedLive("of a connection that was already upgraded is a defect", () =>
    Effect.gen(function*() {
      const server = yield* serve(startingTls())
      const plain = yield* open(server.port)
      yield* startTls(plain)
      const connection = yield* TlsConnection.upgrade(plain, { ca })
      notOurs(yield* Effect.exit(TlsConnection.upgrade(plain, { ca })))
      notOurs(yield* Effect.exit(TlsConnection.upgrade(connection, { ca })))
      expect(yield* ask(connection, "x")).toBe("x")
    }))

  it.live("leaves no socket when it is interrupted and the scopes close", () =>
    Effect.scoped(Effect.gen(function*() {
      let heard = 0
      const server = yield* serve((socket) => void socket.on("data", () => heard++))
      const opening = yield* fork(
        Effect.scoped(Effect.flatMap(open(server.port), (plain) => TlsConnection.upgrade(plain, { ca })))
      )
      yield* eventually("it has begun", () => heard === 1)
      yield* Fiber.interrupt(opening)
      expect(socketsTo(server.port)).toEqual({})
    })))
})
