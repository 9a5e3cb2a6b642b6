// Names that are no options, for every layer whose options come from a configuration.
import { Budget } from "@socketpool/core"
import { PostgresBudget, RedisBudget } from "@socketpool/fleet"
import { MsgpackRpc } from "@socketpool/msgpack-rpc"
import { TcpPool, TlsPool, UnixPool } from "@socketpool/node"
import { Redis } from "@socketpool/redis"
import { Pg } from "@socketpool/sql"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer } from "effect"

class Places extends Budget.Service<Places>()("test/Places") {}

type Make = (config: any, options?: any) => Layer.Layer<any, any, any>

/** Each layer, its name in messages, and an option with a letter too few. */
const layers: ReadonlyArray<readonly [of: string, layer: Make, wrong: string, meant: string]> = [
  ["TcpPool.layerConfig", TcpPool.layerConfig, "hst", "host"],
  ["TlsPool.layerConfig", TlsPool.layerConfig, "hst", "host"],
  ["UnixPool.layerConfig", UnixPool.layerConfig, "pth", "path"],
  ["Redis.layerConfig", Redis.layerConfig, "clientNam", "clientName"],
  ["MsgpackRpc.layerConfig", MsgpackRpc.layerConfig, "hst", "host"],
  ["Pg.layerConfig", Pg.layerConfig, "databas", "database"],
  [
    "RedisBudget.layerConfig",
    (config) => Layer.provide(RedisBudget.layerConfig(Places, config), Redis.layer()),
    "warmStar",
    "warmStart"
  ],
  ["PostgresBudget.layerConfig", (config) => PostgresBudget.layerConfig(Places, config), "reserv", "reserve"]
]

/** Those that take options of their own beside the configuration, and enough of it. */
const withOptions: ReadonlyArray<readonly [of: string, layer: Make, config: object]> = [
  ["TcpPool.layerConfig", TcpPool.layerConfig, { host: Config.succeed("localhost"), port: Config.succeed(1) }],
  ["TlsPool.layerConfig", TlsPool.layerConfig, { host: Config.succeed("localhost"), port: Config.succeed(1) }],
  ["UnixPool.layerConfig", UnixPool.layerConfig, { path: Config.succeed("/run/app.sock") }],
  ["Redis.layerConfig", Redis.layerConfig, { host: Config.succeed("localhost") }],
  ["MsgpackRpc.layerConfig", MsgpackRpc.layerConfig, { host: Config.succeed("localhost"), port: Config.succeed(1) }],
  ["Pg.layerConfig", Pg.layerConfig, { url: Config.succeed("postgres://app@localhost/orders") }]
]

const defectOf = (layer: Layer.Layer<any, any, any>) =>
  Effect.map(
    Effect.exit(Effect.scoped(Layer.build(layer as Layer.Layer<any, any>))),
    (exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "nothing"
  )

describe("an object of Configs", () => {
  it.scoped("may stand for an option that is an object", () =>
    Effect.gen(function*() {
      const attributes = { "service.name": Config.string("SERVICE"), "deployment.environment": Config.succeed("test") }
      const layer = Redis.layerConfig({ host: Config.succeed("localhost"), attributes })
      const config = ConfigProvider.fromMap(new Map([["SERVICE", "orders"]]))
      yield* Effect.withConfigProvider(Layer.build(layer), config)
      const error = yield* Effect.flip(Layer.build(layer))
      expect(String(error)).toContain("SERVICE")
    }))
})

describe("a name that is no option", () => {
  it.live.each(layers)("in the configuration of %s is refused", ([of, layer, wrong, meant]) =>
    Effect.gen(function*() {
      expect(yield* defectOf(layer({ [wrong]: Config.succeed("quince") }))).toBe(
        `RangeError: ${of}: ${wrong} is not an option: did you mean ${meant}?`
      )
    }))

  it.live.each(layers)(
    "a value that is no Config is refused by %s, and not shown",
    ([of, layer, , meant]) =>
      Effect.gen(function*() {
        expect(yield* defectOf(layer({ [meant]: "quince" }))).toBe(
          `RangeError: ${of}: ${meant} must be a Config, or an object of Configs, but is <redacted>`
        )
      })
  )

  it.live.each(withOptions)("beside the configuration of %s is refused", ([, layer, config]) =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [options: unknown, message: string]> = [
        [{ failfast: true }, "failfast is not an option: did you mean failFast?"],
        [{ maxConnections: 1 }, "maxConnections is not an option; the options are failFast"],
        [{ failFast: 1 }, "failFast must be true or false, but is 1"],
        [null, "options must be an object, but is null"],
        [1, "options must be an object, but is 1"]
      ]
      for (const [options, message] of wrong) {
        expect(yield* defectOf(layer(config, options))).toBe(`RangeError: layerConfig: ${message}`)
      }
    }))
})
