// Layers of socket pools: tags of one's own, failFast, and URLs.
import { type ConnectError, type Connection, type ConnectionPool, Pool } from "@socketpool/core"
import { type TcpConnection, TcpPool, TcpPoolLive, type TlsConnection, TlsPool, UnixPool } from "@socketpool/node"
import { config, configured, isMissingValue, tag } from "@socketpool/test-seam"
import { describe, expect, expectTypeOf, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Cause, Data, Effect, Exit, Layer, Schedule, type Scope } from "effect"
import type * as ConfigError from "effect/ConfigError"
import { echo, serve } from "./fixtures/server.js"
import { ca, serveTls } from "./fixtures/tlsServer.js"
import { serveUnix } from "./fixtures/unixServer.js"

class Plain extends Pool.Service<Plain, Connection, ConnectError>()("test/Plain") {}
class Wide extends Pool.Service<Wide, Connection, ConnectError | "Other">()("test/Wide") {}
class Tcp extends Pool.Service<Tcp, TcpConnection.TcpConnection, ConnectError>()("test/Tcp") {}
class Tls extends Pool.Service<Tls, TlsConnection.TlsConnection, ConnectError>()("test/Tls") {}
class Texts extends Pool.Service<Texts, string, ConnectError>()("test/Texts") {}
class Sure extends Pool.Service<Sure, Connection>()("test/Sure") {}

const ask = (connection: Connection) =>
  Effect.map(
    Effect.andThen(connection.send("hi\n"), connection.recvUntil("\n")),
    (bytes) => new TextDecoder().decode(bytes)
  )
const options = { host: "localhost", port: 1 }

