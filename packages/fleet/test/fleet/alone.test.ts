// A real process that is cut off alone and sees nothing of it, while others go on, and a server that counts.
import { it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { fleetOn, limit, say } from "./fleet.js"
import { relayTo } from "./relay.js"
import { describeEach } from "./stores.js"

const ids = ["alone", "a", "b", "c"]

describeEach("one process that is cut off from $name, whose server sees the end of its session", (kind) => {
  const store = shared(kind.start)

  /** The process has lost its session and waits for answers; the others have its places. */
  const cutOff = (onLost: "keep" | "shed") =>
    Effect.gen(function*() {
      const relay = yield* relayTo(store().address.port)
      const fleet = yield* fleetOn(store())
      const alone = yield* fleet.start("alone", { onLost, store: { port: relay.port } })
      const others = yield* fleet.startAll(["a", "b", "c"])
      const share = limit / ids.length
      const isShared = fleet.until("each has its share", ({ byId }) => ids.every((id) => byId[id] === share))
      yield* isShared
      yield* fleet.peakIs(limit)
      yield* relay.cutOff
      const took = yield* fleet.until("the others have all", ({ byId, open }) => open - (byId.alone ?? 0) === limit)
      yield* fleet.untilWorker(alone, "it is lost", ({ usage }) => usage.fleet!.isLost)
      yield* fleet.untilServed(50, others)
      // The places of a process that does not know of its end.
      yield* fleet.peakIs(limit + share)
      const heal = Effect.gen(function*() {
        yield* relay.heal
        yield* fleet.untilWorker(alone, "it is back", ({ usage }) => !usage.fleet!.isLost)
        const back = yield* fleet.until("each has its share again", ({ byId, open }) =>
          open === limit && ids.every((id) => byId[id] === share))
        yield* fleet.reset
        yield* fleet.untilServed(50)
        const peak = yield* fleet.peakIs(limit)
        yield* fleet.finish
        return `the others have all after ${took} ms; each has its share ${back} ms after it is healed; peak ${peak}`
      })
      return { alone, fleet, heal, share }
    })

  it.scopedLive("leases on what it has, and the others get its places", () =>
    Effect.gen(function*() {
      const { alone, fleet, heal, share } = yield* cutOff("keep")
      yield* fleet.untilServed(50)
      yield* fleet.until("it has what it had", ({ byId, open }) => byId.alone === share && open === limit + share)
      yield* fleet.untilWorker(alone, "it has what it had", ({ usage }) => usage.fleet!.granted === share)
      say(`${kind.name}: cut off alone, keeps: ${yield* heal}`)
    }))

  it.scopedLive("closes what it has with shed, and all together are within the limit again", () =>
    Effect.gen(function*() {
      const { fleet, heal } = yield* cutOff("shed")
      yield* fleet.until("it has none", ({ byId, open }) => byId.alone === undefined && open === limit)
      yield* fleet.reset
      yield* fleet.untilServed(50, fleet.alive.filter(({ id }) => id !== "alone"))
      yield* fleet.peakIs(limit)
      say(`${kind.name}: cut off alone, sheds: ${yield* heal}`)
    }))
})
