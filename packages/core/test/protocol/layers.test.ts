import { Client, type ConnectError, type ConnectTimeoutError, PoolLayer } from "@socketpool/core"
import { describe, expect, expectTypeOf, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Config, Effect, Layer } from "effect"
import { defectOf, tagged } from "./setup.js"

class Cache extends Client.Service<Cache, typeof tagged, ConnectError | "refused">()("test/Cache") {}

class Plain extends Client.Service<Plain, typeof tagged, ConnectError>()("test/Plain") {}

const makeOwn = (options: Client.Options<typeof tagged, ConnectError>) => Client.make(options)

/** The options of a client of a server in memory. */
const setup = Effect.map(MemoryServer.make(() => Effect.never), (server) => ({
  server,
  options: { protocol: tagged, open: server.connect() }
}))

const refused = { _tag: "ConnectError", reason: "Refused" }

describe("failFast", () => {
  it.scoped("fails the layer of a client with the error of the first open, or of the handshake", () =>
    Effect.gen(function*() {
      const { options, server } = yield* setup
      const handshake = () => Effect.fail("refused" as const)
      const shaking = { ...options, handshake }
      expect(yield* Effect.flip(Layer.build(Cache.layer({ ...shaking, failFast: true })))).toBe("refused")
      const byConfig = Cache.layerConfig(Config.succeed(shaking), { failFast: true })
      expect(yield* Effect.flip(Layer.build(byConfig))).toBe("refused")
      yield* server.welcome("Refuse")
      expect(yield* Effect.flip(Layer.build(Cache.layer({ ...options, failFast: true })))).toMatchObject(refused)
      const own = PoolLayer.clientLayerOf(Plain, makeOwn, { ...options, failFast: true })
      expect(yield* Effect.flip(Layer.build(own))).toMatchObject(refused)
      expectTypeOf(own).toEqualTypeOf<Layer.Layer<Plain, ConnectError | ConnectTimeoutError>>()
    }))

  it.scoped("builds the layer of a client when as many connections as it begins with are ready", () =>
    Effect.gen(function*() {
      const { options, server } = yield* setup
      for (const [counts, ready] of [[{}, 1], [{ initialConnections: 2 }, 2], [{ minConnections: 3 }, 3]] as const) {
        for (
          const layer of [
            Cache.layer({ ...options, ...counts, failFast: true }),
            Cache.layerConfig(Config.succeed({ ...options, ...counts }), { failFast: true })
          ]
        ) {
          yield* Effect.scoped(Effect.andThen(
            Layer.build(layer),
            Effect.map(server.connections, (connections) => expect(connections).toBe(ready))
          ))
        }
      }
    }))

  it.scoped("that is false or left out builds the layer of a client that can open nothing", () =>
    Effect.gen(function*() {
      const { options, server } = yield* setup
      yield* server.welcome("Refuse")
      for (const more of [{}, { failFast: false as const }]) {
        yield* Layer.build(Cache.layer({ ...options, ...more }))
        yield* Layer.build(Cache.layerConfig(Config.succeed(options), more))
        yield* Layer.build(PoolLayer.clientLayerOf(Plain, makeOwn, { ...options, ...more }))
      }
    }))

  it.scoped("of a client's layer must be true or false, and no other option stands beside it", () =>
    Effect.gen(function*() {
      const { options } = yield* setup
      const built = (layer: Layer.Layer<any, any>) => defectOf(Effect.scoped(Layer.build(layer)))
      expect(yield* built(Cache.layer({ ...options, failFast: 1 as never }))).toBe(
        "RangeError: layer: failFast must be true or false, but is 1"
      )
      const config = Config.succeed(options)
      expect(yield* built(Cache.layerConfig(config, { failFast: 1 as never }))).toBe(
        "RangeError: layerConfig: failFast must be true or false, but is 1"
      )
      expect(yield* built(Cache.layerConfig(config, { maxConnections: 1 } as object))).toBe(
        "RangeError: layerConfig: maxConnections is not an option; the options are failFast"
      )
      for (const wrong of [null, "options", 1]) {
        const layer = Cache.layerConfig(Config.succeed(wrong as never), { failFast: true })
        expect(yield* built(layer)).toContain("Client.make: options must be an object")
      }
    }))
})
