// Real processes whose Redis is killed while a replica takes its place, and a server that counts.
import { describe, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { eachHas, fleetOn, limit, placesMove, say } from "./fleet.js"
import { redis, startReplicated } from "./stores.js"

const ids = ["a", "b", "c", "d"]

describe.skipIf(redis.isSkipped)("a fleet whose Redis fails over to its replica", () => {
  it.scopedLive("serves on, and keeps its limit, if the replica has all that was written", () =>
    Effect.gen(function*() {
      const { failOver, failOverLate, isReplicated, latePort, store } = yield* startReplicated
      const fleet = yield* fleetOn(store)
      // Those that are late have this long to tell the replica what they have, also on a busy machine.
      const reclaimMillis = 8_000
      const first = yield* fleet.start("a", { reclaimMillis })
      yield* fleet.startAll(["b", "c", "d"], { reclaimMillis, store: { port: latePort } })
      yield* fleet.until("each has some", eachHas(ids))
      yield* isReplicated
      const { opened } = yield* fleet.seen
      // The first one comes to the replica, wants more, and finds none of the others there.
      const failed = Effect.andThen(failOver, fleet.untilAsked(4, [first]))
      const [, served] = yield* Effect.all([failed, fleet.untilServed(100)], { concurrency: "unbounded" })
      yield* failOverLate
      // At least one call may have failed, and one may have been on its way before.
      yield* fleet.untilAsked(4)
      const moved = yield* placesMove(fleet)
      for (const worker of fleet.alive) {
        yield* fleet.untilWorker(
          worker,
          "it knows of all",
          ({ usage: { fleet } }) => !fleet!.isLost && fleet!.held === limit && fleet!.holders.length === ids.length
        )
      }
      const peak = yield* fleet.peakIs(limit)
      const reopened = (yield* fleet.seen).opened - opened
      yield* fleet.finish
      say(
        `Redis: failed over: 100 leases each in ${served} ms meanwhile; places move ${moved} ms later; ` +
          `${reopened} connections opened; peak ${peak}`
      )
    }))

  it.scopedLive("exceeds its limit only by what the processes have that the replica does not know", () =>
    Effect.gen(function*() {
      const { divide, failOver, isReplicated, store } = yield* startReplicated
      const fleet = yield* fleetOn(store)
      const known = yield* fleet.start("known", { fibers: 1 })
      yield* fleet.until("it has one", ({ byId }) => byId.known === 1)
      yield* isReplicated
      yield* divide
      yield* fleet.startAll(["a", "b", "c"])
      const all = ["known", "a", "b", "c"]
      yield* fleet.until("each has some", eachHas(all))
      yield* known.fibers(6)
      const { byId } = yield* fleet.seen
      const unknown = limit - Math.min(byId.known!, 1)
      yield* Effect.all([failOver, fleet.untilServed(100)], { concurrency: "unbounded" })
      yield* fleet.untilAsked(4)
      const back = yield* fleet.until("there are no more than the limit", ({ open }) => open <= limit)
      const peak = yield* fleet.peakIs(limit + unknown)
      yield* fleet.until("each has some", eachHas(all))
      yield* fleet.untilServed(50)
      const moved = yield* placesMove(fleet)
      yield* fleet.peakIs(limit)
      yield* fleet.finish
      say(
        `Redis: failed over to a replica that did not know ${unknown} places: peak ${peak}, within the limit ` +
          `${back} ms later; places move ${moved} ms after that`
      )
    }))
})
