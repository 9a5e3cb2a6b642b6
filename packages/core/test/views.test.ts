// Views that their holders have given back: they lead to their connection for as long as it is there. (N4)
import { ConnectionNotFoundError, type ConnectionPool, Pool } from "@socketpool/core"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Exit, type Scope } from "effect"
import { settled } from "./setup.js"

type Make = Effect.Effect<ConnectionPool<object, unknown>, never, Scope.Scope>

const kinds: ReadonlyArray<readonly [string, Make]> = [
  ["a lease hook", Pool.make<object>({ open: Effect.sync(() => ({})), lease: () => ({}), maxConnections: 2 })],
  [
    "a pool of sockets",
    Effect.flatMap(
      MemoryServer.make((peer) => Effect.forever(Effect.flatMap(peer.recv(), (bytes) => peer.send(bytes)))),
      (server) => server.pool({ maxConnections: 2, onRelease: () => Effect.succeed("keep") })
    ) as Make
  ]
]

// N4
describe.each(kinds)("of %s", (_, make) => {
  it.scoped("invalidate closes the connection", () =>
    Effect.gen(function*() {
      const pool = yield* make
      const view = yield* pool.use(Effect.succeed)
      yield* pool.invalidate(view)
      yield* settled
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([closed.Invalid, idle], [1, 0])
    }))

  it.scoped("drop closes the connection once", () =>
    Effect.gen(function*() {
      const pool = yield* make
      const view = yield* pool.acquire
      yield* pool.release(view)
      yield* pool.drop(view)
      yield* settled
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([closed.Dropped, idle], [1, 0])
      assert.instanceOf(yield* Effect.flip(pool.drop(view)), ConnectionNotFoundError)
      yield* pool.invalidate(view)
    }))

  it.scoped("neither cuts the lease of the next holder: invalidate waits for its end, and drop is refused", () =>
    Effect.gen(function*() {
      const pool = yield* make
      const former = yield* pool.use(Effect.succeed)
      const present = yield* pool.acquire
      assert.instanceOf(yield* Effect.flip(pool.drop(former)), ConnectionNotFoundError)
      assert.instanceOf(yield* Effect.flip(pool.release(former)), ConnectionNotFoundError)
      yield* pool.invalidate(former)
      assert.strictEqual((yield* pool.stats).inUse, 1)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(pool.release(present))))
      yield* settled
      const { closed, inUse } = yield* pool.stats
      assert.deepStrictEqual([closed.Invalid, inUse], [1, 0])
    }))
})
