// Real TLS on loopback.
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { TlsConnection, TlsPool } from "@socketpool/node"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Redacted, Schedule, Scheduler, Scope } from "effect"
import { spawn } from "node:child_process"
import type * as net from "node:net"
import * as path from "node:path"
import type * as tls from "node:tls"
import { socketsTo } from "./fixtures/census.js"
import { sslAlert } from "./fixtures/openssl.js"
import { type Behave, echo, eventually, serve, silent, type TestServer } from "./fixtures/server.js"
import {
  type BehaveSecurely,
  ca,
  client,
  encryptedKey,
  expired,
  localhost,
  otherHost,
  passphrase,
  selfSigned,
  serveTls,
  type TlsTestServer
} from "./fixtures/tlsServer.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const briefly = Schedule.spaced("1 millis")
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const open = (port: number, options: Partial<TlsConnection.Options> = {}) =>
  TlsConnection.open({ host: "127.0.0.1", port, ca, ...options })
const make = (port: number, options: Partial<TlsPool.Options> = {}) =>
  TlsPool.make({ host: "127.0.0.1", port, ca, ...options })

type Pool = Effect.Effect.Success<ReturnType<typeof TlsPool.make>>

const ask = (connection: TlsConnection.TlsConnection, question: string) =>
  Effect.map(Effect.zipRight(connection.send(question), connection.recvExactly(question.length)), text)

const defectOf = <A, E>(exit: Exit.Exit<A, E>): string => {
  expect(Exit.isFailure(exit) && exit.cause._tag).toBe("Die")
  return Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
}

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

