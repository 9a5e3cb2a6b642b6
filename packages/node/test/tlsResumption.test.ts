// Real TLS on loopback: what happens to the sessions that a pool keeps.
import type { TlsConnection, TlsPool } from "@socketpool/node"
import { exitOf, fork, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import { constants } from "node:crypto"
import type * as net from "node:net"
import * as tls from "node:tls"
import { socketsTo } from "./fixtures/census.js"
import { echo, eventually, listening } from "./fixtures/server.js"
import { breakOff, handshakeFailure, serveSessions } from "./fixtures/sessionServer.js"
import { ask, make } from "./fixtures/tlsClient.js"
import { expired, localhost, otherHost } from "./fixtures/tlsServer.js"
import { nothingIsLeft } from "./fixtures/witnesses.js"

const versions = ["TLSv1.2", "TLSv1.3"] as const

/** Asks over a connection that no one else uses. The answer comes after every ticket of the handshake. */
const askOnce = (connection: TlsConnection.TlsConnection) =>
  Effect.map(ask(connection, "hello"), () => connection.isResumed)

/** A pool each of whose leases needs an open. */
const single = (port: number, options: Partial<TlsPool.Options> = {}) =>
  make(port, { maxConnections: 1, maxUses: 1, ...options })

const times = <A, E, R>(n: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: n }, () => effect))

describe("a server that breaks off handshakes with a session", () => {
  for (const maxVersion of versions) {
    for (const [how, refuse] of Object.entries(breakOff)) {
      it.live(`costs one attempt and no borrower an error: ${how}, ${maxVersion}`, () =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* serveSessions({ maxVersion }, refuse)
          const pool = yield* Effect.scoped(Effect.gen(function*() {
            const pool = yield* single(server.port)
            expect(yield* times(10, pool.use(askOnce))).toEqual(Array.from({ length: 10 }, () => false))
            expect(yield* pool.stats).toMatchObject({ opened: 10, openFailed: 0 })
            return pool
          }))
          yield* nothingIsLeft({ pool, port: server.port, server: () => server.sockets.size })
          expect(server.offers()).toBe(1)
          expect(server.accepted()).toBe(11)
          expect(server.peak()).toBe(1)
        })))
    }
  }

  it.scopedLive("costs no borrower an error if sessions have ids and no tickets", () =>
    Effect.gen(function*() {
      const issued = new Set<string>()
      const secured = tls.createServer(
        { ...localhost, maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET },
        echo
      )
      secured.on("newSession", (id: Buffer, _data: Buffer, done: () => void) => {
        issued.add(id.toString("hex"))
        done()
      })
      const server = yield* listening(secured)
      secured.on("tlsClientError", () => {})
      secured.on("resumeSession", (id: Buffer, done: (error: null, session: null) => void) => {
        if (!issued.has(id.toString("hex"))) return done(null, null)
        for (const socket of server.sockets) socket.destroy()
      })
      const pool = yield* single(server.port)
      yield* times(10, pool.use(askOnce))
      expect(server.accepted()).toBe(11)
      expect(server.peak()).toBe(1)
    }))

  it.scoped("is offered one again after an hour", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({}, breakOff["a RST"])
      const pool = yield* single(server.port)
      const use = pool.use(askOnce)
      yield* times(3, use)
      expect(server.offers()).toBe(1)
      yield* TestClock.adjust("59 minutes")
      yield* use
      expect(server.offers()).toBe(1)
      yield* TestClock.adjust("1 minute")
      yield* use
      expect(server.offers()).toBe(2)
      yield* use
      expect(server.offers()).toBe(2)
    }))

  it.scopedLive("is not told from one that is down: the error is that of the attempt without a session", () =>
    Effect.gen(function*() {
      let isDown = false
      const server = yield* serveSessions({}, (socket) => isDown ? breakOff["a RST"]!(socket) : false)
      const pool = yield* single(server.port)
      yield* pool.use(askOnce)
      isDown = true
      server.identity(expired)
      expect(yield* Effect.flip(pool.use(askOnce))).toMatchObject({ reason: "Tls", code: "CERT_HAS_EXPIRED" })
      expect(server.accepted()).toBe(3)
      isDown = false
      server.identity({})
      // Sessions were not what it refused, so it is offered one again.
      expect(yield* times(2, pool.use(askOnce))).toEqual([false, true])
    }))

  it.scopedLive("is asked again when the first socket has closed, though the server keeps its own", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({}, (socket) => void socket.write(handshakeFailure))
      const sockets: Array<net.Socket> = []
      let open = 0
      const pool = yield* single(server.port, {
        host: "name.internal",
        servername: "localhost",
        lookup: () =>
          Effect.sync(() => {
            open = Math.max(open, sockets.filter((socket) => !socket.closed).length)
            return ["127.0.0.1"]
          }),
        startTls: (connection) => Effect.sync(() => void sockets.push(connection.socket))
      })
      yield* times(2, pool.use(askOnce))
      expect([sockets.length, open]).toEqual([3, 0])
    }))

  it.scoped("is asked again within the same connectTimeout, and startTls runs again", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({}, breakOff["a RST"])
      const conversations = [Effect.void, Effect.sleep("3 seconds"), Effect.never]
      let begun = 0
      const startTls = () => Effect.suspend(() => conversations[begun++]!)
      const pool = yield* single(server.port, { startTls, connectTimeout: "5 seconds" })
      yield* pool.use(askOnce)
      const borrower = yield* fork(Effect.flip(pool.use(askOnce)))
      yield* eventually("the first conversation has begun", () => begun === 2)
      yield* TestClock.adjust("3 seconds")
      yield* eventually("the second conversation has begun", () => begun === 3)
      expect(server.accepted()).toBe(3)
      yield* TestClock.adjust("1999 millis")
      expect(exitOf(borrower)).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(borrower)).toMatchObject({ reason: "HandshakeTimeout" })
      expect(socketsTo(server.port)).toEqual({})
    }))

  it.scoped("and stalls instead costs one borrower its connectTimeout", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({}, () => {})
      const pool = yield* single(server.port, { connectTimeout: "5 seconds" })
      yield* pool.use(askOnce)
      const borrower = yield* fork(Effect.flip(pool.use(askOnce)))
      yield* eventually("the session is offered", () => server.offers() === 1)
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(borrower)).toMatchObject({ reason: "HandshakeTimeout" })
      yield* times(5, pool.use(askOnce))
      expect(server.offers()).toBe(1)
    }))

  it.scopedLive("is tried once more only: a borrower that is interrupted leaves no socket", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({}, () => {})
      const pool = yield* single(server.port)
      yield* pool.use(askOnce)
      yield* eventually("the connection has closed", () => server.sockets.size === 0)
      const borrower = yield* fork(pool.use(askOnce))
      yield* eventually("the session is offered", () => server.offers() === 1)
      yield* Fiber.interrupt(borrower)
      yield* pool.close
      expect(socketsTo(server.port)).toEqual({})
      expect(server.accepted()).toBe(2)
    }))
})

