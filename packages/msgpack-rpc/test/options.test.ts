import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { config, configured, isMissingValue } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer, Spans } from "@socketpool/testing"
import { Cause, Effect, Exit, Layer } from "effect"
import { serve } from "./fixtures/server.js"

const at = { host: "127.0.0.1", port: 6_666 }

const defectOf = (effect: Effect.Effect<unknown, unknown, any>) =>
  Effect.map(
    Effect.exit(Effect.scoped(effect as Effect.Effect<unknown, unknown>)),
    (exit) => Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it succeeded"
  )

describe("the options of a client", () => {
  const wrong: ReadonlyArray<readonly [options: unknown, message: string]> = [
    [undefined, "options must be an object"],
    [{ port: 1 }, "host must be"],
    [{ host: "a b", port: 1 }, "host must be a host name"],
    [{ ...at, port: 0 }, "port must be a whole number from 1 to 65535, but is 0"],
    [{ ...at, maxbytes: 1 }, "maxbytes is not an option: did you mean maxBytes?"],
    [{ ...at, maxBytes: 0 }, "maxBytes must be a whole number of at least 1, but is 0"],
    [{ ...at, mapsAsObjects: 1 }, "mapsAsObjects must be true or false, but is 1"],
    [{ ...at, maxHandling: -1 }, "maxHandling must be a whole number of at least 0, but is -1"],
    [{ ...at, maxConnections: 0 }, "maxConnections must be"],
    [{ ...at, minConnections: 1_000 }, "minConnections must be at most maxConnections"],
    [{ ...at, maxInFlight: 0 }, "maxInFlight must be"],
    [{ ...at, stallTimeout: 0 }, "stallTimeout must be a duration of more than 0"],
    [{ ...at, connectTimeout: 0 }, "connectTimeout must be a duration of more than 0"],
    [{ ...at, concurrency: 2 }, "concurrency is not an option"],
    [{ ...at, onPush: () => {} }, "onPush is not an option"],
    [{ ...at, timeout: 1 }, "timeout is not an option"],
    [{ ...at, handshake: 1 }, "handshake must be a function"],
    [{ ...at, keepAlive: 1 }, "keepAlive must be"],
    [{ ...at, tls: 1 }, "tls must be an object"],
    [{ ...at, tls: { ca: "none" } }, "tls.ca must be a certificate as PEM"],
    [{ ...at, tls: { host: "a" } }, "tls.host is not an option"],
    [{ path: "" }, "path must be"],
    [{ path: "/a", host: "a" }, "host is not an option"],
    [{ path: "/a", tls: true }, "tls is not an option"],
    [{ open: 1 }, "open must be an Effect"],
    [{ open: Effect.never, port: 1 }, "port is not an option"]
  ]
  for (const [options, message] of wrong) {
    it.effect(`are refused: ${message}`, () =>
      Effect.gen(function*() {
        expect(yield* defectOf(MsgpackRpc.make(options as MsgpackRpc.Options))).toContain(
          `RangeError: MsgpackRpc.make: ${message}`
        )
      }))
  }

  const calls: ReadonlyArray<readonly [args: ReadonlyArray<any>, message: string]> = [
    [[""], "MsgpackRpc.call: method must be a string that is not empty"],
    [["m", { a: 1 }], "MsgpackRpc.call: params must be an array, but is <redacted>"],
    [["m", [], { timeout: 0 }], "MsgpackRpc.call: timeout must be a duration of more than 0"],
    [["m", [], { schema: 1 }], "MsgpackRpc.call: schema must be a Schema, but is 1"],
    [["m", [], { shema: 1 }], "MsgpackRpc.call: shema is not an option: did you mean schema?"]
  ]
  for (const [args, message] of calls) {
    it.scoped(`of a call are refused: ${message}`, () =>
      Effect.gen(function*() {
        const rpc = yield* MsgpackRpc.test({})
        expect(yield* defectOf((rpc.call as any)(...args))).toContain(`RangeError: ${message}`)
      }))
  }

  it.scoped("name the pool after its server", () =>
    Effect.gen(function*() {
      const names = yield* Effect.forEach(
        [{ host: "::1", port: 1 }, { ...at, tls: true }, { path: "/run/a.sock" }, { ...at, name: "mine" }],
        (options) => Effect.map(MsgpackRpc.make(options), ({ pool }) => pool.name)
      )
      expect(names).toEqual(["tcp://[::1]:1", "tls://127.0.0.1:6666", "unix:/run/a.sock", "mine"])
    }))

  it.scopedLive("come from the configuration", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) => peer.send([1, message[1], null, "pong"]))
      const layer = MsgpackRpc.layerConfig({ host: config.string("HOST"), port: config.integer("PORT") })
      const ping = MsgpackRpc.Rpc.call("ping")
      const values = configured({ HOST: "127.0.0.1", PORT: `${server.port}` })
      expect(yield* Effect.provide(ping, Layer.provide(layer, values))).toBe("pong")
      const missing = Effect.provide(ping, Layer.provide(layer, configured({ HOST: "a" })))
      expect(isMissingValue(yield* Effect.flip(missing))).toBe(true)
      const plain = Effect.provide(ping, MsgpackRpc.layerConfig({ host: "secret" } as any))
      expect(yield* defectOf(plain)).toContain(
        "MsgpackRpc.layerConfig: host must be a Config, or an object of Configs, but is <redacted>"
      )
    }))

  it.scopedLive("can have hooks that call", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) => {
        if (message[0] === 0) peer.send([1, message[1], message[2] === "refuse" ? "no" : null, message[2]])
      })
      const make = (method: string) =>
        MsgpackRpc.make({
          host: "127.0.0.1",
          port: server.port,
          handshake: ({ call }) => call(method),
          farewell: ({ notify }) => notify("bye")
        })
      yield* Effect.scoped(Effect.flatMap(make("hello"), (rpc) => rpc.call("work")))
      yield* Effect.repeat(Effect.sleep(1), { until: () => server.received.length === 3 })
      expect(server.received.map((message) => message[message.length - 2])).toEqual(["hello", "work", "bye"])
      const refused = yield* Effect.flip(Effect.flatMap(make("refuse"), (rpc) => rpc.call("work")))
      expect(refused).toMatchObject({ _tag: "RpcError", method: "refuse", error: "no" })
    }))

  it.scoped("can have a connector of one's own", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(() => Effect.never)
      yield* server.welcome("Refuse")
      const rpc = yield* MsgpackRpc.make({ open: server.connect() })
      expect(yield* Effect.flip(rpc.call("ping"))).toMatchObject({ _tag: "ConnectError", reason: "Refused" })
    }))
})

