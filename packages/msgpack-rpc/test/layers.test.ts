import type { ConnectError, ConnectTimeoutError } from "@socketpool/core"
import { MsgpackRpc, type RpcError } from "@socketpool/msgpack-rpc"
import { describe, expect, expectTypeOf, it } from "@socketpool/test-seam/vitest"
import { Cause, Config, Effect, Exit, Layer } from "effect"
import { serve } from "./fixtures/server.js"

class Strict extends MsgpackRpc.Service<Strict, RpcError>()("test/Strict") {}

const host = "127.0.0.1"

const closedPort = Effect.scoped(Effect.map(serve(() => {}), ({ port }) => port))

/** Refuses the method `login`. */
const guarded = serve((message, peer) => {
  if (message[0] === 0) peer.send([1, message[1], message[2] === "login" ? "wrong password" : null, "pong"])
})

const configOf = (port: number) => ({ host: Config.succeed(host), port: Config.succeed(port) })

describe("failFast", () => {
  it.scopedLive("fails a layer with the error of the first open", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      const refused = { _tag: "ConnectError", reason: "Refused" }
      const layer = MsgpackRpc.layer({ host, port, failFast: true })
      expect(yield* Effect.flip(Layer.build(layer))).toMatchObject(refused)
      const byConfig = MsgpackRpc.layerConfig(configOf(port), { failFast: true })
      expect(yield* Effect.flip(Layer.build(byConfig))).toMatchObject(refused)
    }))

  it.scopedLive("fails a layer with the error of the handshake", () =>
    Effect.gen(function*() {
      const { accepted, port } = yield* guarded
      const options: MsgpackRpc.Options<RpcError> = { host, port, handshake: ({ call }) => call("login") as any }
      const error = yield* Effect.flip(Layer.build(Strict.layer({ ...options, failFast: true })))
      expect(error).toMatchObject({ _tag: "RpcError", method: "login", error: "wrong password" })
      const byConfig = Strict.layerConfig(Config.succeed(options), { failFast: true })
      expect(yield* Effect.flip(Layer.build(byConfig))).toEqual(error)
      expect(accepted()).toBe(2)
    }))

  it.scopedLive("builds a layer when its connection is ready, and keeps it", () =>
    Effect.gen(function*() {
      for (const count of [1, 3]) {
        const { accepted, port } = yield* guarded
        const layer = MsgpackRpc.layer({ host, port, maxConnections: 3, initialConnections: count, failFast: true })
        const rpc = yield* Effect.flatMap(MsgpackRpc.Rpc, Effect.succeed).pipe(
          Effect.provide(yield* Layer.build(layer))
        )
        expect((yield* rpc.pool.stats).idle).toBe(count)
        expect(yield* rpc.call("ping")).toBe("pong")
        expect(accepted()).toBe(count)
      }
    }))

  it.scopedLive("that is false or left out builds a layer whose server is down, and opens nothing", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      const { accepted, port: open } = yield* guarded
      for (const more of [{}, { failFast: false }, { failFast: undefined as never }]) {
        const config = more as { failFast?: false }
        yield* Layer.build(MsgpackRpc.layer({ host, port, ...config }))
        yield* Layer.build(MsgpackRpc.layerConfig(configOf(port), config))
        yield* Layer.build(MsgpackRpc.layer({ host, port: open, ...config }))
      }
      yield* Effect.scoped(Effect.flatMap(MsgpackRpc.make({ host, port: open }), (rpc) => rpc.call("ping")))
      expect(accepted()).toBe(1)
    }))

  it.scopedLive("must be true or false", () =>
    Effect.gen(function*() {
      const wrong = { failFast: "false" as never }
      const layers = [
        [MsgpackRpc.layer({ host, port: 1, ...wrong }), "layer"],
        [MsgpackRpc.layerConfig(configOf(1), wrong), "layerConfig"]
      ] as const
      for (const [layer, of] of layers) {
        const exit = yield* Effect.exit(Layer.build(layer))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
          new RangeError(`${of}: failFast must be true or false, but is "false"`)
        )
      }
      const exit = yield* Effect.exit(
        Effect.flatMap(MsgpackRpc.make({ host, port: 1, ...wrong } as any), Effect.succeed)
      )
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain("failFast is not an option")
    }))

  it("is in the type of the layer", () => {
    type Failure = ConnectError | ConnectTimeoutError | RpcError
    const options: MsgpackRpc.Options<RpcError> = { host, port: 1 }
    expectTypeOf(Strict.layer(options)).toEqualTypeOf<Layer.Layer<Strict>>()
    expectTypeOf(Strict.layer({ ...options, failFast: true })).toEqualTypeOf<Layer.Layer<Strict, Failure>>()
  })
})
