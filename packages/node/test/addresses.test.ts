import { TcpConnection, TcpPool, TlsConnection, TlsPool, UnixConnection, UnixPool } from "@socketpool/node"
import { hasDies } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit } from "effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { booked, echo } from "./fixtures/server.js"
import { ca, otherHost, serveTls } from "./fixtures/tlsServer.js"

const lookup = () => Effect.succeed(["127.0.0.1"])

/** A server at an address that is no port of 127.0.0.1. */
const listenAt = (at: net.ListenOptions) =>
  Effect.suspend(() => {
    const server = net.createServer(echo)
    const listen = () => new Promise<void>((done, fail) => server.once("error", fail).listen(at, done))
    return Effect.map(booked(server, listen, (socket) => void socket.destroy()), () => server.address())
  })

const ask = (connection: TcpConnection.TcpConnection | UnixConnection.UnixConnection) =>
  Effect.andThen(connection.send("x\n"), connection.recvUntil("\n"))

const complaint = (effect: Effect.Effect<unknown, unknown, never>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit) || !hasDies(exit.cause)) return "nothing"
    const defect = Cause.squash(exit.cause)
    return defect instanceof RangeError ? defect.message : `no RangeError: ${defect}`
  })

describe("a host", () => {
  it.scopedLive("may be an IPv6 address in brackets, as a URL has it", () =>
    Effect.gen(function*() {
      const { port } = (yield* listenAt({ host: "::1", port: 0 })) as net.AddressInfo
      const { hostname } = new URL(`tcp://[::1]:${port}`)
      expect(hostname).toBe("[::1]")
      const pool = yield* TcpPool.make({ host: hostname, port })
      expect(pool.name).toBe(`tcp://[::1]:${port}`)
      expect(yield* pool.use((connection) => Effect.as(ask(connection), connection.remoteAddress.hostname))).toBe("::1")
    }))

  /** The name that a client sends (SNI), and the one that it asks the resolver for. */
  const sentFor = (options: Partial<TlsConnection.Options>) =>
    Effect.gen(function*() {
      let asked = "nothing"
      const server = yield* serveTls(echo, otherHost)
      const lookup = (host: string) => Effect.sync(() => [(asked = host, "127.0.0.1")])
      const opened = yield* TlsConnection.open({ host: "other.example", port: server.port, ca, lookup, ...options })
      yield* ask(opened)
      const [socket] = server.secured
      return [asked, (socket as { readonly servername?: string } | undefined)?.servername]
    })

  it.scopedLive("of other letters is asked for, sent and verified in its encoded form", () =>
    Effect.gen(function*() {
      const options = { host: "bücher.test", dangerouslySkipVerification: true }
      expect(yield* sentFor(options)).toEqual(["xn--bcher-kva.test", "xn--bcher-kva.test"])
      expect(yield* sentFor({ servername: "bücher.test", dangerouslySkipVerification: true })).toEqual([
        "other.example",
        "xn--bcher-kva.test"
      ])
      const pool = yield* TcpPool.make({ host: "bücher.test", port: 1 })
      expect(pool.name).toBe("tcp://xn--bcher-kva.test:1")
    }))

  it.scopedLive("with a dot at its end is sent and verified without it", () =>
    Effect.gen(function*() {
      expect(yield* sentFor({ host: "other.example." })).toEqual(["other.example.", "other.example"])
      expect(yield* sentFor({ servername: "other.example." })).toEqual(["other.example", "other.example"])
    }))

  const wrong: ReadonlyArray<readonly [host: string, message: RegExp]> = [
    ["127.0.0.1\0.internal", /host must be a host name .* but is "127\.0\.0\.1\\u0000\.internal"$/],
    ["user:hunter2@localhost", /host must be .* but is "<redacted>@localhost"$/],
    ["tcp://user:hunter2@localhost", /host must be .* but is "<redacted>@localhost"$/],
    ["localhost\r\nX: y", /host must be .* but is "localhost\\r\\nX: y"$/],
    ["two words", /host must be/],
    ["localhost/path", /host must be/],
    ["localhost:5432", /host must be a host name or an IP address, without a port/],
    ["[localhost]", /host must be/],
    ["[127.0.0.1]", /host must be/],
    ["[::1]:5432", /host must be/],
    ["::1::2", /host must be/],
    ["１２７.0.0.1", /host must be a name that DNS can hold/],
    ["ex%41mple", /host must be/],
    ["a\ud800", /host must be/],
    ["x".repeat(254), /host must be at most 253 characters long, but is a string of 254 characters$/]
  ]
  it.effect.each(wrong)("is refused before it becomes a name: %j", ([host, message]) =>
    Effect.gen(function*() {
      const options = { host, port: 1, lookup }
      for (
        const making of [
          TcpConnection.open(options),
          TcpPool.make(options),
          TlsPool.make(options),
          TlsConnection.open({ ...options, host: "localhost", servername: host })
        ]
      ) {
        const said = yield* complaint(Effect.scoped(making as Effect.Effect<unknown, unknown>))
        expect(said.replace("servername", "host")).toMatch(message)
        expect(said).not.toContain("hunter2")
      }
    }))
})

describe("a path", () => {
  it.scopedLive("with NUL is refused, and nothing is connected to", () =>
    Effect.gen(function*() {
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), "socketpool-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(directory, { recursive: true })))
      const real = path.join(directory, "real.sock")
      yield* listenAt({ path: real })
      yield* ask(yield* UnixConnection.open({ path: real }))
      for (const wrong of [`${real}\0.other`, `${real}\n`, "\0", "\0a\0b"]) {
        for (const making of [UnixConnection.open({ path: wrong }), UnixPool.make({ path: wrong })]) {
          const said = yield* complaint(Effect.scoped(making as Effect.Effect<unknown, unknown>))
          expect(said).toMatch(/path must be a (string|path) without control characters/)
        }
      }
    }))

  it.scopedLive.skipIf(os.platform() !== "linux")(
    "that begins with NUL is an abstract name, shown with @",
    () =>
      Effect.gen(function*() {
        const name = `socketpool-${process.pid}`
        yield* listenAt({ path: `\0${name}` })
        const pool = yield* UnixPool.make({ path: `\0${name}` })
        expect(pool.name).toBe(`unix:@${name}`)
        yield* pool.use(ask)
      })
  )
})
