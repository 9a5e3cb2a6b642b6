// Real processes that are killed or whose clocks are wrong, and a server that counts.
import { expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import { bySearch } from "../../../core/test/search.js"
import { isMissing, shared } from "../../../node/test/fixtures/realServer.js"
import { type Fleet, fleetOn, limit, say, ttlMillis } from "./fleet.js"
import { describeEach } from "./stores.js"

const ids = ["a", "b", "c", "d"]

/** The library that gives a process another clock, in the folder of the machine's architecture. */
const faketime = (fs.existsSync("/usr/lib") ? fs.readdirSync("/usr/lib") : []).map((folder) =>
  `/usr/lib/${folder}/faketime/libfaketime.so.1`
).find((
  file
) => fs.existsSync(file))

const hasNoFaketime = isMissing("libfaketime", faketime !== undefined)

/** The wall clock of a process is ahead or behind by so much. */
const clockOf = (shift: string) => ({
  LD_PRELOAD: faketime!,
  FAKETIME: shift,
  FAKETIME_DONT_FAKE_MONOTONIC: "1"
})

const allUsed = (fleet: Fleet) => fleet.until("all places are used", ({ open }) => open === limit)

describeEach("a fleet with a budget in $name", (kind) => {
  const store = shared(kind.start)
  const print = (line: string) => say(`${kind.name}: ${line}`)

  const kills = bySearch({ short: 3, full: 8, deep: 20 })

  it.scopedLive(
    "takes the places of processes that are killed, once the server has noticed it",
    () =>
      Effect.gen(function*() {
        const fleet = yield* fleetOn(store())
        yield* fleet.startAll(ids)
        yield* allUsed(fleet)
        const times: Array<number> = []
        for (let round = 0; round < kills; round++) {
          const workers = fleet.alive
          const victim = workers[Math.floor(Math.random() * workers.length)]!
          yield* fleet.until("the victim has connections", ({ byId }) => (byId[victim.id] ?? 0) > 0)
          // The store is sooner to notice it than the server.
          yield* fleet.noticeLate(victim, 600)
          yield* victim.process.kill
          const killedAt = performance.now()
          yield* fleet.start(`after-${round + 1}`)
          yield* fleet.until(
            "the others use all places",
            ({ byId, open }) => open === limit && byId[victim.id] === undefined
          )
          times.push(Math.round(performance.now() - killedAt))
          yield* fleet.untilServed(20)
        }
        const peak = yield* fleet.peakIs(limit)
        yield* fleet.finish
        print(`${kills} kills; all places used again after ${times.join(", ")} ms; peak ${peak}`)
      }),
    { timeout: kills * 60_000 }
  )

  it.scopedLive.skipIf(hasNoFaketime)(
    "shares fairly with processes whose clocks are wrong by an hour",
    () =>
      Effect.gen(function*() {
        const fleet = yield* fleetOn(store())
        yield* fleet.startAll(["a", "b"])
        yield* allUsed(fleet)
        yield* fleet.start("ahead", { environment: clockOf("+3600s") })
        yield* fleet.start("behind", { environment: clockOf("-3600s") })
        const took = yield* fleet.until("each has its share", ({ byId, open }) =>
          open === limit && ["a", "b", "ahead", "behind"].every((id) =>
            Math.abs((byId[id] ?? 0) - 2) <= 1
          ))
        // For longer than a ttl, in which each has to be taken for alive.
        yield* Effect.sleep(ttlMillis + 500)
        const before = yield* fleet.seen
        yield* fleet.untilServed(50)
        expect((yield* fleet.seen).opened).toBe(before.opened)
        print(`clocks +1 h and -1 h: fair after ${took} ms; peak ${yield* fleet.peakIs(limit)}`)
        yield* fleet.finish
      })
  )
})
