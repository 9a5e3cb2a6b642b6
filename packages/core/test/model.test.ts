import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { show, type Step, steps } from "./model/commands.js"
import { plants } from "./model/plants.js"
import { regressions } from "./model/regressions.js"
import { Run } from "./model/run.js"
import { type Setting, setting, usual } from "./model/setting.js"
import type { Plant } from "./model/stage.js"

const { SOCKETPOOL_DEEP, SOCKETPOOL_PATH, SOCKETPOOL_SEED } = process.env
const seed = SOCKETPOOL_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SOCKETPOOL_SEED)
/** So many times so many runs, each time with the next seed; in between, the test runner gets a word in. */
const rounds = SOCKETPOOL_PATH === undefined ? (SOCKETPOOL_DEEP === "1" ? 100 : 10) : 1
const runsPerRound = 400

/** Lives one pool's life; throws at the first promise that it breaks. */
const live = (setting: Setting, steps: ReadonlyArray<Step>, plant: Plant = {}, counts = new Map<string, number>()) => {
  const run = new Run(setting, plant)
  for (const step of steps) {
    if (run.step(step)) counts.set(step.command._tag, (counts.get(step.command._tag) ?? 0) + 1)
  }
  run.end()
}

const check = (plant: Plant, numRuns: number, seed: number, counts?: Map<string, number>, path?: string) =>
  fc.check(fc.property(setting, steps, (setting, steps) => live(setting, steps, plant, counts)), {
    numRuns,
    seed,
    ...(path === undefined ? {} : { path, endOnFailure: true })
  })

/** What was done, and how to see it again. */
const story = (
  result: fc.RunDetails<[Setting, ReadonlyArray<Step>]>
): string => {
  if (result.counterexample === null) return ""
  const [setting, steps] = result.counterexample
  const options = Object.entries(setting).map(([key, value]) => `${key}: ${value}`).join(", ")
  return [
    String(result.errorInstance),
    `after: ${steps.map(show).join(" · ")}`,
    `with: ${options}`,
    `again: SOCKETPOOL_SEED=${result.seed} SOCKETPOOL_PATH=${result.counterexamplePath}`
  ].join("\n")
}

describe("the pool against a model", () => {
  it("keeps every promise, whatever is asked of it and whatever happens to its connections", async () => {
    const counts = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const result = check({}, runsPerRound, seed + round, counts, SOCKETPOOL_PATH)
      assert.isFalse(result.failed, story(result))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const shares = [...counts].sort(([, a], [, b]) => b - a).map(([tag, count]) => `${tag} ${count}`).join(", ")
    process.stdout.write(`model: seed ${seed}, ${rounds * runsPerRound} runs, ${total} commands: ${shares}\n`)
    assert.isAtLeast(total, SOCKETPOOL_PATH === undefined ? 100_000 : 0)
  }, 1_200_000)

  it.each(regressions)("$name", ({ setting, steps }) => {
    live({ ...usual, ...setting }, steps)
  })

  // One seed for all: which of a defect's consequences is met first depends on it.
  it.each(plants)("notices a pool that $name", (plant) => {
    const result = check(plant, 1_000, 1)
    assert.isTrue(result.failed, `seed ${result.seed}: nothing was noticed in ${result.numRuns} runs`)
    assert.match(String(result.errorInstance), plant.told)
  }, 60_000)
})
