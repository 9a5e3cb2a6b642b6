// Real processes that find no store at their start, and a server that counts.
import { expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Effect, Exit } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { eachHas, fleetOn, limit, placesMove, say } from "./fleet.js"
import { describeEach } from "./stores.js"

const ids = ["a", "b", "c", "d"]

/** The connections that each may open without the store. Together they exceed the limit. */
const open = 3

describeEach("a fleet that does not find its $name at the start", (kind) => {
  const store = shared(kind.start)

  const setup = Effect.gen(function*() {
    const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: store().address.port } })
    yield* proxy.welcome("Refuse")
    return { fleet: yield* fleetOn(store()), proxy, at: { port: proxy.port } }
  })

  it.scopedLive("does not start with whenUnavailable closed, and says why", () =>
    Effect.gen(function*() {
      const { at, fleet } = yield* setup
      const exit = yield* Effect.exit(fleet.start("closed", { isPatient: false, store: at }))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain(`cannot reach ${kind.name}`)
      expect(yield* fleet.seen).toMatchObject({ opened: 0 })
    }))

  it.scopedLive("opens as many connections in each process as whenUnavailable says, and shares the limit later", () =>
    Effect.gen(function*() {
      const { at, fleet, proxy } = yield* setup
      yield* fleet.startAll(ids, { isPatient: false, whenUnavailable: { open }, store: at })
      yield* fleet.until("each has what it may open", ({ byId }) => ids.every((id) => byId[id] === open))
      yield* fleet.untilServed(50)
      for (const { report } of fleet.alive) {
        expect((yield* report).usage.fleet).toMatchObject({ granted: open, isLost: true })
      }
      yield* fleet.peakIs(ids.length * open)
      yield* proxy.heal
      for (const worker of fleet.alive) {
        yield* fleet.untilWorker(worker, "it reaches the store", ({ usage }) => !usage.fleet!.isLost)
      }
      const back = yield* fleet.until("each has some within the limit", eachHas(ids))
      yield* fleet.reset
      yield* fleet.untilServed(50)
      const moved = yield* placesMove(fleet)
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      say(
        `${kind.name}: absent at the start: ${open} connections each; within the limit ${back} ms after it is there; ` +
          `places move after ${moved} ms; peak ${peak}`
      )
    }))
})