describe("the span of a call", () => {
  it.scopedLive("has the names of OpenTelemetry", () =>
    Effect.gen(function*() {
      const server = yield* serve((message, peer) => peer.send([1, message[1], null, null]))
      const { port } = server
      const rpc = yield* MsgpackRpc.make({ host: "127.0.0.1", port })
      const call = (yield* Spans.during(rpc.call("add", [1]))).find(({ name }) => name === "add")!
      expect(call.kind).toBe("client")
      expect(Object.fromEntries(call.attributes)).toMatchObject({
        "rpc.system": "msgpack_rpc",
        "rpc.method": "add",
        "server.address": "127.0.0.1",
        "server.port": port,
        "network.transport": "tcp"
      })
    }))

  it.scopedLive("of the server is the parent of what its handler does, not the place where it was registered", () => {
    const { spans, tracer } = Spans.recorder()
    return Effect.withTracer(
      Effect.gen(function*() {
        const rpc = yield* MsgpackRpc.test({ ping: () => Effect.void })
        yield* Effect.withSpan(rpc.handle("double", () => Effect.withSpan(Effect.void, "inner")), "registration")
        yield* rpc.call("ping")
        yield* rpc.server.call("double")
        const inner = spans.find(({ name }) => name === "inner")!
        expect(inner.parent).toMatchObject({ value: { name: "double", kind: "server" } })
      }),
      tracer
    )
  })
})
