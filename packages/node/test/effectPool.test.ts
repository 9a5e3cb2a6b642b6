// A pool of sockets is an effect/Pool too.
import type { ConnectionPool } from "@socketpool/core"
import type { TcpConnection } from "@socketpool/node"
import { describe, expectTypeOf, it } from "@socketpool/test-seam/vitest"
import { Effect, Pool as EffectPool, type Scope } from "effect"

describe("the types", () => {
  it("the functions of effect/Pool see the type of its connections", () => {
    const get = (pool: ConnectionPool<TcpConnection.TcpConnection>) => EffectPool.get(pool)
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof get>>>().toEqualTypeOf<TcpConnection.TcpConnection>()
    const run = (pool: ConnectionPool<TcpConnection.TcpConnection>) => Effect.map(pool, (connection) => connection)
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof run>>>().toEqualTypeOf<TcpConnection.TcpConnection>()
    const back = (pool: ConnectionPool<string>) => EffectPool.invalidate(pool, "a connection")
    expectTypeOf(back).returns.toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
  })
})
