// Real processes of which one has a reserve, and a server that counts.
import { expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { fleetOn, limit, say } from "./fleet.js"
import { describeEach } from "./stores.js"

const reserve = 3

describeEach("the reserve of a process with a budget in $name", (kind) => {
  const store = shared(kind.start)

  it.scopedLive("is there at once while others want all, and comes free with the process", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const reserved = yield* fleet.start("reserved", { fibers: 0, reserve })
      const others = yield* fleet.startAll(["a", "b"])
      yield* fleet.until("the others have the rest", ({ open }) => open === limit - reserve)
      const rounds = 3
      for (let round = 0; round < rounds; round++) {
        yield* fleet.untilServed(50, others)
        yield* fleet.peakIs(limit - reserve)
        yield* reserved.fibers(reserve)
        yield* fleet.until("each has its own", ({ byId, open }) => open === limit && byId.reserved === reserve)
        yield* fleet.untilServed(50)
        yield* fleet.peakIs(limit)
        yield* reserved.fibers(0)
        yield* fleet.until("it has none", ({ byId }) => byId.reserved === undefined)
        yield* fleet.reset
      }
      yield* reserved.process.kill
      const took = yield* fleet.until("the others have all", ({ open }) => open === limit)
      yield* fleet.untilServed(50)
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      say(
        `${kind.name}: ${rounds} times a reserve of ${reserve}; the others have it ${took} ms after a kill; peak ${peak}`
      )
    }))

  it.scopedLive("is refused at the start if it does not fit beside those of others", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const first = yield* fleet.start("first", { reserve: limit - 2 })
      const exit = yield* Effect.exit(fleet.start("second", { reserve }))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain(
        `the reserves of all processes are more than the budget has: ${limit - 2 + reserve} of ${limit}`
      )
      // A refused reserve takes up nothing, and a reserve that fits is welcome.
      yield* fleet.start("third", { reserve: 2 })
      yield* fleet.until("each has its reserve", ({ byId, open }) =>
        open === limit && byId.first === limit - 2 && byId.third === 2)
      yield* fleet.untilServed(20)
      yield* fleet.peakIs(limit)
      expect(first.process.isAlive).toBe(true)
      yield* fleet.finish
    }))
})
