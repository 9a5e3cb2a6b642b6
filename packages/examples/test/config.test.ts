import { assert, describe, it } from "@effect/vitest"
import { ConfigError, ConfigProvider, Effect } from "effect"
import { main } from "../src/config.js"
import * as EchoServer from "../src/echoServer.js"

const configured = (settings: Record<string, string>) =>
  Effect.withConfigProvider(main, ConfigProvider.fromMap(new Map(Object.entries(settings))))

describe("a pool from the configuration", () => {
  it.scopedLive("takes its options from the configuration", () =>
    Effect.gen(function*() {
      const { port } = yield* EchoServer.make
      const result = yield* configured({ ECHO_PORT: `${port}`, ECHO_CONNECTIONS: "3" })
      assert.deepStrictEqual(result, { reply: "hello", maxConnections: 3 })
    }))

  it.live("fails with a ConfigError when a setting is missing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(configured({}))
      assert.isTrue(ConfigError.isConfigError(error))
    }))
})
