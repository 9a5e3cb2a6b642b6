/** What the borrowers of an exhausted pool get to see: a typed error, for each of its reasons. */
import { PoolExhaustedError } from "@socketpool/core"
import { TcpPool } from "@socketpool/node"
import { Effect, Fiber } from "effect"

/** The error with which a borrow fails that must fail; anything else is a defect of the demo. */
const refusal = <A, E, R>(borrow: Effect.Effect<A, E, R>): Effect.Effect<PoolExhaustedError, never, R> =>
  Effect.matchEffect(borrow, {
    onSuccess: () => Effect.dieMessage("an exhausted pool has lent a connection"),
    onFailure: (error) => error instanceof PoolExhaustedError ? Effect.succeed(error) : Effect.die(error)
  })

/** Holds the one connection of a pool in which one borrower may wait, and asks for more in four ways. */
export const exhaust = (server: { readonly host: string; readonly port: number }) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* TcpPool.make({
      ...server,
      name: "tiny",
      maxConnections: 1,
      maxPending: 1,
      acquireTimeout: "250 millis"
    })
    return yield* pool.use(() =>
      Effect.gen(function*() {
        const noWait = yield* refusal(
          Effect.acquireUseRelease(
            pool.acquireWith({ timeout: 0 }),
            () => Effect.void,
            (connection) => Effect.orDie(pool.release(connection))
          )
        )
        const waiting = yield* Effect.fork(refusal(pool.use(() => Effect.void)))
        yield* Effect.repeat(Effect.yieldNow(), {
          times: 1000,
          until: () => Effect.map(pool.stats, (stats) => stats.pending === 1)
        })
        const queueFull = yield* Fiber.join(yield* Effect.fork(refusal(pool.use(() => Effect.void))))
        const selfDeadlock = yield* refusal(pool.use(() => Effect.void))
        const timeout = yield* Fiber.join(waiting)
        return [noWait, queueFull, selfDeadlock, timeout]
      })
    )
  }))
