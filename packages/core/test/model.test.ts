import { FastCheck as fc } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { show, type Step, steps } from "./model/commands.js"
import { plants } from "./model/plants.js"
import { regressions } from "./model/regressions.js"
import { Run } from "./model/run.js"
import { type Setting, setting, usual } from "./model/setting.js"
import type { Plant } from "./model/stage.js"
import { breathe, bySearch, isLong, seeds } from "./search.js"

const { SOCKETPOOL_PATH } = process.env
/** Once a pool failed under the second, in its run 195. */
const starts = seeds("model", 1, 128_184_405)
/** So many times so many runs, each time with the next seed. */
const rounds = SOCKETPOOL_PATH === undefined ? bySearch({ short: 1, full: 4, deep: 100 }) : 1
const runsPerRound = bySearch({ short: 120, full: 400, deep: 400 })

/** Lives one pool's life; throws at the first promise that it breaks. */
const live = (setting: Setting, steps: ReadonlyArray<Step>, plant: Plant = {}, counts = new Map<string, number>()) => {
  const run = new Run(setting, plant)
  for (const step of steps) {
    if (run.step(step)) counts.set(step.command._tag, (counts.get(step.command._tag) ?? 0) + 1)
  }
  run.end()
}

const check = (
  plant: Plant,
  options: fc.Parameters<[Setting, ReadonlyArray<Step>]>,
  counts?: Map<string, number>
) => {
  const property = fc.asyncProperty(setting, steps, async (setting, steps) => {
    // A failure may take long to shrink.
    await breathe()
    live(setting, steps, plant, counts)
  })
  return fc.check(property, options)
}

/** The steps, and how to see them again. */
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
    for (const seed of starts) {
      for (let round = 0; round < rounds; round++) {
        const replay = SOCKETPOOL_PATH === undefined ? {} : { path: SOCKETPOOL_PATH, endOnFailure: true }
        const result = await check({}, { numRuns: runsPerRound, seed: seed + round, ...replay }, counts)
        assert.isFalse(result.failed, story(result))
      }
    }
    const runs = starts.length * rounds * runsPerRound
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const shares = [...counts].sort(([, a], [, b]) => b - a).map(([tag, count]) => `${tag} ${count}`).join(", ")
    process.stdout.write(`model: seed ${starts.join(", ")}, ${runs} runs, ${total} commands: ${shares}\n`)
    assert.isAtLeast(total, SOCKETPOOL_PATH === undefined ? 25 * runs : 0)
  }, 1_200_000)

  it.each(regressions)("$name", ({ setting, steps }) => {
    live({ ...usual, ...setting }, steps)
  })

  // One seed for all: which of a defect's consequences is met first depends on it.
  it.each(plants)("notices a pool that $name", async (plant) => {
    // That a counterexample can be shrunk is not looked at each time, as it takes most of the time.
    const result = await check(plant, { numRuns: 1_000, seed: 3, endOnFailure: !isLong })
    assert.isTrue(result.failed, `seed ${result.seed}: nothing was noticed in ${result.numRuns} runs`)
    assert.match(String(result.errorInstance), plant.told)
  }, 300_000)
})
