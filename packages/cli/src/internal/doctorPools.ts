/** The part of `socketpool doctor` that judges running pools, whose dashboard it reads twice. */
import * as PoolAdvice from "@socketpool/core/PoolAdvice"
import type { PoolSnapshot, Snapshot } from "@socketpool/dashboard/Snapshot"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Failure } from "./failure.js"
import { fail, type Finding, ok, warn } from "./finding.js"
import { duration } from "./text.js"

/** A pool that refuses more than this part of its requests fails the check. */
const mayFail = 0.01
/** A pool in which more than this part of the requests wait gets a warning. */
const mayWait = 0.05

const sizeFinding = (
  { advice, name, stats }: PoolSnapshot,
  period: string,
  refuses: typeof fail
): Finding => {
  const { failed, isFounded, maxConnections, waited } = advice
  const text = `${name}, ${period}: ${advice.reasons.join(" ")}`
  return failed > mayFail
    ? refuses("size", text)
    : failed > 0 || isFounded && (maxConnections > stats.maxConnections || waited > mayWait)
    ? warn("size", text)
    : ok("size", text)
}

/** A reading of a dashboard, and when it was taken by the clock of this process. */
export interface Reading {
  readonly at: number
  readonly snapshot: Snapshot
}

/** The advice of a dashboard knows the pool's `concurrency`: load is spread over that number of leases. */
const concurrencyOf = ({ advice: { load, utilization }, stats }: PoolSnapshot): number =>
  utilization > 0 ? Math.max(1, Math.round(load / (utilization * stats.maxConnections))) : 1

/**
 * Compares the sizes of the running pools with the load since the first reading. If that was too short for advice, with
 * the load of their whole lives, which may be long past and so does not fail the check.
 */
export const check = (
  measure: Duration.Duration,
  read: Effect.Effect<Reading, Failure>,
  first: Reading
): Effect.Effect<ReadonlyArray<Finding>, Failure> =>
  Effect.gen(function*() {
    const passed = (yield* Clock.currentTimeMillis) - first.at
    yield* Effect.sleep(Math.max(0, Duration.toMillis(measure) - passed))
    const { snapshot } = yield* read
    return snapshot.pools.map((pool) => {
      const since = first.snapshot.pools.find(({ id }) => id === pool.id)?.stats
      const recent = PoolAdvice.advise({
        stats: pool.stats,
        concurrency: concurrencyOf(pool),
        ...(since === undefined ? {} : { since })
      })
      if (recent.isFounded || recent.failed > mayFail) {
        return sizeFinding({ ...pool, advice: recent }, `in the last ${duration(recent.measuredMillis)}`, fail)
      }
      return sizeFinding(pool, `since it was made ${duration(pool.stats.ageMillis)} ago`, warn)
    })
  })
