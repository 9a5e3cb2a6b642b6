// The places that the stores grant and take back, for processes that a test plays, one call at a time.
import type { Answer, Options, Store } from "@socketpool/fleet/FleetBudget"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Rng } from "@socketpool/testing"
import { Effect } from "effect"
import { bySearch, seeds } from "../../core/test/search.js"
import { stores } from "./fixtures/stores.js"

interface Played {
  readonly store: Store
  held: number
  idle: number
  wanted: number
  shed: number
  answer: Answer | undefined
}

/** Nobody who wants more has two places fewer than another, besides what that one is reserved. */
const isFair = (processes: ReadonlyArray<Played>): boolean =>
  processes.every((poor) => poor.wanted === 0 || processes.every((rich) => rich.held - poor.held < 2))

describe.each(stores)("$store", ({ isSkipped, start }) => {
  const limit = 8

  describe.skipIf(isSkipped)("shares out places", () => {
    it.scopedLive("fairly, never too many, and moves none without need", () =>
      Effect.gen(function*() {
        const linked = yield* start
        const rng = Rng.make(seeds("sharing", 1)[0])
        const processes = yield* Effect.forEach([0, 1, 2, 3], (i) =>
          Effect.gen(function*() {
            const options: Options = { name: "shared", maxConnections: limit, reclaimDelay: 0, holder: `p${i}` }
            const store = yield* (yield* linked(options))(`p${i}`, () => {})
            return { store, held: 0, idle: 0, wanted: 0, shed: 0, answer: undefined } as Played
          }))
        const call = (one: Played) =>
          Effect.gen(function*() {
            const { held, idle, wanted } = one
            const answer = yield* one.store.sync({
              held,
              busy: held - idle,
              wanted,
              limit,
              reserve: 0,
              isFirst: one.answer === undefined
            })
            expect(answer.held).toBeGreaterThanOrEqual(held)
            expect(answer.held).toBeLessThanOrEqual(held + wanted)
            expect(answer.shed).toBeLessThanOrEqual(answer.held)
            Object.assign(one, { held: answer.held, wanted: wanted - (answer.held - held), shed: answer.shed, answer })
            const total = processes.reduce((sum, { held }) => sum + held, 0)
            expect(total).toBeLessThanOrEqual(limit)
            expect(answer.holders.reduce((sum, { held }) => sum + held, 0)).toBe(total)
          })
        /** The process gives back what it should, if it can: idle places first. */
        const giveBack = (one: Played) => {
          one.held -= one.shed
          one.idle = Math.min(Math.max(0, one.idle - one.shed), one.held)
          one.shed = 0
        }
        for (let round = 0; round < bySearch({ short: 30, full: 120, deep: 300 }); round++) {
          for (let i = 0; i < 10; i++) {
            const one = rng.pick(processes as [Played, ...Array<Played>])
            rng.weighted([
              [3, () => one.wanted = rng.between(0, 10)],
              [1, () => one.idle = rng.between(0, one.held)],
              [1, () => one.held -= rng.between(0, one.held)],
              [2, () => giveBack(one)]
            ])()
            one.idle = Math.min(one.idle, one.held)
            yield* call(one)
          }
          // From here on nobody changes what it wants.
          for (const one of processes) if (one.wanted > 0) one.idle = 0
          const history: Array<string> = []
          for (let i = 0; i < 10; i++) {
            for (const one of processes) {
              giveBack(one)
              yield* call(one)
            }
            history.push(processes.map(({ held }) => held).join())
          }
          const total = processes.reduce((sum, { held }) => sum + held, 0)
          const isWanted = processes.some(({ wanted }) => wanted > 0)
          const story = JSON.stringify({
            round,
            history,
            processes: processes.map(({ held, idle, wanted }) => ({ held, idle, wanted }))
          })
          expect(isFair(processes), story).toBe(true)
          if (isWanted) expect(total, story).toBe(limit)
          if (isWanted) expect(processes.every(({ idle }) => idle === 0), story).toBe(true)
          expect(history.at(-1), story).toBe(history.at(-3))
        }
      }))
  })
})
