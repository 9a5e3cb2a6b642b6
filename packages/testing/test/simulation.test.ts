import { fork, repeatN, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Rng, Simulation } from "@socketpool/testing"
import { Deferred, Effect, Exit, Fiber, Random } from "effect"

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed)

/** Several fibers that sleep, meet and draw random numbers. */
const busy = (notes: Array<string>) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (name) =>
      fork(Effect.gen(function*() {
        for (let i = 0; i < 3; i++) {
          yield* Effect.sleep(yield* Random.nextIntBetween(0, 5))
          notes.push(`${name}${i}`)
        }
      })))
    yield* Effect.forEach(fibers, Fiber.join)
  })

/** Two fibers read a count and then write it plus one. */
const lostUpdate = Effect.gen(function*() {
  let count = 0
  const increment = Effect.flatMap(Effect.sync(() => count), (read) => Effect.sync(() => count = read + 1))
  yield* Effect.all([increment, increment], { concurrency: 2 })
  return count
})

describe("simulate", () => {
  it("takes the same course for the same seed", () => {
    for (const seed of seeds(50)) {
      const first: Array<string> = []
      const again: Array<string> = []
      const report = Simulation.simulate(seed, busy(first))
      expect(Simulation.simulate(seed, busy(again))).toEqual(report)
      expect(again).toEqual(first)
      expect(report.end).toBe("Done")
    }
  })

  it("takes another course for another seed", () => {
    const hashes = new Set<number>()
    const courses = new Set<string>()
    for (const seed of seeds(1_000)) {
      const notes: Array<string> = []
      hashes.add(Simulation.simulate(seed, busy(notes)).hash)
      courses.add(notes.join(" "))
    }
    expect(hashes.size).toBe(1_000)
    expect(courses.size).toBeGreaterThan(900)
  })

  it("finds a lost update, and finds it again", () => {
    const isLost = (seed: number) =>
      !Exit.match(Simulation.simulate(seed, lostUpdate).exit!, {
        onFailure: () => false,
        onSuccess: (count) => count === 2
      })
    const lost = seeds(2_000).filter(isLost)
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.every(isLost)).toBe(true)
  })

  it("finds no lost update if fibers are never forced to yield", () => {
    for (const seed of seeds(200)) {
      expect(Simulation.simulate(seed, lostUpdate, { yieldProbability: 0 }).exit).toEqual(Exit.succeed(2))
    }
  })

  it("ends however often fibers are forced to yield", () => {
    for (const yieldProbability of [0.02, 0.1, 0.5, 1]) {
      for (const seed of seeds(20)) {
        expect(Simulation.simulate(seed, busy([]), { yieldProbability }).end).toBe("Done")
      }
    }
  })

  it("lets time pass only while every fiber waits", () => {
    // Otherwise the sleep would end before the loop under some seed.
    const race = Effect.race(
      Effect.as(Effect.sleep(1), "time"),
      Effect.as(Effect.forEach(seeds(200), () => yieldNow), "work")
    )
    const winners = (haste: number) =>
      new Set(seeds(50).map((seed) => Effect.runSync(Simulation.simulate(seed, race, { haste }).exit!)))
    expect(winners(0)).toEqual(new Set(["work"]))
    expect(winners(0.05)).toContain("time")
  })

  it("runs on its own clock, without real waiting", () => {
    const report = Simulation.simulate(1, Effect.sleep("10 hours"))
    expect(report).toMatchObject({ end: "Done", now: 36_000_000, asleep: 0 })
    expect(Simulation.simulate(1, Effect.sleep("25 hours"))).toMatchObject({ end: "Stuck", exit: undefined, asleep: 1 })
  })

  it("reports a stuck or endless program", () => {
    const deadlock = Effect.flatMap(Deferred.make<void>(), Deferred.await)
    expect(Simulation.simulate(1, deadlock)).toMatchObject({ end: "Stuck", exit: undefined })
    expect(Simulation.simulate(1, Effect.forever(yieldNow), { maxSteps: 100 }))
      .toMatchObject({ end: "Endless", steps: 100 })
  })

  it("observes after every task, and ends with the first problem", () => {
    let count = 0
    let looks = 0
    const program = repeatN(Effect.andThen(yieldNow, Effect.sync(() => count++)), 100)
    const observe = () => {
      looks++
      return count === 7 ? ["seven"] : []
    }
    const report = Simulation.simulate(1, program, { observe })
    expect(report).toMatchObject({ end: "Violated", problems: ["seven"], exit: undefined, steps: looks })
    expect(count).toBe(7)
  })
})

describe("Rng", () => {
  it("draws the same for the same seed, within its bounds", () => {
    const draw = (seed: number) => {
      const rng = Rng.make(seed)
      return Array.from({ length: 100 }, () => rng.between(3, 6))
    }
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    expect(new Set(draw(1))).toEqual(new Set([3, 4, 5, 6]))
  })

  it("picks each value as often as its weight says", () => {
    const rng = Rng.make(1)
    const picked = Array.from({ length: 1_000 }, () => rng.weighted([[1, "a"], [0, "b"], [3, "c"]]))
    const count = (value: string) => picked.filter((one) => one === value).length
    expect(count("b")).toBe(0)
    expect(Math.abs(count("a") - 250)).toBeLessThan(50)
    expect(rng.pick(["only"])).toBe("only")
    expect(rng.chance(0)).toBe(false)
    expect(rng.chance(1)).toBe(true)
  })
})