describe("a TLS connection", () => {
  it.scopedLive("sends and receives what the certificate has protected", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const connection = yield* open(server.port)
      expect(yield* ask(connection, "hello")).toBe("hello")
      expect(connection.protocol).toBe("TLSv1.3")
      expect(connection.isResumed).toBe(false)
      expect(connection.remoteAddress).toEqual({ _tag: "TcpAddress", hostname: "127.0.0.1", port: server.port })
      const [peer] = server.sockets
      expect(connection.localAddress).toEqual({ _tag: "TcpAddress", hostname: "127.0.0.1", port: peer!.remotePort })
    }))

  it.scopedLive("shows neither keys nor the socket when it is printed", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const connection = yield* open(server.port)
      expect(JSON.parse(JSON.stringify(connection))).toEqual({
        _id: "@socketpool/node/TlsConnection",
        address: `127.0.0.1:${server.port}`,
        isConnected: true
      })
    }))

  it.scopedLive("delivers megabytes in both directions to a holder who reads late", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const connection = yield* open(server.port)
      const data = new Uint8Array(4_000_000).map((_, i) => (i * 31) % 251)
      const writer = yield* Effect.fork(connection.send(data))
      yield* eventually("the server is held back", () => {
        const [peer] = server.secured
        return peer !== undefined && peer.writableNeedDrain
      })
      const got = yield* connection.recvExactly(data.length)
      yield* Fiber.join(writer)
      expect(Buffer.compare(got, data)).toBe(0)
    }), 30_000)

  it.scopedLive("verifies the name of the certificate, which is host unless servername says otherwise", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, otherHost)
      expect(yield* Effect.flip(Effect.scoped(open(server.port, { host: "localhost" })))).toMatchObject({
        reason: "Tls",
        code: "ERR_TLS_CERT_ALTNAME_INVALID"
      })
      expect(yield* ask(yield* open(server.port, { servername: "other.example" }), "x")).toBe("x")
    }))

  it.scopedLive("keeps as many bytes as highWaterMark says", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const { socket } = yield* open(server.port, { highWaterMark: 1_000 })
      expect(socket.readableHighWaterMark).toBe(1_000)
      expect(socket.writableHighWaterMark).toBe(1_000)
    }))

  it.scopedLive("goes on sending after the peer's end with allowHalfOpen", () =>
    Effect.gen(function*() {
      let got = ""
      const server = yield* serveTls((socket) => {
        socket.on("data", (chunk) => got += chunk.toString("latin1"))
        socket.end("bye")
      }, { allowHalfOpen: true } as tls.TlsOptions)
      const connection = yield* open(server.port, { allowHalfOpen: true })
      expect(text(yield* connection.recvExactly(3))).toBe("bye")
      expect(yield* Effect.flip(connection.recv())).toMatchObject({ reason: "EndOfStream" })
      yield* connection.send("more")
      yield* eventually("the server has it", () => got === "more")
    }))

  it.scopedLive("takes the authorities as one text, as bytes and as several", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const bytes = new TextEncoder().encode(ca)
      for (const trusted of [ca, bytes, [selfSigned.cert, bytes]]) {
        expect(yield* ask(yield* open(server.port, { ca: trusted }), "x")).toBe("x")
      }
    }))

  it.live("ends in order: the server gets everything, then a clean end, and no socket is left", () =>
    Effect.scoped(Effect.gen(function*() {
      const log: Array<string> = []
      const server = yield* serveTls((socket) => {
        let got = ""
        socket.on("data", (chunk) => got += chunk.toString("latin1"))
        socket.on("end", () => log.push(`end after ${got.length}`))
        socket.on("error", (error) => log.push(String(error)))
        socket.on("close", (hadError) => log.push(`close ${hadError}`))
      })
      yield* Effect.scoped(Effect.flatMap(open(server.port), (connection) => connection.send("x".repeat(500_000))))
      expect(socketsTo(server.port)).toEqual({})
      yield* eventually("the server has closed", () => server.sockets.size === 0 && log.length >= 2)
      expect(log).toEqual(["end after 500000", "close false"])
    })))

  it.live("tells a reader of the peer's end and of its reset", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serveTls(silent)
      for (const how of ["EndOfStream", "Reset"]) {
        const connection = yield* open(server.port)
        const reader = yield* Effect.fork(Effect.flip(connection.recv()))
        yield* eventually("the server has it", () => server.secured.size === 1)
        const [peer] = server.secured
        if (how === "Reset") { for (const raw of server.sockets) raw.resetAndDestroy() }
        else peer!.end()
        expect(yield* Fiber.join(reader)).toMatchObject({ _tag: "ConnectionError", reason: how })
        yield* connection.closed
        yield* eventually("the server has none", () => server.sockets.size + server.secured.size === 0)
      }
    })))

  // Between the end of the handshake and the fiber's next turn nobody may fail to listen.
  it.scopedLive(
    "learns of a reset that comes right after the handshake, however late its fiber goes on",
    () =>
      Effect.gen(function*() {
        const server = yield* serveTls(() => {
          for (const raw of server.sockets) raw.resetAndDestroy()
        })
        const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
          const connection = yield* open(server.port)
          return yield* connection.recv().pipe(Effect.timeoutFail({ duration: "3 seconds", onTimeout: () => "hangs" }))
        }))).pipe(Effect.withScheduler(Scheduler.timer(50)))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: expect.any(String) })
      }),
    20_000
  )
})

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
  /** What the client wants, which this server cannot give. */
  readonly options?: Partial<TlsConnection.Options>
  /** Who could. */
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
              const { port } = yield* Scope.extend(serve(), serving)
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
      const opening = yield* Effect.fork(Effect.scoped(open(server.port)))
      yield* eventually("the handshake has begun", () => heard)
      yield* Fiber.interrupt(opening)
      expect(socketsTo(server.port)).toEqual({})
      yield* eventually("the server has none", () => server.sockets.size === 0)
    }))

  it.scopedLive("leaves no socket when the open is interrupted and its scope goes on", () =>
    Effect.gen(function*() {
      let heard = false
      const server = yield* serve((socket) => void socket.once("data", () => heard = true))
      const opening = yield* Effect.fork(open(server.port))
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

describe("verification", () => {
  const variable = "NODE_TLS_REJECT_UNAUTHORIZED"
  let before: string | undefined
  beforeEach(() => {
    before = process.env[variable]
  })
  afterEach(() => {
    if (before === undefined) delete process.env[variable]
    else process.env[variable] = before
  })

  it.scopedLive("is not switched off by NODE_TLS_REJECT_UNAUTHORIZED=0", () =>
    Effect.gen(function*() {
      process.env[variable] = "0"
      const server = yield* serveTls(echo, expired)
      const error = { reason: "Tls", code: "CERT_HAS_EXPIRED" }
      expect(yield* Effect.flip(open(server.port))).toMatchObject(error)
      expect(yield* Effect.flip(open(server.port, { dangerouslySkipVerification: false }))).toMatchObject(error)
      const pool = yield* make(server.port)
      expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(error)
    }))

  it.scopedLive("is not switched off by a polluted prototype", () =>
    Effect.gen(function*() {
      const polluted = Object.prototype as { dangerouslySkipVerification?: boolean }
      yield* Effect.addFinalizer(() => Effect.sync(() => delete polluted.dangerouslySkipVerification))
      const server = yield* serveTls(echo, expired)
      polluted.dangerouslySkipVerification = true
      const error = { reason: "Tls", code: "CERT_HAS_EXPIRED" }
      expect(yield* Effect.flip(open(server.port))).toMatchObject(error)
      const pool = yield* make(server.port)
      expect(yield* Effect.flip(pool.use(() => Effect.void))).toMatchObject(error)
    }))

  it.scopedLive("is skipped with dangerouslySkipVerification", () =>
    Effect.gen(function*() {
      const options = { dangerouslySkipVerification: true }
      for (const identity of [expired, otherHost, selfSigned]) {
        const server = yield* serveTls(echo, identity)
        expect(yield* ask(yield* open(server.port, options), "x")).toBe("x")
        const pool = yield* make(server.port, options)
        expect(yield* pool.use((connection) => ask(connection, "x"))).toBe("x")
      }
    }))
})

describe("a client certificate", () => {
  const demanding = { requestCert: true, rejectUnauthorized: true, ca }
  const key = Redacted.make(client.key)

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scopedLive(`is shown to a server that asks for it, with ${maxVersion}`, () =>
      Effect.gen(function*() {
        const seen: Array<unknown> = []
        const server = yield* serveTls((socket) => {
          seen.push(socket.getPeerCertificate().subject.CN)
          socket.pipe(socket)
        }, { ...demanding, maxVersion })
        const connection = yield* open(server.port, { cert: client.cert, key })
        expect(yield* ask(connection, "x")).toBe("x")
        const bytes = new TextEncoder()
        const pool = yield* make(server.port, {
          cert: bytes.encode(client.cert),
          key: Redacted.make(bytes.encode(client.key))
        })
        expect(yield* pool.use((connection) => ask(connection, "y"))).toBe("y")
        expect(seen).toEqual(["client", "client"])
        expect(connection.protocol).toBe(maxVersion)
      }))
  }

  it.scopedLive("may have a key that is encrypted with a passphrase", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, demanding)
      const options = {
        cert: client.cert,
        key: Redacted.make(encryptedKey),
        passphrase: Redacted.make(passphrase)
      }
      expect(yield* ask(yield* open(server.port, options), "x")).toBe("x")
      const pool = yield* make(server.port, options)
      expect(yield* pool.use((connection) => ask(connection, "x"))).toBe("x")
    }))

  it.scopedLive("that is missing fails the first read with TLS 1.3", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, demanding)
      const connection = yield* open(server.port)
      expect(yield* Effect.flip(connection.recv())).toMatchObject({
        _tag: "ConnectionError",
        operation: "read",
        code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"
      })
      yield* connection.closed
    }))

  it.scopedLive("that is missing fails the open with TLS 1.3 if the pool's handshake makes a round trip", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo, demanding)
      const pool = yield* make(server.port, { maxConnections: 1, handshake: (connection) => ask(connection, "ping") })
      const error = yield* Effect.flip(pool.use(() => Effect.void))
      expect(error).toMatchObject({
        _tag: "ConnectError",
        reason: "Other",
        cause: { _tag: "ConnectionError", code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }
      })
      yield* Effect.repeat(pool.stats, { until: (stats) => stats.opening === 0, schedule: briefly })
      expect(yield* pool.stats).toMatchObject({ idle: 0, inUse: 0, opened: 0, openFailed: 1 })
      expect(socketsTo(server.port)).toEqual({})
    }))
})

