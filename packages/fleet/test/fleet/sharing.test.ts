// Real processes, real stores, and a server that counts: who gets the places, and what that costs.
import { expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { fleetOn, limit, say, ttlMillis } from "./fleet.js"
import type { CounterReport } from "./messages.js"
import { describeEach } from "./stores.js"

const ids = ["a", "b", "c", "d"]

/** Whether each of four has two places, one more or one less. */
const isFair = ({ byId, open }: CounterReport) =>
  open === limit && ids.every((id) => Math.abs((byId[id] ?? 0) - 2) <= 1)

describeEach("processes that share a budget in $name", (kind) => {
  const store = shared(kind.start)
  const print = (line: string) => say(`${kind.name}: ${line}`)

  it.scopedLive("have their share each, and keep their connections while the load stays", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      yield* fleet.startAll(ids)
      const took = yield* fleet.until("each has its share", isFair)
      yield* fleet.untilServed(50)
      const before = yield* fleet.seen
      const callsBefore = yield* Effect.forEach(fleet.alive, ({ report }) => report)
      const served = yield* fleet.untilServed(400)
      const callsAfter = yield* Effect.forEach(fleet.alive, ({ report }) => report)
      const after = yield* fleet.seen
      expect(isFair(after)).toBe(true)
      expect(after.opened).toBe(before.opened)
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      const calls = callsAfter.map(({ calls }, i) => calls - callsBefore[i]!.calls)
      print(`fair after ${took} ms; 400 leases each in ${served} ms with ${calls.join(", ")} calls; peak ${peak}`)
    }))

  it.scopedLive("get the places that others do not use, and get them back", () =>
    Effect.gen(function*() {
      // So that nobody would hear of it by the calls that are due anyway, each 20 seconds.
      const fleet = yield* fleetOn(store(), 60_000)
      const [first, ...others] = yield* fleet.startAll(ids)
      yield* fleet.until("each has its share", isFair)
      yield* Effect.forEach(others, (worker) => worker.fibers(0))
      yield* first!.fibers(20)
      const all = yield* fleet.until("one has all", ({ byId }) => byId[first!.id] === limit)
      yield* fleet.untilServed(100, [first!])
      yield* Effect.forEach(others, (worker) => worker.fibers(6))
      const back = yield* fleet.until("each has its share again", isFair)
      yield* fleet.untilServed(100)
      expect(all + back).toBeLessThan(10_000)
      const peak = yield* fleet.peakIs(limit)
      print(`one has all 8 after ${all} ms; the others have theirs back after ${back} ms; peak ${peak}`)
      yield* fleet.finish
    }))

  it.scopedLive("ask the store for no lease while they have enough places", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const workers = yield* fleet.startAll(ids, { fibers: 2 })
      yield* fleet.until("each has two", ({ byId }) => ids.every((id) => byId[id] === 2))
      // The events after the last grant.
      yield* fleet.untilServed(100)
      const before = yield* Effect.forEach(workers, ({ report }) => report)
      yield* fleet.untilServed(400)
      const after = yield* Effect.forEach(workers, ({ report }) => report)
      const asked = after.map(({ at, calls }, i) => ({ calls: calls - before[i]!.calls, millis: at - before[i]!.at }))
      for (const { calls, millis } of asked) {
        expect(calls).toBeLessThanOrEqual(Math.ceil(millis / (ttlMillis / 3)))
      }
      expect(yield* fleet.peakIs(limit)).toBe(limit)
      yield* fleet.finish
      const calls = asked.map(({ calls }) => calls).join(", ")
      print(`400 leases each with ${calls} calls in ${Math.round(asked[0]!.millis)} ms`)
    }))

  it.scopedLive("ask the store at most once for a connection that they open", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const worker = yield* fleet.start("alone", { fibers: 1 })
      yield* fleet.until("it has one", ({ byId }) => byId.alone === 1)
      const before = yield* worker.report
      for (let fibers = 2; fibers <= limit; fibers++) {
        yield* worker.fibers(fibers)
        yield* fleet.until("it has another", ({ byId }) => byId.alone === fibers)
      }
      const after = yield* worker.report
      const opened = after.opened - before.opened
      const calls = after.calls - before.calls
      const beats = Math.ceil((after.at - before.at) / (ttlMillis / 3))
      expect(opened).toBe(limit - 1)
      expect(calls).toBeLessThanOrEqual(opened + beats)
      yield* fleet.finish
      print(`${calls} calls for ${opened} connections`)
    }))

  it.scopedLive("have no more than the smallest of their limits during a rolling deploy", () =>
    Effect.gen(function*() {
      const fleet = yield* fleetOn(store())
      const old = yield* fleet.startAll(["old1", "old2"])
      yield* fleet.until("the old ones have all", ({ open }) => open === limit)
      // A connection takes up its place until the server has closed it, too.
      yield* Effect.forEach(old, (worker) => fleet.noticeLate(worker, 300))
      const smaller = yield* fleet.startAll(["new1", "new2"], { limit: 6 })
      const settled = yield* fleet.until("there are six, and each has some", ({ byId, open }) =>
        open === 6 && ["old1", "old2", "new1", "new2"].every((id) => byId[id]! > 0))
      yield* fleet.peakIs(limit)
      yield* fleet.untilServed(100)
      const peak = yield* fleet.peakIs(6)
      const events = yield* Effect.forEach(fleet.alive, ({ report }) =>
        report)
      for (const { usage } of events) expect(usage.limit).toBe(6)
      yield* Effect.forEach(smaller, ({ end }) => end)
      const back = yield* fleet.until("the old ones have all again", ({ open }) => open === limit)
      yield* fleet.untilServed(50)
      yield* fleet.peakIs(limit)
      yield* fleet.finish
      print(`six after ${settled} ms, peak ${peak}; eight again after ${back} ms`)
    }))
})
