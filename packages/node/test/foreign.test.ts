// H6: what the user's code fails with, within the errors of sockets
import { Pool } from "@socketpool/core"
import { PlatformSocket, TcpPool } from "@socketpool/node"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Data, Effect } from "effect"
import * as util from "node:util"
import { echo, serve } from "./fixtures/server.js"
import { dyingSocket } from "./fixtures/sockets.js"

class AuthFailed extends Data.TaggedError("AuthFailed")<{ readonly user: string }> {}

const throws = () => {
  throw new Error("thrown by the value itself")
}
const values: ReadonlyArray<readonly [name: string, value: unknown, said: string]> = [
  ["a tagged error without a message", new AuthFailed({ user: "u" }), "AuthFailed"],
  ["a plain object with a tag", { _tag: "Denied" }, "Denied"],
  ["an object without a prototype", Object.create(null), "an object"],
  ["an AggregateError", new AggregateError([new Error("why")]), "why"],
  ["a bigint", 10n, "10"],
  ["an object whose code throws", Object.defineProperty({ _tag: "Denied" }, "code", { get: throws }), "Denied"],
  ["a proxy that throws", new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws }), "an object"]
]

const fails = (value: unknown) => Effect.failCause(Cause.fail(value))

const shown = (error: Error, said: string) => {
  expect(error).toHaveProperty("_tag", "ConnectError")
  expect(error.message).toContain(said)
  expect(JSON.stringify(error)).toContain(said)
  expect(util.inspect(error)).toContain(said)
}

describe("a ConnectError says what failed", () => {
  it.scopedLive.each(values)("in the handshake: %s", ([_, value, said]) =>
    Effect.gen(function*() {
      const { port } = yield* serve(echo)
      const layer = TcpPool.layer({ host: "127.0.0.1", port, handshake: () => fails(value) })
      shown(yield* Effect.flip(Effect.provide(Pool.use(() => Effect.void), layer)), said)
    }))

  it.scopedLive.each(values)("in the resolver: %s", ([_, value, said]) =>
    Effect.gen(function*() {
      const pool = yield* TcpPool.make({ host: "name.internal", port: 1, lookup: () => fails(value) })
      shown(yield* Effect.flip(pool.use(() => Effect.void)), said)
    }))

  it.scopedLive.each(values)("in the resolver's answer: %s", ([_, value]) =>
    Effect.gen(function*() {
      const pool = yield* TcpPool.make({
        host: "name.internal",
        port: 1,
        lookup: () => Effect.succeed([value as string])
      })
      shown(yield* Effect.flip(pool.use(() => Effect.void)), "which is no IP address")
    }))

  it.scopedLive.each(values)("while a socket of the platform opened: %s", ([_, value, said]) =>
    Effect.gen(function*() {
      const pool = yield* PlatformSocket.makePool({ socket: Effect.succeed(dyingSocket(value)) })
      shown(yield* Effect.flip(pool.use(() => Effect.void)), said)
    }))
})
