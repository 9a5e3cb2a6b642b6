// Plays thousands of lives of a door for promises, each under one interleaving that its seed determines.
//
//   SOCKETPOOL_SEED=315 npx vitest run packages/core/test/promises-simulation.test.ts    plays that one
//   SOCKETPOOL_SEARCH=full …                                                             plays 2,000 from a random seed on
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import type { plants } from "./promises/plants.js"
import { play } from "./promises/play.js"
import { breathe, bySearch, replayed, seeds } from "./search.js"

const base = seeds("promises", 1)[0]
const count = replayed === undefined ? bySearch({ short: 200, full: 2_000, deep: 100_000 }) : 1

describe("under any interleaving", { timeout: bySearch({ short: 120_000, full: 900_000, deep: 7_200_000 }) }, () => {
  it("promises lose no lease, double none, keep nobody waiting, and leave nothing", async () => {
    for (let seed = base; seed < base + count; seed++) {
      await breathe()
      const { problems, story } = await play(seed, "none")
      expect(problems, `SOCKETPOOL_SEED=${seed} plays it again: ${story.join("; ")}`).toEqual([])
    }
  })

  it("a seed plays the same life whenever it is played", async () => {
    for (let seed = 1; seed <= 10; seed++) expect(await play(seed, "none")).toEqual(await play(seed, "none"))
  })
})

describe("the same checks", { timeout: 120_000 }, () => {
  const caught: ReadonlyArray<readonly [keyof typeof plants, RegExp]> = [
    ["races", /wait, but only/],
    ["isLate", /wait, but only/],
    ["doubles", /cannot release its lease|two holders/],
    ["loses", /in use and 0 wait, though all have gone/],
    ["losesReleases", /in use and|borrowers are stuck/]
  ]
  it.each(caught)("catch a door that %s", async (plant, wanted) => {
    const found = new Set<string>()
    for (let seed = 1; seed <= 300; seed++) {
      for (const problem of (await play(seed, plant)).problems) {
        if (wanted.test(problem)) return
        found.add(problem)
      }
    }
    expect([...found]).toEqual([String(wanted)])
  })
})
