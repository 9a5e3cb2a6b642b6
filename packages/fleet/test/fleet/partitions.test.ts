// Real processes of which some do not reach the store any more, though it is there, and a server that counts.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { FaultProxy } from "@socketpool/testing"
import { Effect } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { eachHasItsShare, fleetOn, limit, say, ttlMillis } from "./fleet.js"
import type { CounterReport } from "./messages.js"
import { blind, describeEach, redis, type Store } from "./stores.js"

const othersHaveAll = ({ byId }: CounterReport) => (byId.a ?? 0) + (byId.b ?? 0) === limit

/**
 * A quarter of it is between the moment at which a process that is cut off sheds its connections and the one at which
 * others get their places. On a busy machine, a process gets no processor for a second.
 */
const reclaimMillis = 8_000

/** Two processes behind a proxy, of which one keeps its connections and one sheds them, and two beside it. */
const divided = (store: Store, user?: string) =>
  Effect.gen(function*() {
    const proxy = yield* FaultProxy.make({ target: { host: "127.0.0.1", port: store.address.port } })
    const fleet = yield* fleetOn(store)
    const login = user === undefined ? {} : { user }
    const keeps = yield* fleet.start("keeps", { onLost: "keep", reclaimMillis, store: { port: proxy.port, ...login } })
    const sheds = yield* fleet.start("sheds", { onLost: "shed", reclaimMillis, store: { port: proxy.port, ...login } })
    const others = yield* fleet.startAll(["a", "b"], { reclaimMillis, store: login })
    const ids = ["keeps", "sheds", "a", "b"]
    const isShared = fleet.until("each has its share", eachHasItsShare(ids))
    yield* isShared
    const kept = (yield* fleet.seen).byId.keeps!

    const areLost = Effect.gen(function*() {
      for (const worker of [keeps, sheds]) {
        yield* fleet.untilWorker(worker, "it is lost", ({ usage }) => usage.fleet!.isLost)
      }
      const shed = yield* fleet.until("one has shed its connections", ({ byId }) => byId.sheds === undefined)
      expect((yield* fleet.seen).byId.keeps).toBe(kept)
      return shed
    })
    const heal = Effect.gen(function*() {
      yield* proxy.heal
      // Until the store knows of it again, what one of them has kept is not within the limit.
      for (const worker of [keeps, sheds]) {
        yield* fleet.untilWorker(worker, "it is back", ({ usage }) => !usage.fleet!.isLost)
      }
      const back = yield* isShared
      yield* fleet.reset
      yield* fleet.untilServed(50)
      yield* fleet.peakIs(limit)
      yield* fleet.finish
      return `healed: each has its share ${back} ms after all are back`
    })
    return { areLost, fleet, heal, keeps, kept, others, proxy }
  })

describeEach("processes cut off from $name", (kind) => {
  const store = shared(kind.start)
  const print = (line: string) => say(`${kind.name}: ${line}`)

  it.scopedLive("keep or shed their connections, and nobody gets their places while their sessions are there", () =>
    Effect.gen(function*() {
      const { areLost, fleet, heal, keeps, others, proxy } = yield* divided(store())
      yield* proxy.set("both", { stall: true })
      yield* areLost
      yield* Effect.sleep(ttlMillis)
      yield* fleet.untilServed(20, [keeps, ...others])
      const peak = yield* fleet.peakIs(limit)
      const healed = yield* heal
      print(`a silent network: peak ${peak}; ${healed}`)
    }))

  it.scopedLive("keep or shed their connections, and others get their places, when their sessions have ended", () =>
    Effect.gen(function*() {
      const { areLost, fleet, heal, keeps, kept, others, proxy } = yield* divided(store())
      yield* proxy.welcome("Refuse")
      yield* proxy.reset
      yield* areLost
      const took = yield* fleet.until("the others have all", othersHaveAll)
      yield* fleet.untilServed(20, [keeps, ...others])
      const peak = yield* fleet.peakIs(limit + kept)
      const healed = yield* heal
      print(`a dead network: ${kept} kept, the others have all ${took} ms later, peak ${peak}; ${healed}`)
    }))
})

describe.skipIf(redis.isSkipped)("processes cut off from Redis, of which nobody may see that they live", () => {
  const store = shared(redis.start)

  it.scopedLive("keep or shed their connections, and others get their places after ttl and reclaimDelay", () =>
    Effect.gen(function*() {
      const { areLost, fleet, heal, keeps, kept, others, proxy } = yield* divided(store(), blind)
      yield* proxy.set("both", { stall: true })
      yield* areLost
      const took = yield* fleet.until("the others have all", othersHaveAll)
      yield* fleet.untilServed(20, [keeps, ...others])
      // Not one more: what is shed was closed before.
      const peak = yield* fleet.peakIs(limit + kept)
      const healed = yield* heal
      say(
        `Redis: a silent network, unseen: ${kept} kept, the others have all ${took} ms later, peak ${peak}; ${healed}`
      )
    }))
})
