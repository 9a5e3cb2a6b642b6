// Layers against a server of a few lines, so that no real server is needed.
import { Redis, type RedisError } from "@socketpool/redis"
import { describe, expect, expectTypeOf, it } from "@socketpool/test-seam/vitest"
import { Cause, Config, Effect, Exit, Layer, Redacted } from "effect"
import { serve } from "../../node/test/fixtures/server.js"

const host = "127.0.0.1"
const password = Redacted.make("quince")

/** Answers each request, which comes in one piece, with the same reply. */
const answering = (reply: string) => serve((socket) => socket.on("data", () => socket.write(reply)))

const closedPort = Effect.scoped(Effect.map(answering("+OK\r\n"), ({ port }) => port))

const configOf = (port: number) => ({ host: Config.succeed(host), port: Config.succeed(port) })

describe("failFast", () => {
  it.scopedLive("fails a layer with the error of the first open", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      const refused = { _tag: "ConnectError", reason: "Refused" }
      expect(yield* Effect.flip(Layer.build(Redis.layer({ host, port, failFast: true })))).toMatchObject(refused)
      const byConfig = Redis.layerConfig(configOf(port), { failFast: true })
      expect(yield* Effect.flip(Layer.build(byConfig))).toMatchObject(refused)
    }))

  it.scopedLive("fails a layer with the error of the login", () =>
    Effect.gen(function*() {
      const { port } = yield* answering("-WRONGPASS invalid username-password pair or user is disabled.\r\n")
      const layer = Redis.layer({ host, port, password, failFast: true })
      expect(yield* Effect.flip(Layer.build(layer))).toMatchObject({ _tag: "RedisError", code: "WRONGPASS" })
      const closed = yield* answering("-NOAUTH HELLO must be called with the client already authenticated\r\n")
      const without = Redis.layer({ host, port: closed.port, failFast: true })
      expect(yield* Effect.flip(Layer.build(without))).toMatchObject({ code: "NOAUTH", command: "HELLO" })
    }))

  it.scopedLive("builds a layer when its connection is ready, and keeps it", () =>
    Effect.gen(function*() {
      const { accepted, port } = yield* answering("+OK\r\n")
      const services = yield* Layer.build(Redis.layer({ host, port, failFast: true }))
      const redis = yield* Effect.provide(Effect.flatMap(Redis, Effect.succeed), services)
      expect([(yield* redis.pool.stats).idle, accepted()]).toEqual([1, 1])
    }))

  it.scopedLive("that is false or left out builds a layer whose server is down", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      yield* Layer.build(Redis.layer({ host, port }))
      yield* Layer.build(Redis.layer({ host, port, failFast: false }))
      yield* Layer.build(Redis.layerConfig(configOf(port)))
      yield* Layer.build(Redis.layerConfig(configOf(port), { failFast: false }))
    }))

  it.scopedLive("must be true or false", () =>
    Effect.gen(function*() {
      const wrong = { failFast: 1 as never }
      for (const layer of [Redis.layer({ host, ...wrong }), Redis.layerConfig(configOf(1), wrong)]) {
        const exit = yield* Effect.exit(Layer.build(layer))
        expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(
          /^RangeError: layer(Config)?: failFast must be true or false, but is 1$/
        )
      }
    }))

  it("is in the type of the layer", () => {
    expectTypeOf(Redis.layer()).toEqualTypeOf<Layer.Layer<Redis>>()
    expectTypeOf(Redis.layer({ failFast: true })).toExtend<Layer.Layer<Redis, { readonly _tag: string }>>()
    expectTypeOf<RedisError>().toExtend<Layer.Layer.Error<ReturnType<typeof Redis.layer<true>>>>()
  })
})

describe("a command that the server does not know", () => {
  it.scopedLive("fails with an error that does not show its arguments", () =>
    Effect.gen(function*() {
      const { port } = yield* answering("-ERR unknown command 'FLY', with args beginning with: 'quince' \r\n")
      const redis = yield* Redis.make({ host, port })
      expect(yield* Effect.flip(redis.command("FLY", "quince"))).toMatchObject({ detail: "unknown command 'FLY'" })
    }))
})
