// Plays random lives of pools of endpoints: servers that fail, hang, leave and come back, and borrowers that give up.
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { play } from "./endpointPool/scenario.js"
import { breathe, bySearch, replayed, seeds } from "./search.js"

const count = bySearch({ short: 25, full: 500, deep: 50_000 })
const base = seeds("endpoints", 1)[0]!
const played = replayed === undefined ? Array.from({ length: count }, (_, index) => base + index) : [replayed]

describe("under any interleaving", { timeout: bySearch({ short: 120_000, full: 900_000, deep: 7_200_000 }) }, () => {
  it("a pool of endpoints keeps its limits, loses nothing, keeps nobody waiting and closes", async () => {
    const stories: Array<string> = []
    let steps = 0
    for (const seed of played) {
      await breathe()
      const life = play(seed)
      steps += life.steps
      if (life.problems.length > 0) stories.push(`SOCKETPOOL_SEED=${seed} plays it again: ${life.problems.join("; ")}`)
      if (stories.length === 3) break
    }
    process.stdout.write(`${played.length} lives of pools of endpoints from seed ${played[0]}, ${steps} steps\n`)
    expect(stories).toEqual([])
  })

  it("a seed plays the same life whenever it is played", () => {
    for (const seed of [1, 2, 3]) expect(play(seed)).toEqual(play(seed))
  })
})
