// Real TLS on loopback.
import type { TlsConnection } from "@socketpool/node"
import { fork, provideScope } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Fiber, Option, Schedule, Scope } from "effect"
import type * as net from "node:net"
import type * as tls from "node:tls"
import { socketsTo } from "./fixtures/census.js"
import { sslAlert } from "./fixtures/openssl.js"
import { type Behave, echo, eventually, serve, silent, type TestServer } from "./fixtures/server.js"
import { ask, make, open } from "./fixtures/tlsClient.js"
import { ca, expired, localhost, otherHost, selfSigned, serveTls } from "./fixtures/tlsServer.js"

const briefly = Schedule.spaced("1 millis")

describe("what a handshake tells the server", () => {
  const names = Effect.gen(function*() {
    const seen: Array<string | false | null | undefined> = []
    const server = yield* serveTls((socket) => {
      seen.push(socket.servername)
      socket.pipe(socket)
    })
    return { seen, server }
  })

  it.scopedLive("is the name of the host", () =>
    Effect.gen(function*() {
      const { seen, server } = yield* names
      yield* ask(yield* open(server.port, { host: "localhost" }), "x")
      yield* ask(yield* open(server.port, { servername: "localhost" }), "x")
      expect(seen).toEqual(["localhost", "localhost"])
    }))

  it.scopedLive("is not an address, which is verified all the same", () =>
    Effect.gen(function*() {
      const { seen, server } = yield* names
      yield* ask(yield* open(server.port), "x")
      yield* ask(yield* open(server.port, { host: "localhost", servername: "127.0.0.1" }), "x")
      expect(seen).toEqual([false, false])
    }))

  it.scopedLive("is the application protocols, of which one is agreed on", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, { ALPNProtocols: ["h2", "redis"] })
      const connection = yield* open(server.port, { alpn: ["redis", "http/1.1"] })
      expect(connection.alpnProtocol).toEqual(Option.some("redis"))
    }))

  it.scopedLive("leads to no application protocol with a server that does not care", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      expect((yield* open(server.port, { alpn: ["redis"] })).alpnProtocol).toEqual(Option.none())
      expect((yield* open(server.port, { alpn: [] })).alpnProtocol).toEqual(Option.none())
      expect((yield* open(server.port)).alpnProtocol).toEqual(Option.none())
    }))

  it.live("leads to Tls when there is no application protocol in common", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serveTls(echo, { ALPNProtocols: ["h2"] })
      const error = yield* Effect.flip(Effect.scoped(open(server.port, { alpn: ["redis"] })))
      expect(error).toMatchObject({ reason: "Tls", code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" })
    })))
})

interface Bad {
  readonly serve: (port?: number) => Effect.Effect<TestServer, never, Scope.Scope>
  /** The client's wish, which this server cannot fulfil. */
  readonly options?: Partial<TlsConnection.Options>
  /** The version that could. */
  readonly good?: tls.TlsOptions
  /** The code, or a matcher of it, if it is always the same. */
  readonly code?: unknown
  /** Default: `Tls`. */
  readonly reason?: unknown
}

const plain = (behave: Behave): Bad["serve"] => () => serve(behave)
const secure = (options: tls.TlsOptions): Bad["serve"] => (port) => serveTls(echo, options, port)
const afterHello = (then: (socket: net.Socket) => void): Bad["serve"] =>
  plain((socket) => void socket.once("data", () => then(socket)))

