import { assert, describe, it } from "@effect/vitest"
import { Pool } from "@socketpool/core"
import { TcpPoolLive } from "@socketpool/node"
import { Effect, Either } from "effect"
import * as EchoServer from "../src/echoServer.js"
import { ask, askNow } from "../src/manual.js"

const withPool = <A, E>(program: (server: EchoServer.EchoServer) => Effect.Effect<A, E, Pool>) =>
  Effect.gen(function*() {
    const server = yield* EchoServer.make
    return yield* Effect.provide(program(server), TcpPoolLive(server.host, server.port, { maxConnections: 1 }))
  })

describe("manual acquire", () => {
  it.scopedLive("releases the connection after a success", () =>
    withPool(() =>
      Effect.gen(function*() {
        assert.deepStrictEqual([yield* ask("one"), yield* ask("two"), yield* askNow("three")], ["one", "two", "three"])
        const { idle, opened } = yield* Pool.stats
        assert.deepStrictEqual({ idle, opened }, { idle: 1, opened: 1 })
      })
    ))

  it.scopedLive("drops the connection after a failure", () =>
    withPool((server) =>
      Effect.gen(function*() {
        yield* ask("one")
        const failure = yield* Effect.flip(ask("x".repeat(100_000)))
        assert.strictEqual(failure._tag === "ConnectionError" && failure.reason, "TooLarge")
        assert.strictEqual(yield* ask("two"), "two")
        const { closed, inUse, opened } = yield* Pool.stats
        assert.deepStrictEqual({ inUse, opened, dropped: closed.Dropped }, { inUse: 0, opened: 2, dropped: 1 })
        assert.isAtMost(server.connections(), 2)
      })
    ))

  it.scopedLive("does not wait with timeout 0", () =>
    withPool(() =>
      Effect.gen(function*() {
        const answer = yield* Pool.use(() => Effect.either(askNow("one")))
        assert.isTrue(
          Either.isLeft(answer) && answer.left._tag === "PoolExhaustedError" && answer.left.reason === "NoWait"
        )
      })
    ))
})
