// Real TLS on loopback.
import type { TlsConnection } from "@socketpool/node"
import { reasonOf } from "@socketpool/test-seam"
import { afterEach, beforeEach, describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Redacted, Schedule } from "effect"
import { socketsTo } from "./fixtures/census.js"
import { echo } from "./fixtures/server.js"
import { ask, make, open } from "./fixtures/tlsClient.js"
import {
  ca,
  client,
  encryptedKey,
  expired,
  localhost,
  otherHost,
  passphrase,
  selfSigned,
  serveTls
} from "./fixtures/tlsServer.js"

const briefly = Schedule.spaced("1 millis")

const defectOf = <A, E>(exit: Exit.Exit<A, E>): string => {
  expect(Exit.isFailure(exit) && reasonOf(exit.cause)).toBe("Die")
  return Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
}

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