describe("wrong options", () => {
  const wrong: ReadonlyArray<[string, Partial<TlsConnection.Options>]> = [
    ["cert", { key: Redacted.make(client.key) }],
    ["key", { cert: client.cert }],
    ["cert, key", { cert: localhost.cert, key: Redacted.make(client.key) }],
    ["cert, key and passphrase", {
      cert: client.cert,
      key: Redacted.make(encryptedKey),
      passphrase: Redacted.make("not this one")
    }],
    ["cert, key and passphrase", { cert: client.cert, key: Redacted.make(encryptedKey) }],
    ["cert, key", { cert: client.cert, key: Redacted.make(client.key.replaceAll("M", "N")) }],
    ["ca", { ca: "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n" }],
    ["servername", { servername: "" }],
    ["alpn", { alpn: [""] }],
    ["alpn", { alpn: ["x".repeat(256)] }],
    ["minVersion", { minVersion: "TLSv9" as "TLSv1.3" }]
  ]
  for (const [index, [names, options]] of wrong.entries()) {
    it.effect(`are a defect of the open and of the pool that names them: ${names} (${index + 1})`, () =>
      Effect.gen(function*() {
        const said = [
          defectOf(yield* Effect.exit(Effect.scoped(open(1, options)))),
          defectOf(yield* Effect.exit(Effect.scoped(make(1, options))))
        ]
        for (const message of said) {
          expect(message).toContain(names)
          for (const secret of [client.key, encryptedKey]) {
            for (const line of secret.split("\n").slice(1, -2)) expect(message).not.toContain(line)
          }
          expect(message).not.toContain("not this one")
        }
      }))
  }
})

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
        Effect.zipRight(ask(connection, "x"), Effect.sync(() => connection.isResumed))
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
  it.live("gives everyone his own answer over at most maxConnections, which are used again", () =>
    withPool(echo, { maxConnections: 3 }, (pool, server) =>
      Effect.gen(function*() {
        const call = (n: number) =>
          pool.use((connection) =>
            Effect.gen(function*() {
              yield* connection.send(`request ${n}\n`)
              expect(text(yield* connection.recvUntil("\n"))).toBe(`request ${n}\n`)
            })
          )
        yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), call, { concurrency: 50, discard: true })
        expect(server.accepted()).toBeLessThanOrEqual(3)
        expect((yield* pool.stats).acquired).toBe(200)
      })))

  it.live("keeps a connection idle though the server sends session tickets of its own accord", () =>
    withPool(echo, { initialConnections: 1, maxConnections: 1 }, (pool, server) =>
      Effect.gen(function*() {
        yield* idleCount(pool, 1)
        yield* eventually("the server is ready too", () => server.secured.size === 1)
        expect(yield* pool.use((connection) => ask(connection, "x"))).toBe("x")
        expect(yield* pool.use((connection) => ask(connection, "y"))).toBe("y")
        expect((yield* pool.stats).opened).toBe(1)
      })))

  it.live("gives a holder whose lease has ended Released", () =>
    withPool(echo, { maxConnections: 1 }, (pool) =>
      Effect.gen(function*() {
        const stale = yield* pool.use((connection) => Effect.succeed(connection))
        yield* pool.use((connection) =>
          Effect.gen(function*() {
            const released = { _tag: "ConnectionError", reason: "Released" }
            expect(yield* Effect.flip(stale.send("sneaky"))).toMatchObject(released)
            expect(yield* Effect.flip(stale.recv())).toMatchObject(released)
            expect(() => stale.socket).toThrow("Released")
            expect(() => stale.alpnProtocol).toThrow("Released")
            expect(() => stale.protocol).toThrow("Released")
            expect(() => stale.isResumed).toThrow("Released")
            expect(stale.isConnected).toBe(false)
            expect(yield* ask(connection, "mine")).toBe("mine")
          })
        )
        expect((yield* pool.stats).opened).toBe(1)
      })))

  const ends: Record<string, (server: TlsTestServer) => void> = {
    "the peer's end": (server) => server.secured.forEach((socket) => socket.end()),
    "the peer's FIN without a word of TLS": (server) => server.sockets.forEach((socket) => socket.end()),
    "the peer's RST": (server) => server.sockets.forEach((socket) => socket.resetAndDestroy())
  }
  for (const [what, end] of Object.entries(ends)) {
    it.live(`closes an idle connection as Disconnected after ${what}, without a borrow`, () =>
      withPool(silent, { initialConnections: 2, maxConnections: 2 }, (pool, server) =>
        Effect.gen(function*() {
          yield* idleCount(pool, 2)
          yield* eventually("the server is ready too", () => server.secured.size === 2)
          end(server)
          yield* idleCount(pool, 0)
          expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 2, Discarded: 0 })
        })))
  }

  it.live("closes an idle connection as Desync when bytes come that nobody asked for", () =>
    withPool(echo, { initialConnections: 2, maxConnections: 2 }, (pool, server) =>
      Effect.gen(function*() {
        yield* idleCount(pool, 2)
        yield* eventually("the server is ready too", () => server.secured.size === 2)
        for (const socket of server.secured) socket.write("surprise")
        yield* idleCount(pool, 0)
        expect((yield* pool.stats).closed).toMatchObject({ Disconnected: 0, Desync: 2 })
        expect(yield* pool.use((connection) => ask(connection, "mine"))).toBe("mine")
      })))

  it.live("closes a connection that comes back with input that nobody has read", () =>
    withPool(echo, { maxConnections: 1 }, (pool) =>
      Effect.gen(function*() {
        yield* pool.use((connection) => Effect.zipRight(connection.send("two"), connection.recvExactly(2)))
        expect(yield* pool.use((connection) => ask(connection, "new"))).toBe("new")
        expect((yield* pool.stats).opened).toBe(2)
      })))

  it.live("sends output on its way before the connection is lent again", () =>
    Effect.gen(function*() {
      let release = () => {}
      let got = 0
      const reluctant: BehaveSecurely = (socket) => {
        socket.pause()
        release = () => void socket.on("data", (chunk) => got += chunk.length).resume()
      }
      const onRelease = () => Effect.succeed("keep" as const)
      yield* withPool(reluctant, { maxConnections: 1, closeTimeout: "30 seconds", onRelease }, (pool, server) =>
        Effect.gen(function*() {
          const size = 6_000_000
          yield* pool.use((connection) =>
            Effect.gen(function*() {
              const writer = yield* Effect.fork(connection.send(new Uint8Array(size)))
              yield* eventually("output waits", () =>
                server.secured.size === 1 && connection.socket.writableNeedDrain)
              release()
              yield* Fiber.join(writer)
              yield* connection.send(new Uint8Array(10))
            })
          )
          yield* pool.use(() =>
            Effect.void
          )
          yield* eventually("all has come", () => got === size + 10)
          expect((yield* pool.stats).opened).toBe(1)
        }))
    }))

  it.live("takes a leased socket away when the drain is over", () =>
    withPool(silent, { maxConnections: 1, drainTimeout: "50 millis" }, (pool) =>
      Effect.gen(function*() {
        const leased = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(
          Effect.flip(pool.use((connection) => Effect.zipRight(Deferred.succeed(leased, undefined), connection.recv())))
        )
        yield* Deferred.await(leased)
        yield* pool.close
        expect(yield* Fiber.join(holder)).toMatchObject({ reason: "Released" })
      })))

  it.scopedLive("does not keep the process alive with idle connections", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const program = path.join(import.meta.dirname, "fixtures", "tlsProgram.ts")
      const ended = yield* Effect.promise(() =>
        new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
          const child = spawn(process.execPath, ["--import", "tsx", program, String(server.port)])
          let output = ""
          child.stdout.on("data", (data) => output += data)
          child.stderr.on("data", (data) => output += data)
          const timer = setTimeout(() => child.kill("SIGKILL"), 170_000)
          child.on("exit", (code) => {
            clearTimeout(timer)
            resolve({ code, output })
          })
        })
      )
      expect(ended).toEqual({ code: 0, output: "idle\n" })
    }))
})
