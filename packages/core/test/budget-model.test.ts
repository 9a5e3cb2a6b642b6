/**
 * The shares of a budget: three random pools, each beside its own model, and what must hold of their places.
 *
 * `SOCKETPOOL_SEED` replays one run of a seed. `SOCKETPOOL_SEARCH=full` makes 2 · 10^6 steps instead of 10^5, `deep` 10^8.
 */
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Budgeted } from "./core/budgeted.js"
import { breathe, bySearch, seeds } from "./search.js"

const [seed] = seeds("budget", 1)
const steps = bySearch({ short: 1e5, full: 2e6, deep: 1e8 })

const march = async (budgeted: Budgeted, steps: number) => {
  for (let step = 0; step < steps; step++) {
    try {
      budgeted.step()
    } catch (error) {
      throw new Error(`${(error as Error).message} at step ${step}; replay with SOCKETPOOL_SEED=${seed}`, {
        cause: error
      })
    }
    if (step % 1e3 === 0) await breathe()
  }
}

describe("a budget", () => {
  it(`keeps its promises in ${steps.toExponential()} random steps`, { timeout: 7_200_000 }, async () => {
    const budgeted = new Budgeted(seed)
    await march(budgeted, steps)
    process.stdout.write(`budget: ${steps} steps, seed ${seed}; ${JSON.stringify(budgeted.met)}\n`)
    // A step that never happened was not tested.
    expect(Object.entries(budgeted.met).filter(([, times]) => times === 0)).toEqual([])
  })
})
