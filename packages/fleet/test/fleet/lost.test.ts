// Real processes whose store stands still or is started again, and a server that counts.
import { PostgresBudget } from "@socketpool/fleet"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect } from "effect"
import { shared } from "../../../node/test/fixtures/realServer.js"
import { session } from "../../src/internal/postgres/session.js"
import { eachHas, fleetOn, limit, placesMove, say } from "./fleet.js"
import { describeEach, postgresql } from "./stores.js"

const ids = ["a", "b", "c", "d"]

describeEach("a fleet whose $name", (kind) => {
  const store = shared(kind.start)
  const print = (line: string) => say(`${kind.name}: ${line}`)

  const started = Effect.gen(function*() {
    const fleet = yield* fleetOn(store())
    yield* fleet.startAll(ids)
    yield* fleet.until("each has some", eachHas(ids))
    return fleet
  })

  it.scopedLive("stands still serves on, and keeps its limit", () =>
    Effect.gen(function*() {
      const fleet = yield* started
      const { opened } = yield* fleet.seen
      const served = yield* store().whileFrozen(
        Effect.map(
          Effect.all([fleet.untilServed(100), Effect.sleep("3500 millis")], { concurrency: 2 }),
          ([took]) => took
        )
      )
      const moved = yield* placesMove(fleet)
      const peak = yield* fleet.peakIs(limit)
      // No connection was closed for it, but those whose places have moved.
      expect((yield* fleet.seen).opened).toBeLessThanOrEqual(opened + limit)
      yield* fleet.finish
      print(`stopped for 3.5 s: 100 leases each in ${served} ms meanwhile; places move ${moved} ms later; peak ${peak}`)
    }))

  it.scopedLive("is killed and starts again, in Redis without its data, serves on, and keeps its limit", () =>
    Effect.gen(function*() {
      const fleet = yield* started
      yield* Effect.all([store().restart, fleet.untilServed(100)], { concurrency: "unbounded" })
      yield* Effect.forEach(
        fleet.alive,
        (worker) =>
          fleet.untilWorker(
            worker,
            "it reaches the store",
            ({ usage }) => usage.fleet!.held === limit && !usage.fleet!.isLost
          )
      )
      const moved = yield* placesMove(fleet)
      const peak = yield* fleet.peakIs(limit)
      yield* fleet.finish
      print(`restarted: places move again after ${moved} ms; peak ${peak}`)
    }))
})

describe.skipIf(postgresql.isSkipped)("a budget in PostgreSQL", () => {
  const store = shared(postgresql.start)

  it.scopedLive("refuses a pooler that gives statements to several sessions", () =>
    Effect.gen(function*() {
      const url = `postgres://postgres@127.0.0.1:${store().address.port}/postgres`
      const pooled = Effect.map(Effect.all([session(url, "one"), session(url, "two")]), (sessions) => {
        let statements = 0
        return {
          ...sessions[0],
          query: (sql: string, parameters: ReadonlyArray<unknown>) => sessions[statements++ % 2]!.query(sql, parameters)
        }
      })
      const error = yield* Effect.flip(PostgresBudget.make({ connect: pooled, name: "pooled", maxConnections: 8 }))
      expect(error).toMatchObject({ _tag: "BudgetUnavailable", reason: "Pooled" })
    }))
})
