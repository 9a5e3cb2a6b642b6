// Processes that share a budget over links that lose, delay and repeat calls, each life under one interleaving.
//
//   SOCKETPOOL_SEED=315 npx vitest run packages/fleet/test/simulation.test.ts    plays that one
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { breathe, bySearch, replayed, seeds } from "../../core/test/search.js"
import { play } from "./fixtures/life.js"

const count = bySearch({ short: 20, full: 400, deep: 30_000 })
const base = seeds("fleet", 1)[0]
/** A process has waited for long under these. */
const failedOnce = [155_189_804, 155_190_250]
const played = replayed === undefined
  ? [...Array.from({ length: count }, (_, index) => base + index), ...failedOnce]
  : [replayed]

/** No borrower waits longer beside a store that works, in milliseconds. A heartbeat may come 20 seconds later. */
const patience = 12_000

describe(
  "processes that share a budget",
  { timeout: bySearch({ short: 120_000, full: 900_000, deep: 7_200_000 }) },
  () => {
    it("never have more connections than it has places, serve everybody, and give everything back", async () => {
      let served = 0
      let steps = 0
      const waits: Array<number> = []
      for (const seed of played) {
        await breathe()
        const report = play(seed)
        served += report.served
        steps += report.steps
        waits.push(report.waitedMillis)
        const { end, exit, problems } = report
        expect({ seed, end, problems, exit: exit?.toString() }).toMatchObject({ seed, end: "Done", problems: [] })
        expect(exit?._tag, String(exit)).toBe("Success")
      }
      // Several calls in a row may be lost; a wake-up that is lost takes longer.
      expect(waits.filter((millis) => millis > patience)).toEqual([])
      process.stdout.write(
        `${played.length} lives from seed ${played[0]}: ${served} served, ${steps} steps, longest wait ${
          Math.round(Math.max(...waits))
        } ms\n`
      )
      expect(served).toBeGreaterThan(played.length)
    })
  }
)
