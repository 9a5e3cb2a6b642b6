import { yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Interruptions } from "@socketpool/testing"
import { Cause, Effect, Exit, Fiber } from "effect"

/** Takes a token and gives it back, with a flaw: an interrupt between the two steps of taking it loses the token. */
const flawed = (tokens: { left: number }) =>
  Effect.flatMap(
    Effect.sync(() => tokens.left--),
    () => Effect.ensuring(yieldNow, Effect.sync(() => tokens.left++))
  )

const sound = (tokens: { left: number }) => Effect.uninterruptible(flawed(tokens))

const lost = (tokens: { readonly left: number }, all: number) =>
  tokens.left === all ? [] : [`${all - tokens.left} lost`]

describe("explore", () => {
  const explored = (taking: typeof flawed, options?: Interruptions.Options) =>
    Interruptions.explore((forkSubject) =>
      Effect.gen(function*() {
        const tokens = { left: 1 }
        yield* Fiber.await(yield* forkSubject(taking(tokens)))
        return lost(tokens, 1)
      }), options)

  it.effect("finds the steps at which an interruption does harm", () =>
    Effect.gen(function*() {
      const report = yield* explored(flawed)
      expect(report.violations.length).toBeGreaterThan(0)
      expect(report.violations.length).toBeLessThan(report.runs)
      expect((yield* explored(sound)).violations).toEqual([])
    }))

  it.effect("explores every budget separately", () =>
    Effect.gen(function*() {
      const budgets = [1, 4, 7, 16, 33, 2048]
      const report = yield* explored(flawed, { budgets })
      expect(new Set(report.violations.map(({ budget }) => budget))).toEqual(new Set(budgets))
      const alone = yield* Effect.forEach(budgets, (budget) => explored(flawed, { budgets: [budget] }))
      expect(alone.reduce((sum, { runs }) => sum + runs, 0)).toBe(report.runs)
      expect(Math.max(...alone.map(({ steps }) => steps))).toBe(report.steps)
      expect((yield* explored(sound, { budgets })).violations).toEqual([])
    }))
})

describe("a program that waits for what an interruption has lost", () => {
  const maxMillis = 100
  const hangs = {
    violations: [{ moment: "before others run", budget: 2048, problem: "the program has not ended after 100 ms" }]
  }

  /** Waits for the token, as for the permit of a semaphore that has lost it. */
  const takenAgain = (tokens: { readonly left: number }) => tokens.left > 0 ? Effect.succeed([]) : Effect.never

  it.effect("is a violation of explore, which ends", () =>
    Effect.gen(function*() {
      const report = yield* Interruptions.explore((forkSubject) =>
        Effect.gen(function*() {
          const tokens = { left: 1 }
          yield* Fiber.await(yield* forkSubject(flawed(tokens)))
          return yield* takenAgain(tokens)
        }), { maxMillis })
      expect(report).toMatchObject(hangs)
      expect(report.violations[0]!.step).toBe(report.runs - 1)
    }))

  it.effect("is a violation of explorePairs, which ends", () =>
    Effect.gen(function*() {
      const report = yield* Interruptions.explorePairs((forkFirst, forkSecond) =>
        Effect.gen(function*() {
          const tokens = { left: 1 }
          yield* Fiber.awaitAll([yield* forkFirst(flawed(tokens)), yield* forkSecond(flawed(tokens))])
          return yield* takenAgain(tokens)
        }), { maxMillis })
      expect(report.violations).toMatchObject([{ problem: "the program has not ended after 100 ms" }])
      expect(report.runs).toBeLessThan(report.pairs)
    }))

  it.effect("is left alone, though it cannot be interrupted", () =>
    Effect.gen(function*() {
      const report = yield* Interruptions.explore(
        (forkSubject) => Effect.as(Effect.uninterruptible(Effect.andThen(forkSubject(Effect.void), Effect.never)), []),
        { maxMillis }
      )
      expect(report).toMatchObject({ runs: 1, ...hangs })
    }))

  it.live("is not seen in a run during which the whole process stood still", () =>
    Effect.gen(function*() {
      const standStill = () => {
        for (const end = Date.now() + 2 * maxMillis; Date.now() < end;);
      }
      let stopped = false
      const report = yield* Interruptions.explore((forkSubject) =>
        Effect.gen(function*() {
          yield* forkSubject(Effect.void)
          yield* Effect.sleep(1)
          if (!stopped) {
            stopped = true
            standStill()
          }
          yield* Effect.sleep(1)
          return []
        }), { maxMillis })
      expect(report.violations).toEqual([])
    }))

  it.effect.each([0, -1, 1.5, NaN, Infinity])(
    "is given a time in whole milliseconds, not %s",
    (maxMillis) =>
      Effect.gen(function*() {
        const explorations: ReadonlyArray<Effect.Effect<unknown>> = [
          Interruptions.explore(() => Effect.succeed([]), { maxMillis }),
          Interruptions.explorePairs(() => Effect.succeed([]), { maxMillis })
        ]
        for (const exploration of explorations) {
          const exit = yield* Effect.exit(exploration)
          expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(
            `maxMillis must be a whole number of at least 1, but is ${maxMillis}`
          )
        }
      })
  )
})

describe("explorePairs", () => {
  /** Harm happens only if both are interrupted, because each can repair it alone. */
  const explored = (options?: Interruptions.PairOptions) =>
    Interruptions.explorePairs((forkFirst, forkSecond) =>
      Effect.gen(function*() {
        let mended = false
        const mending = Effect.andThen(yieldNow, Effect.sync(() => mended = true))
        const first = yield* forkFirst(mending)
        const second = yield* forkSecond(mending)
        yield* Fiber.await(first)
        yield* Fiber.await(second)
        return mended ? [] : ["nobody has mended it"]
      }), options)

  it.effect("runs every pair of steps, and finds the pairs that do harm", () =>
    Effect.gen(function*() {
      const report = yield* explored()
      expect(report.runs).toBe(report.pairs)
      expect(report.pairs).toBeGreaterThanOrEqual(report.steps[0] * report.steps[1])
      expect(report.violations.length).toBeGreaterThan(0)
      expect(report.violations.length).toBeLessThan(report.runs)
    }))

  it.effect("samples the pairs when there are too many, repeatably for one seed, and reports how many it ran", () =>
    Effect.gen(function*() {
      const all = yield* explored({ budgets: [4, 2048] })
      const some = yield* explored({ budgets: [4, 2048], maxRuns: 12, seed: 1 })
      expect(some.runs).toBe(12)
      expect(some.pairs).toBeGreaterThan(12)
      expect(some.pairs).toBeLessThanOrEqual(all.pairs)
      expect(yield* explored({ budgets: [4, 2048], maxRuns: 12, seed: 1 })).toEqual(some)
      const others = yield* explored({ budgets: [4, 2048], maxRuns: 12, seed: 2 })
      expect(others.violations).not.toEqual(some.violations)
    }))
})
