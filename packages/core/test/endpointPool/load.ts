// Load on virtual time, and how long its borrowers take.
import { fork, result, type RunningFiber, TestClock } from "@socketpool/test-seam"
import { Rng } from "@socketpool/testing"
import { Clock, Effect, Fiber } from "effect"

export interface Outcome {
  readonly count: number
  readonly failed: number
  /** The effects that ran more than once for one call. */
  readonly repeated: number
  readonly p50: number
  readonly p99: number
}

const percentile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

/** Calls at random moments, so many a second, for so many milliseconds. The time of a call includes its work. */
export const load = <C, E>(
  use: <A, E2>(f: (connection: C) => Effect.Effect<A, E2>) => Effect.Effect<A, E | E2, any>,
  work: (connection: C) => Effect.Effect<unknown, unknown>,
  options: {
    readonly perSecond: number
    readonly millis: number
    readonly seed: number
    readonly onTime?: (now: number) => void
  }
): Effect.Effect<{ readonly calls: Outcome; readonly waits: Outcome }> =>
  Effect.gen(function*() {
    const rng = Rng.make(options.seed)
    const times: Array<number> = []
    const waits: Array<number> = []
    let failed = 0
    let repeated = 0
    const one = Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      let runs = 0
      const outcome = yield* result(
        use((connection) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            if (++runs > 1) repeated++
            waits.push(now - began)
            return work(connection)
          })
        )
      )
      if (outcome._tag === "Failure") failed++
      times.push((yield* Clock.currentTimeMillis) - began)
    }) as Effect.Effect<void>
    const fibers: Array<RunningFiber<void>> = []
    let next = 0
    for (let now = 0; now < options.millis; now += 2) {
      options.onTime?.(now)
      for (; next <= now; next -= Math.log(1 - rng.next()) * 1_000 / options.perSecond) {
        fibers.push(yield* fork(one))
      }
      yield* TestClock.adjust(2)
    }
    yield* TestClock.adjust("2 minutes")
    yield* Fiber.awaitAll(fibers)
    const outcomeOf = (all: Array<number>): Outcome => {
      const sorted = all.sort((a, b) => a - b)
      return { count: sorted.length, failed, repeated, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
    }
    return { calls: outcomeOf(times), waits: outcomeOf(waits) }
  })
