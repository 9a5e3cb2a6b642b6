/** Another pool that shares the simulated one's budget. */
import { Budget, Pool, type PoolStats } from "@socketpool/core"
import { fork, provideScope, toJson } from "@socketpool/test-seam"
import { type Rng, ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber, Scope } from "effect"
import { ticks } from "./options.js"

export interface Rival {
  readonly budget: Budget.Budget
  readonly limit: number
  readonly stats: () => PoolStats
  /** Completes when its borrowers have ended. */
  readonly isDone: Effect.Effect<void>
  /** Closes it and returns what is wrong then. The other pool has closed. */
  readonly close: Effect.Effect<ReadonlyArray<string>>
}

/** The places that a pool takes up. */
export const placesOf = ({ closing, idle, inUse, opening }: PoolStats): number => closing + idle + inUse + opening

/** Draws whether there is one, and makes it. The limit leaves room for every floor that is drawn. */
export const drawRival = (rng: Rng.Rng): Effect.Effect<Rival | undefined> => {
  if (!rng.chance(0.4)) return Effect.succeed(undefined)
  const limit = rng.between(5, 6)
  const reclaimAfter = ticks(rng, 0, 4)
  const budgetWeight = rng.pick([1, 3])
  const borrowers = Array.from(
    { length: rng.between(3, 8) },
    () => ({ at: ticks(rng, 0, 12), holds: ticks(rng, 0, 8) })
  )
  const connector = ScriptedConnector.make({ open: () => ({ slow: ticks(rng, 0, 4) }) })
  return Effect.gen(function*() {
    const scope = yield* Scope.make()
    const budget = yield* provideScope(Budget.make({ maxConnections: limit, reclaimAfter }), scope)
    const pool = yield* provideScope(
      Pool.make({ name: "rival", open: connector.open, maxConnections: 4, maxConnecting: 2, budget, budgetWeight }),
      scope
    )
    const fibers = yield* Effect.forEach(
      borrowers,
      ({ at, holds }) => fork(Effect.exit(Effect.delay(pool.use(() => Effect.sleep(holds)), at)))
    )
    return {
      budget,
      limit,
      stats: () => (toJson(pool) as { readonly stats: PoolStats }).stats,
      isDone: Effect.asVoid(Effect.forEach(fibers, Fiber.join)),
      close: Effect.gen(function*() {
        yield* pool.close
        const { held, pools } = yield* budget.usage
        yield* Scope.close(scope, Exit.void)
        return [
          ...connector.audit(yield* pool.stats),
          ...(connector.closed === connector.opened ? [] : ["the rival left connections open"]),
          ...(held === 0 && pools.length === 0 ? [] : [`a budget without pools has ${held} places held`])
        ]
      })
    }
  })
}