describe("the types", () => {
  type Made<C> = Effect.Effect<ConnectionPool<C, ConnectError>, never, Scope.Scope>

  it("a pool of sockets is a pool of connections, never the other way round", () => {
    const tcp = TcpPool.make(options)
    expectTypeOf(tcp).toMatchTypeOf<Made<TcpConnection.TcpConnection>>()
    expectTypeOf(tcp).toMatchTypeOf<Made<Connection>>()
    expectTypeOf(tcp).not.toMatchTypeOf<Made<TlsConnection.TlsConnection>>()
    expectTypeOf(tcp).not.toMatchTypeOf<Made<string>>()
    expectTypeOf<Made<Connection>>().not.toMatchTypeOf(tcp)
    expectTypeOf<ConnectionPool<Connection, ConnectError>>().toMatchTypeOf<
      ConnectionPool<Connection, ConnectError | 1>
    >()
    expectTypeOf<ConnectionPool<Connection, ConnectError>>().not.toMatchTypeOf<ConnectionPool<Connection>>()
  })

  it("each kind of layer takes the tags that it can serve", () => {
    expectTypeOf(TcpPool.layerOf(Plain, options)).toEqualTypeOf<Layer.Layer<Plain>>()
    expectTypeOf(TcpPool.layerOf(Wide, options)).toEqualTypeOf<Layer.Layer<Wide>>()
    expectTypeOf(TcpPool.layerOf(Tcp, options)).toEqualTypeOf<Layer.Layer<Tcp>>()
    expectTypeOf(TcpPool.layerOf(Pool, options)).toEqualTypeOf<Layer.Layer<Pool>>()
    expectTypeOf(TlsPool.layerOf(Tls, options)).toEqualTypeOf<Layer.Layer<Tls>>()
    expectTypeOf(UnixPool.layerOf(Plain, { path: "/p" })).toEqualTypeOf<Layer.Layer<Plain>>()
    // @ts-expect-error a TcpConnection is no TlsConnection
    TcpPool.layerOf(Tls, options)
    // @ts-expect-error a UnixConnection is no TcpConnection
    UnixPool.layerOf(Tcp, { path: "/p" })
    // @ts-expect-error a TcpConnection is no text
    TcpPool.layerOf(Texts, options)
    // @ts-expect-error the tag promises that opens never fail
    TcpPool.layerOf(Sure, options)
    const server = (server: MemoryServer.MemoryServer) => {
      expectTypeOf(server.layerOf(Plain)).toEqualTypeOf<Layer.Layer<Plain>>()
      // @ts-expect-error a connection in memory has no socket
      return server.layerOf(Tcp)
    }
    expect(server).toBeTypeOf("function")
  })

  it("what handshake fails with is an error of the pool, and what hooks need is asked of the caller", () => {
    class Denied extends Data.TaggedError("Denied") {}
    class Login extends tag<Login, string>()("test/Login") {}
    class Audit extends tag<Audit, string>()("test/Audit") {}
    class Names extends tag<Names, string>()("test/Names") {}
    const denied = new Denied()
    const hooks = {
      ...options,
      handshake: (connection: Connection) =>
        Effect.andThen(Login, Effect.andThen(ask(connection), Effect.fail(denied))),
      validate: () => Effect.as(Audit, true),
      lookup: () => Effect.as(Names, ["127.0.0.1"]),
      // Neither widens the error.
      retry: Schedule.spaced("1 second"),
      isFatal: (error: { readonly _tag: string }) => error._tag === "Denied"
    }
    type Needs = Login | Audit | Names
    expectTypeOf(TcpPool.make(hooks)).toEqualTypeOf<
      Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError | Denied>, never, Needs | Scope.Scope>
    >()
    expectTypeOf(TlsPool.make({ ...hooks, startTls: () => Effect.fail("no TLS" as const) })).toEqualTypeOf<
      Effect.Effect<
        ConnectionPool<TlsConnection.TlsConnection, ConnectError | Denied | "no TLS">,
        never,
        Needs | Scope.Scope
      >
    >()
    expectTypeOf(TcpPool.layer(hooks)).toEqualTypeOf<Layer.Layer<Pool, never, Needs>>()
    expectTypeOf(TcpPool.layer({ ...hooks, failFast: true })).toEqualTypeOf<Layer.Layer<Pool, ConnectError, Needs>>()
    class Strict extends Pool.Service<Strict, Connection, ConnectError | Denied>()("test/Strict") {}
    expectTypeOf(TcpPool.layerOf(Strict, { ...hooks, failFast: true })).toEqualTypeOf<
      Layer.Layer<Strict, ConnectError | Denied, Needs>
    >()
    // @ts-expect-error the tag does not know Denied
    TcpPool.layerOf(Plain, hooks)
    expectTypeOf(TcpPool.make({ ...options, handshake: ask, retry: Schedule.spaced("1 second") })).toEqualTypeOf<
      Effect.Effect<ConnectionPool<TcpConnection.TcpConnection, ConnectError>, never, Scope.Scope>
    >()
  })

  it("failFast gives a layer the connector's error", () => {
    const failFast = true as boolean
    expectTypeOf(TcpPool.layer({ ...options, failFast: true })).toEqualTypeOf<Layer.Layer<Pool, ConnectError>>()
    expectTypeOf(TcpPool.layer({ ...options, failFast })).toEqualTypeOf<Layer.Layer<Pool, ConnectError>>()
    expectTypeOf(TcpPool.layer({ ...options, failFast: false })).toEqualTypeOf<Layer.Layer<Pool>>()
    expectTypeOf(TcpPool.layer(options)).toEqualTypeOf<Layer.Layer<Pool>>()
    expectTypeOf(TcpPoolLive("localhost", 1, { failFast: true })).toEqualTypeOf<Layer.Layer<Pool, ConnectError>>()
    expectTypeOf(TcpPoolLive("localhost", 1)).toEqualTypeOf<Layer.Layer<Pool>>()
    expectTypeOf(TcpPool.layerOf(Plain, { ...options, failFast: true }))
      .toEqualTypeOf<Layer.Layer<Plain, ConnectError>>()
    const address = { host: config.string("HOST"), port: config.integer("PORT") }
    expectTypeOf(TcpPool.layerConfig(address)).toEqualTypeOf<Layer.Layer<Pool, ConfigError.ConfigError>>()
    expectTypeOf(TcpPool.layerConfig(address, { failFast: true }))
      .toEqualTypeOf<Layer.Layer<Pool, ConfigError.ConfigError | ConnectError>>()
    expectTypeOf(TcpPool.layerConfigOf(Plain, address)).toEqualTypeOf<Layer.Layer<Plain, ConfigError.ConfigError>>()
  })
})

describe("a tag of one's own is served by", () => {
  const answered = <E>(layer: Layer.Layer<Plain, E>) =>
    Effect.map(Effect.provide(Plain.use(ask), layer), (answer) => expect(answer).toBe("hi\n"))

  it.scopedLive("TcpPool.layerOf", () =>
    Effect.flatMap(serve(echo), ({ port }) => answered(TcpPool.layerOf(Plain, { host: "127.0.0.1", port }))))

  it.scopedLive("TcpPool.layerConfigOf", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const layer = TcpPool.layerConfigOf(Plain, { host: config.string("HOST"), port: config.integer("PORT") })
      yield* answered(Layer.provide(layer, configured({ HOST: "127.0.0.1", PORT: String(port) })))
      const missing = Effect.flip(Layer.build(Layer.provide(layer, configured({ HOST: "127.0.0.1" }))))
      expect(isMissingValue(yield* missing)).toBe(true)
    }))

  it.scopedLive("TlsPool.layerOf", () =>
    Effect.flatMap(serveTls(echo), ({ port }) => answered(TlsPool.layerOf(Plain, { host: "localhost", port, ca }))))

  it.scopedLive("UnixPool.layerOf", () =>
    Effect.flatMap(serveUnix(echo), ({ path }) => answered(UnixPool.layerOf(Plain, { path }))))

  it.scopedLive("MemoryServer.layerOf", () =>
    Effect.flatMap(
      MemoryServer.make((peer) => Effect.forever(Effect.flatMap(peer.recvUntil("\n"), (line) => peer.send(line)))),
      (server) => answered(server.layerOf(Plain, { maxConnections: 1 }))
    ))
})