const bad: Record<string, Bad> = {
  "an expired certificate": { serve: secure(expired), code: "CERT_HAS_EXPIRED" },
  "a certificate for another name": {
    serve: secure(otherHost),
    options: { servername: "localhost" },
    code: "ERR_TLS_CERT_ALTNAME_INVALID"
  },
  "a certificate without the address": { serve: secure(otherHost), code: "ERR_TLS_CERT_ALTNAME_INVALID" },
  "a self-signed certificate": { serve: secure(selfSigned), code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  "a certificate of an authority that is not trusted": {
    serve: secure(localhost),
    options: { ca: selfSigned.cert },
    good: selfSigned,
    code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
  },
  "a version that is too old": {
    serve: secure({ maxVersion: "TLSv1.2" }),
    options: { minVersion: "TLSv1.3" },
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"
  },
  "an answer in plain text": {
    serve: afterHello((socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")),
    code: "ERR_SSL_WRONG_VERSION_NUMBER"
  },
  "a greeting in plain text": { serve: plain((socket) => void socket.write("220 hello, whoever you are\r\n")) },
  "a FIN after the first message": { serve: afterHello((socket) => void socket.end()), code: "ECONNRESET" },
  "a RST after the first message": {
    serve: afterHello((socket) => void socket.resetAndDestroy()),
    code: "ECONNRESET"
  },
  "a FIN right away": { serve: plain((socket) => void socket.end()) },
  // It may come so early that there was no connection yet.
  "a RST right away": {
    serve: plain((socket) => void socket.resetAndDestroy()),
    reason: expect.stringMatching(/^(Tls|Refused)$/)
  },
  "a missing client certificate with TLS 1.2": {
    serve: secure({ requestCert: true, ca, maxVersion: "TLSv1.2" }),
    code: sslAlert("HANDSHAKE_FAILURE")
  }
}

describe("a handshake that fails", () => {
  for (const [what, { code, good, options, reason = "Tls", serve }] of Object.entries(bad)) {
    const expected = { _tag: "ConnectError", reason, ...(code === undefined ? {} : { code }) }

    it.scopedLive(`is ConnectError Tls after ${what}, and leaves no socket though the scope is open still`, () =>
      Effect.gen(function*() {
        const server = yield* serve()
        const error = yield* Effect.flip(open(server.port, options))
        expect(error).toMatchObject({ ...expected, address: `127.0.0.1:${server.port}` })
        expect(socketsTo(server.port)).toEqual({})
      }))

    it.scopedLive(`gives the pool its place back after ${what}; a good server serves the next borrower`, () =>
      Effect.gen(function*() {
        const { pool, port } = yield* Effect.acquireUseRelease(
          Scope.make(),
          (serving) =>
            Effect.gen(function*() {
              const { port } = yield* provideScope(serve(), serving)
              const pool = yield* make(port, { ...options, maxConnections: 1 })
              expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(expected)
              expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(expected)
              yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
              expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, closing: 0, opened: 0, openFailed: 2 })
              expect(socketsTo(port)).toEqual({})
              return { pool, port }
            }),
          (serving) => Scope.close(serving, Exit.void)
        )
        yield* serveTls(echo, good, port)
        expect(yield* pool.use((connection) => ask(connection, "at last"))).toBe("at last")
      }))
  }
})

describe("a server that stalls in the handshake", () => {
  it.scopedLive("is ConnectError HandshakeTimeout, and no socket is left though the scope is open still", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const error = yield* Effect.flip(open(server.port, { connectTimeout: "100 millis" }))
      expect(error).toMatchObject({ _tag: "ConnectError", reason: "HandshakeTimeout" })
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("costs the pool nothing: the place is free again", () =>
    Effect.gen(function*() {
      const server = yield* serve(silent)
      const pool = yield* make(server.port, { connectTimeout: "100 millis", maxConnections: 1 })
      for (const openFailed of [1, 2]) {
        expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject({ reason: "HandshakeTimeout" })
        yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
        expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, closing: 0, opened: 0, openFailed })
      }
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("leaves no socket when the open is interrupted", () =>
    Effect.gen(function*() {
      let heard = false
      const server = yield* serve((socket) => void socket.once("data", () => heard = true))
      const opening = yield* fork(Effect.scoped(open(server.port)))
      yield* eventually("the handshake has begun", () => heard)
      yield* Fiber.interrupt(opening)
      expect(socketsTo(server.port)).toEqual({})
      yield* eventually("the server has none", () => server.sockets.size === 0)
    }))

  it.scopedLive("leaves no socket when the open is interrupted and its scope goes on", () =>
    Effect.gen(function*() {
      let heard = false
      const server = yield* serve((socket) => void socket.once("data", () => heard = true))
      const opening = yield* fork(open(server.port))
      yield* eventually("the handshake has begun", () => heard)
      yield* Fiber.interrupt(opening)
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scopedLive("does not keep the pool from closing", () =>
    Effect.gen(function*() {
      let heard = 0
      const server = yield* serve((socket) => void socket.once("data", () => heard++))
      const pool = yield* make(server.port, { initialConnections: 3 })
      yield* eventually("the handshakes have begun", () => heard === 3)
      yield* pool.close
      expect(yield* pool.stats).toMatchObject({ opening: 0, idle: 0, inUse: 0, closing: 0 })
      expect(socketsTo(server.port)).toEqual({})
    }))
})
