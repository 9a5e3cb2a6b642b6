// Real sockets on loopback: connecting from a given address, which bypasses Node's own choice of addresses.
import { type TcpConnection, TcpPool, TlsConnection } from "@socketpool/node"
import { async, fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Fiber } from "effect"
import * as net from "node:net"
import { socketsTo } from "./fixtures/census.js"
import { echo, eventually, serve } from "./fixtures/server.js"
import { open } from "./fixtures/tcpClient.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"

/** A name that stands for these addresses. */
const named = (...addresses: ReadonlyArray<string>) => ({ host: "db.test", lookup: () => Effect.succeed(addresses) })

/** A server on both loopback addresses. */
const serveBoth = Effect.acquireRelease(
  async<net.Server>((resume) => {
    const server = net.createServer(echo)
    server.listen({ port: 0, host: "::" }, () => resume(Effect.succeed(server)))
  }),
  (server) => async<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map((server) => (server.address() as net.AddressInfo).port))

describe("localAddress", () => {
  it.scopedLive("is the address that the connection comes from", () =>
    Effect.gen(function*() {
      const from: Array<string | undefined> = []
      const server = yield* serve((socket) => void from.push(socket.remoteAddress))
      const connection = yield* open(server.port, { localAddress: "127.0.0.7" })
      expect(connection.localAddress.hostname).toBe("127.0.0.7")
      yield* eventually("the server has accepted", () => from.length === 1)
      expect(from).toEqual(["127.0.0.7"])
    }))

  it.scopedLive("that this machine does not have causes LocalResources", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const error = yield* Effect.flip(open(server.port, { localAddress: "192.0.2.1" }))
      expect(error).toMatchObject({ reason: "LocalResources", code: "EADDRNOTAVAIL", attempts: [] })
    }))

  type Case = readonly [string, Partial<TcpConnection.Options>, from: string, to: string]
  const reached: ReadonlyArray<Case> = [
    ["of two families", { ...named("::1", "127.0.0.1"), localAddress: "127.0.0.1" }, "127.0.0.1", "127.0.0.1"],
    ["of two families", { ...named("127.0.0.1", "::1"), localAddress: "::1" }, "::1", "::1"],
    ["from the system's resolver", { host: "localhost", localAddress: "127.0.0.1" }, "127.0.0.1", "127.0.0.1"],
    ["in IPv6 form from IPv4", { ...named("::ffff:127.0.0.1"), localAddress: "127.0.0.1" }, "127.0.0.1", "127.0.0.1"],
    ["from IPv6 form to IPv4", { localAddress: "::ffff:127.0.0.1" }, "127.0.0.1", "127.0.0.1"],
    ["from IPv6 form, in hexadecimal", { localAddress: "0:0:0:0:0:FFFF:7f00:0001" }, "127.0.0.1", "127.0.0.1"],
    ["in IPv6 form itself", { host: "::ffff:127.0.0.1", localAddress: "127.0.0.1" }, "127.0.0.1", "127.0.0.1"],
    ["in IPv6 form on both sides", { host: "::ffff:7f00:1", localAddress: "::ffff:7f00:1" }, "127.0.0.1", "127.0.0.1"],
    ["without a choice", { host: "::1", localAddress: "::1" }, "::1", "::1"]
  ]
  it.scopedLive.each(reached)("reaches an address %s: %j", ([, options, from, to]) =>
    Effect.gen(function*() {
      const port = yield* serveBoth
      const { localAddress, remoteAddress } = yield* open(port, options)
      expect([localAddress.hostname, remoteAddress.hostname]).toEqual([from, to])
    }))

  const unreachable: ReadonlyArray<readonly [string, Partial<TcpConnection.Options>, object]> = [
    ["the name has no address of its family", { ...named("::1", "::2"), localAddress: "127.0.0.1" }, {
      reason: "Dns",
      cause: { message: "localAddress 127.0.0.1 is an IPv4 address, and db.test has only ::1, ::2" }
    }],
    ["the name has only IPv4 addresses", { ...named("127.0.0.1", "::ffff:10.0.0.1"), localAddress: "::1" }, {
      reason: "Dns",
      cause: { message: "localAddress ::1 is an IPv6 address, and db.test has only 127.0.0.1, 10.0.0.1" }
    }],
    ["the name is unknown to the system", { host: "nowhere.invalid", localAddress: "127.0.0.1" }, {
      reason: "Dns",
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/)
    }],
    ["lookup fails", { host: "db.test", lookup: () => Effect.fail({ code: "ENOENT" }), localAddress: "127.0.0.1" }, {
      reason: "Dns",
      code: "ENOENT"
    }],
    ["host is an address of the other family", { host: "::1", localAddress: "127.0.0.1" }, {
      reason: "Unreachable",
      cause: { message: "localAddress 127.0.0.1 is an IPv4 address, and ::1 is none" }
    }]
  ]
  it.scopedLive.each(unreachable)("is a ConnectError if %s", ([, options, expected]) =>
    Effect.gen(function*() {
      for (
        const opening of [
          Effect.scoped(Effect.asVoid(open(1, options))),
          Effect.scoped(Effect.asVoid(TlsConnection.open({ host: "127.0.0.1", port: 1, ...options }))),
          Effect.flatMap(
            TcpPool.make({ host: "127.0.0.1", port: 1, ...options }),
            (pool) => pool.use(() => Effect.void)
          )
        ]
      ) {
        expect(yield* Effect.flip(opening)).toMatchObject({ _tag: "ConnectError", ...expected })
      }
    }))

  it.scopedLive("tries the next address if one refuses", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const connection = yield* open(port, { ...named("127.0.0.2", "127.0.0.1"), localAddress: "127.0.0.1" })
      expect(connection.remoteAddress.hostname).toBe("127.0.0.1")
      expect(socketsTo(port)).toEqual({ ESTABLISHED: 1 })
    }))

  it.scopedLive("lists each address of its family that was tried", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      yield* Effect.promise(() => server.stop())
      const { port } = server
      const refused = (...addresses: ReadonlyArray<string>) =>
        Effect.flip(open(port, { ...named(...addresses), localAddress: "127.0.0.1" }))
      expect(yield* refused("127.0.0.2", "::1", "127.0.0.1")).toMatchObject({
        reason: "Refused",
        code: "ECONNREFUSED",
        address: `db.test:${port}`,
        attempts: [
          { address: `127.0.0.2:${port}`, code: "ECONNREFUSED" },
          { address: `127.0.0.1:${port}`, code: "ECONNREFUSED" }
        ]
      })
      expect((yield* refused("::1", "127.0.0.1")).attempts).toEqual([
        { address: `127.0.0.1:${port}`, code: "ECONNREFUSED" }
      ])
      expect(socketsTo(port)).toEqual({})
      yield* Effect.promise(() => server.start())
    }))

  it.scopedLive("serves TLS as well, with the name of the host", () =>
    Effect.gen(function*() {
      const server = yield* serveTls(echo)
      const connection = yield* TlsConnection.open({
        ...named("::1", "127.0.0.1"),
        port: server.port,
        servername: "localhost",
        localAddress: "127.0.0.3",
        ca
      })
      expect(connection.localAddress.hostname).toBe("127.0.0.3")
    }))

  it.scopedLive("does not keep an interrupted open from ending, nor leave a socket", () =>
    Effect.gen(function*() {
      const server = yield* serve(echo)
      const options = { ...named("127.0.0.1"), localAddress: "127.0.0.1" }
      const opening = yield* fork(Effect.scoped(Effect.andThen(open(server.port, options), Effect.never)))
      yield* eventually("it is connected", () => server.sockets.size === 1)
      yield* Fiber.interrupt(opening)
      expect(socketsTo(server.port)).toEqual({})
    }))
})
