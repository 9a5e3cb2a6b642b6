// Real sockets on loopback.
import { describe, expect, it } from "@effect/vitest"
import { Pool } from "@socketpool/core"
import { TcpPool, TcpPoolLive } from "@socketpool/node"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer } from "effect"
import { echo, serve } from "./fixtures/server.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe("TcpPoolLive", () => {
  it.live("serves the program of the first page", () =>
    Effect.gen(function*() {
      const program = Effect.scoped(Effect.gen(function*() {
        const connection = yield* Pool.connection
        yield* connection.send("hello")
        return yield* connection.recv()
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* serve(echo)
        expect(text(yield* program.pipe(Effect.provide(TcpPoolLive("localhost", server.port))))).toBe("hello")
      }))
    }))

  it.live("takes its options from the configuration with layerConfig", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve(echo)
      const PoolConfigured = TcpPool.layerConfig({
        host: Config.string("ECHO_HOST"),
        port: Config.integer("ECHO_PORT"),
        maxConnections: Config.integer("ECHO_CONNECTIONS")
      })
      const provider = ConfigProvider.fromMap(
        new Map([["ECHO_HOST", "127.0.0.1"], ["ECHO_PORT", String(server.port)], ["ECHO_CONNECTIONS", "3"]])
      )
      const stats = yield* Pool.use((connection) => Effect.zipRight(connection.send("x"), connection.recvExactly(1)))
        .pipe(
          Effect.zipRight(Pool.stats),
          Effect.provide(Layer.provide(PoolConfigured, Layer.setConfigProvider(provider)))
        )
      expect(stats).toMatchObject({ maxConnections: 3, opened: 1, idle: 1 })
    })))

  it.effect("rejects a wrong port as a defect that names it", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(TcpPoolLive("localhost", 99_999))))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(cause._tag).toBe("Die")
      expect(Cause.pretty(cause)).toContain("port must be a whole number from 1 to 65535, but is 99999")
    }))
})
