// Real sockets on loopback.
import { Pool } from "@socketpool/core"
import { TcpPool, TcpPoolLive } from "@socketpool/node"
import { config, configured, reasonOf } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
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
        host: config.string("ECHO_HOST"),
        port: config.integer("ECHO_PORT"),
        maxConnections: config.integer("ECHO_CONNECTIONS")
      })
      const values = { ECHO_HOST: "127.0.0.1", ECHO_PORT: String(server.port), ECHO_CONNECTIONS: "3" }
      const stats = yield* Pool.use((connection) => Effect.andThen(connection.send("x"), connection.recvExactly(1)))
        .pipe(
          Effect.andThen(Pool.stats),
          Effect.provide(Layer.provide(PoolConfigured, configured(values)))
        )
      expect(stats).toMatchObject({ maxConnections: 3, opened: 1, idle: 1 })
    })))

  it.effect("rejects a wrong port as a defect that names it", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(TcpPoolLive("localhost", 99_999))))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(reasonOf(cause)).toBe("Die")
      expect(Cause.pretty(cause)).toContain("port must be a whole number from 1 to 65535, but is 99999")
    }))
})
