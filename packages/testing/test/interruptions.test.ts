import { yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Interruptions } from "@socketpool/testing"
import { Effect, Fiber } from "effect"

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
