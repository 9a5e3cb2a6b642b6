// Real processes that stand still, lose their session, or whose calls come late, and a server that counts.
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { eachHas, eachHasItsShare, type Fleet, fleetOn, limit, say, ttlMillis, type Worker } from "./fleet.js"
import { blind, describeEach, redis } from "./stores.js"

/** Stops a process for longer than `ttl` and `reclaimDelay`, so that its places may be given away. */
const whileStopped = (worker: Worker) =>
  Effect.acquireUseRelease(
    worker.process.signal("SIGSTOP"),
    () => Effect.sleep(ttlMillis + 1_500),
    () => worker.process.signal("SIGCONT")
  )

const allUsed = (fleet: Fleet) => fleet.until("all places are used", ({ open }) => open === limit)

describeEach("a fleet with a budget in $name", (kind) => {
  const store = shared(kind.start)
  const print = (line: string) => say(`${kind.name}: ${line}`)

  it.scopedLive("leaves a process that stands still its places for longer than ttl, while its session is there", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const [stopped] = yield* fleet.startAll(["stopped", "a", "b", "c"])
      yield* fleet.until("each has some", eachHas(["stopped", "a", "b", "c"]))
      yield* whileStopped(stopped!)
      yield* fleet.untilServed(50)
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      print(`a process stopped for ${ttlMillis + 1_500} ms; peak ${peak}`)
    }))

  it.scopedLive("takes back the places of a process whose session is cut, before others get them", () =>
    Effect.gen(function*() {
      // So that nobody would notice it by the calls that are due anyway.
      const fleet = yield* fleetOn(store(), 12_000)
      // A process on a busy machine has this long to take its places back.
      const reclaimMillis = 4_000
      const victim = yield* fleet.start("victim", { fibers: 2, reclaimMillis })
      yield* fleet.until("it has two", ({ byId }) => byId.victim === 2)
      yield* fleet.startAll(["a", "b"], { reclaimMillis })
      yield* allUsed(fleet)
      const { opened, sessions } = yield* victim.report
      yield* store().cut("victim")
      yield* fleet.untilWorker(victim, "it has taken its places back", (report) => report.sessions > sessions)
      yield* store().cut("victim")
      // For longer than reclaimDelay.
      yield* Effect.sleep(reclaimMillis + 600)
      const report = yield* victim.report
      expect(report.opened).toBe(opened)
      expect(report.events).not.toHaveProperty("Lost")
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      print(`2 sessions cut; peak ${peak}`)
    }))
})

describe.skipIf(redis.isSkipped)("a fleet with a budget in Redis", () => {
  const store = shared(redis.start)
  const print = (line: string) => say(`Redis: ${line}`)

  it.scopedLive("exceeds its limit only by what a stopped process has, where nobody may see that it lives", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const ids = ["stopped", "a", "b", "c"]
      const [stopped] = yield* fleet.startAll(ids, { store: { user: blind } })
      // One that stopped between its connect and its handshake would have a connection without a name.
      yield* fleet.until("each has its share", eachHasItsShare(ids))
      yield* stopped!.process.signal("SIGSTOP")
      const held = (yield* fleet.seen).byId.stopped!
      const took = yield* fleet.until("the others have all", ({ byId, open }) => open - (byId.stopped ?? 0) === limit)
      const peak = yield* fleet.peakIs(limit + held)
      yield* stopped!.process.signal("SIGCONT")
      const back = yield* fleet.until("there are no more than the limit", ({ open }) => open <= limit)
      yield* fleet.reset
      yield* fleet.until("each has some", eachHas(ids))
      yield* fleet.untilServed(20)
      yield* fleet.peakIs(limit)
      yield* fleet.finish
      print(`unseen, a stopped process lost its places after ${took} ms; peak ${peak}; back within ${back} ms`)
    }))

  it.scopedLive("is not misled by a call that comes late", () =>
    Effect.gen(function*() {
      // So that no call that is due anyway would put it right.
      const fleet = yield* fleetOn(store(), 12_000)
      const late = yield* fleet.start("late", { fibers: 1 })
      yield* fleet.until("it has one", ({ byId }) => byId.late === 1)
      const other = yield* fleet.start("other", { fibers: 10 })
      yield* allUsed(fleet)
      // It tells that its only place is idle. The call is lost, and made again.
      yield* late.loseNextCall
      yield* late.fibers(0)
      yield* fleet.untilWorker(late, "a call is lost", ({ lost }) => lost === 1)
      yield* late.fibers(4)
      yield* fleet.until("it has four", ({ byId, open }) => byId.late === 4 && open === limit)
      const { calls } = yield* other.report
      const answers = yield* late.deliverLostCall
      yield* fleet.untilWorker(other, "it asks for more", (report) => report.calls >= calls + 2)
      yield* fleet.untilServed(20)
      yield* fleet.peakIs(limit)
      expect(answers).toEqual([["Late"]])
      yield* fleet.finish
    }))
})