describe("a session", () => {
  for (const maxVersion of versions) {
    it.scoped(`is offered for two hours after the last full handshake, ${maxVersion}`, () =>
      Effect.gen(function*() {
        const server = yield* serveSessions({ maxVersion })
        const pool = yield* single(server.port)
        const resumed: Array<boolean> = []
        for (let hour = 0; hour < 6; hour++) {
          resumed.push(yield* pool.use(askOnce))
          yield* TestClock.adjust("1 hour")
        }
        expect(resumed).toEqual([false, true, false, true, false, true])
        expect(server.offers()).toBe(3)
      }))

    it.scopedLive(`is not offered with resume false, ${maxVersion}`, () =>
      Effect.gen(function*() {
        const server = yield* serveSessions({ maxVersion })
        const pool = yield* single(server.port, { resume: false })
        expect(yield* times(3, pool.use(askOnce))).toEqual([false, false, false])
        expect(server.offers()).toBe(0)
      }))

    it.scopedLive(`is not offered after clear, ${maxVersion}`, () =>
      Effect.gen(function*() {
        const server = yield* serveSessions({ maxVersion })
        const pool = yield* single(server.port)
        expect(yield* times(2, pool.use(askOnce))).toEqual([false, true])
        yield* pool.clear
        expect(yield* pool.use(askOnce)).toBe(false)
        expect(server.offers()).toBe(1)
        expect(yield* pool.use(askOnce)).toBe(true)
      }))
  }

  // A resumed handshake checks no name. A session of somebody else must never be kept.
  it.scopedLive.each(
    [["of another name", otherHost, "ERR_TLS_CERT_ALTNAME_INVALID"], [
      "that has expired",
      expired,
      "CERT_HAS_EXPIRED"
    ]] as const
  )(
    "does not hide a certificate %s, which is not tried again",
    ([, identity, code]) =>
      Effect.gen(function*() {
        const server = yield* serveSessions({})
        const pool = yield* single(server.port)
        yield* pool.use(askOnce)
        server.identity(identity)
        for (const accepted of [2, 3]) {
          expect(yield* Effect.flip(pool.use(askOnce))).toMatchObject({ reason: "Tls", code })
          expect(server.accepted()).toBe(accepted)
        }
        // The first of them offered one. It was not refused, so that nothing is paused.
        expect(server.offers()).toBe(1)
        server.identity({})
        expect(yield* times(2, pool.use(askOnce))).toEqual([false, true])
      })
  )

  it.scopedLive("of TLS 1.3 is offered once, also by opens at the same time", () =>
    Effect.gen(function*() {
      const server = yield* serveSessions({})
      const pool = yield* make(server.port, { maxConnections: 5, maxUses: 1 })
      yield* pool.use(askOnce)
      // A full handshake gives two tickets.
      const resumed = yield* Effect.all(Array.from({ length: 4 }, () => pool.use(askOnce)), {
        concurrency: "unbounded"
      })
      expect(resumed.filter(Boolean)).toHaveLength(2)
      expect(server.offers()).toBe(2)
    }))
})
