// Plays thousands of pools' lives, each under one interleaving that its seed determines. For other seeds, or one alone:
//
//   SOCKETPOOL_SEED=315 npx vitest run packages/core/test/simulation.test.ts    plays that one, and tells its story
//   SOCKETPOOL_SEARCH=full …                                                    plays 2,000 from a random seed on
//   SOCKETPOOL_SEARCH=deep …                                                    plays 100,000 from a random seed on
//   SOCKETPOOL_SEARCH=deep SOCKETPOOL_SEED_BASE=7 …                             plays 100,000 from that seed on
import { effectPoolDefects } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { breathe, bySearch, replayed, seeds } from "./search.js"
import { explain, play, type targets } from "./simulation/scenario.js"

const { SOCKETPOOL_SEED_BASE } = process.env

const count = bySearch({ short: 80, full: 2_000, deep: 100_000 })
const base = SOCKETPOOL_SEED_BASE === undefined ? seeds("simulation", 1)[0] : Number(SOCKETPOOL_SEED_BASE)
/** A pool has failed under these. */
const failedOnce = [315, 3_370, 1_475_458_088, 1_475_458_337]
const played = replayed === undefined
  ? [...new Set([...Array.from({ length: count }, (_, index) => base + index), ...failedOnce])]
  : [replayed]

const say = (line: string) => void process.stdout.write(`${line}\n`)

/** Numbers left out, so that one kind of problem is one text. */
const kindOf = (problem: string) => problem.replace(/:.*/s, "").replace(/\d+(\.\d+)?/g, "n")

/** Plays seeds until so many kinds of problems are known; the first seed and the text of each. */
const search = async (target: keyof typeof targets, wanted: ReadonlyArray<string>, bound: number) => {
  const found = new Map<string, number>()
  for (let seed = 1; seed <= bound && !wanted.every((kind) => found.has(kind)); seed++) {
    await breathe()
    for (const problem of play(seed, target).problems) {
      const kind = kindOf(problem)
      if (!found.has(kind)) found.set(kind, seed)
    }
  }
  say(`${target}: ${[...found].map(([kind, seed]) => `${kind} (seed ${seed})`).join("; ")}`)
  return [...found.keys()]
}

describe("under any interleaving", { timeout: bySearch({ short: 120_000, full: 900_000, deep: 7_200_000 }) }, () => {
  it("a pool stays within its limits, loses nothing, keeps nobody waiting and closes", async () => {
    const hashes = new Set<number>()
    const start = performance.now()
    const stories: Array<string> = []
    let steps = 0
    for (const seed of played) {
      await breathe()
      const { hash, problems, steps: taken } = play(seed, "socketpool")
      hashes.add(hash)
      steps += taken
      if (problems.length === 0) continue
      stories.push(`SOCKETPOOL_SEED=${seed} plays it again: ${explain(seed, "socketpool")}`)
      if (stories.length === 3) break
    }
    const seconds = ((performance.now() - start) / 1_000).toFixed(1)
    if (replayed !== undefined) say(explain(replayed, "socketpool"))
    say(`${hashes.size} distinct of ${played.length} schedules from seed ${played[0]}, ${steps} steps, ${seconds} s`)
    if (stories.length > 0) throw new Error(stories.join("\n\n"))
    // Two schedules can have the same hash by chance, though hardly ever.
    expect(hashes.size).toBeGreaterThanOrEqual(played.length - 1)
  })

  it("a seed plays the same life whenever it is played", () => {
    for (let seed = 1; seed <= bySearch({ short: 10, full: 50 }); seed++) {
      expect(play(seed, "socketpool")).toEqual(play(seed, "socketpool"))
      expect(explain(seed, "socketpool")).toBe(explain(seed, "socketpool"))
    }
  })
})

describe("the same checks", { timeout: 60_000 }, () => {
  it("catch effect's own pool", async () => {
    expect(await search("effectPool", effectPoolDefects, 300)).toEqual(expect.arrayContaining([...effectPoolDefects]))
  })

  it("catch a pool that loses releases", async () => {
    const wanted = ["borrowers left something behind"]
    expect(await search("losesReleases", wanted, 100)).toEqual(expect.arrayContaining(wanted))
  })

  it("catch a pool whose exclusive leases are shared", async () => {
    const wanted = ["connection n has n holders"]
    expect(await search("sharesExclusives", wanted, 400)).toEqual(expect.arrayContaining(wanted))
  })

  it("catch a pool that lends a connection twice", async () => {
    const wanted = ["connection n has n holders", "connection n was lent although it is closed"]
    expect(await search("lendsTwice", wanted, 200)).toEqual(expect.arrayContaining(wanted))
  })
})