describe("failFast", () => {
  const closedPort = Effect.scoped(Effect.map(serve(echo), ({ port }) => port))

  it.scopedLive("fails the layer with the error of the first open", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      const layer = TcpPool.layer({ host: "127.0.0.1", port, failFast: true })
      expect(yield* Effect.flip(Layer.build(layer))).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
      const address = { host: config.string("HOST"), port: config.integer("PORT") }
      const fast = TcpPool.layerConfig(address, { failFast: true })
      const found = Layer.provide(fast, configured({ HOST: "127.0.0.1", PORT: String(port) }))
      expect(yield* Effect.flip(Layer.build(found))).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
      yield* Layer.build(TcpPool.layer({ host: "127.0.0.1", port, failFast: false }))
    }))

  it.scopedLive("waits until the server is there, and keeps the connection", () =>
    Effect.gen(function*() {
      const { accepted, port } = yield* serve(echo)
      const layer = TcpPool.layerOf(Plain, { host: "127.0.0.1", port, failFast: true })
      const stats = yield* Effect.provide(Plain.stats, layer)
      expect([stats.idle, accepted()]).toEqual([1, 1])
    }))

  it.scopedLive("opens as many as the pool is to begin with", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      for (const counts of [{ initialConnections: 3 }, { minConnections: 3 }]) {
        const layer = TcpPool.layer({ host: "127.0.0.1", port, failFast: true, ...counts })
        expect((yield* Effect.provide(Pool.stats, layer)).idle).toBe(3)
      }
    }))

  it.scopedLive("must be true or false", () =>
    Effect.gen(function*() {
      const layer = TcpPool.layer({ ...options, failFast: "false" as never })
      const exit = yield* Effect.exit(Layer.build(layer))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
        new RangeError("layer: failFast must be true or false, but is \"false\"")
      )
    }))
})

describe("TcpPool.fromUrl", () => {
  const answered = (url: string | URL, more: TcpPool.UrlOptions = {}) =>
    Effect.flatMap(TcpPool.fromUrl(url, more), (pool) => Effect.map(pool.use(ask), (answer) => [pool.name, answer]))

  it.scopedLive("connects by TCP", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const url = `tcp://127.0.0.1:${port}`
      expect(yield* answered(url)).toEqual([url, "hi\n"])
      expect(yield* answered(new URL(`${url}/`), { name: "mine" })).toEqual(["mine", "hi\n"])
    }))

  it.scopedLive("connects to IPv6 addresses", () =>
    Effect.gen(function*() {
      const pool = yield* TcpPool.fromUrl("tcp://[::1]:7")
      expect(pool.name).toBe("tcp://[::1]:7")
    }))

  it.scopedLive("connects by TLS, and verifies", () =>
    Effect.gen(function*() {
      const { port } = yield* serveTls(echo)
      expect(yield* Effect.flip(answered(`tls://localhost:${port}`))).toMatchObject({ reason: "Tls" })
    }))

  it.scopedLive("connects to Unix sockets", () =>
    Effect.gen(function*() {
      const { path } = yield* serveUnix(echo)
      expect(yield* answered(`unix://${path.replaceAll("s", "%73")}`)).toEqual([`unix:${path}`, "hi\n"])
    }))

  it.each([
    ["redis://db:6379", "begins with redis:"],
    ["tcp://db", "begins with tcp:"],
    ["tcp://:6379", "begins with tcp:"],
    ["tcp://db:6379/0", "begins with tcp:"],
    ["tcp://db:6379?password=hunter2", "begins with tcp:"],
    ["tcp://db:6379#hunter2", "begins with tcp:"],
    ["tls://user:hunter2@db:6380", "begins with tls:"],
    ["tcp://db:65536", "begins with tcp:"],
    ["tcp://lo\ncalhost:7", "begins with tcp:"],
    [" tcp://db:7", "has no scheme"],
    ["unix://run/hunter2.sock", "begins with unix:"],
    ["unix:///%E0%A4%A", "begins with unix:"],
    ["unix:///", "begins with unix:"],
    ["db:7", "has no scheme"],
    ["hunter2", "has no scheme"],
    ["hunter2:db:7", "has no scheme"],
    [`${"x".repeat(20)}://db:7`, "has no scheme"],
    ["", "has no scheme"],
    [undefined, "has no scheme"],
    [7, "has no scheme"]
  ])("refuses %s and does not repeat it", (url, found) => {
    const exit = Effect.runSyncExit(Effect.scoped(TcpPool.fromUrl(url as string)))
    const message = Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : ""
    expect(message).toBe(
      "RangeError: TcpPool.fromUrl: url must be tcp://host:port, tls://host:port or unix:///path, without user, " +
        `password, query and fragment, but ${found}`
    )
  })
})
