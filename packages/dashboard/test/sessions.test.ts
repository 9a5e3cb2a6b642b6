// The pool of a client: many requests on each connection.
import { Client, type Connection, Framing, Protocol } from "@socketpool/core"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { MemoryServer } from "@socketpool/testing"
import { Effect, Fiber } from "effect"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { serve, snapshotOf, until } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"

const lines = Protocol.inOrder({ framing: Framing.strings(Framing.lines({ end: "\n" })) })

/**
 * A client with 20 requests on one connection, an exclusive lease of another, one response that has come, and one still
 * to come for nobody.
 */
const busy = Effect.gen(function*() {
  const peers: Array<Connection> = []
  const server = yield* MemoryServer.make((peer) => Effect.andThen(Effect.sync(() => peers.push(peer)), Effect.never))
  const client = yield* Client.make({
    protocol: lines,
    open: server.connect(),
    name: "cache",
    maxConnections: 2,
    drainTimeout: 0
  })
  const send = (request: string) => Effect.forkScoped(Effect.withSpan(client.request(request), `GET ${request}`))
  const inFlight = (n: number) =>
    Effect.repeat(Effect.andThen(Effect.sleep("5 millis"), client.stats), { until: (stats) => stats.inFlight === n })
  const answered = yield* send("answered")
  yield* inFlight(1)
  yield* peers[0]!.send("ANSWERED\n")
  yield* Fiber.join(answered)
  const abandoned = yield* send("abandoned")
  yield* inFlight(1)
  yield* Fiber.interrupt(abandoned)
  for (let i = 0; i < 20; i++) yield* send(`r${i}`)
  yield* inFlight(20)
  yield* Effect.forkScoped(Effect.withSpan(client.withExclusive(() => Effect.never), "EXEC"))
  yield* until(() => peers.length === 2)
  return client
})

describe("the snapshot of a client's pool", () => {
  it.scopedLive("has the figures of its sessions, and at most 8 leases of one connection", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* busy
      yield* new Backend().pool({ name: "plain" })
      const { pools: [cache, plain] } = yield* snapshotOf(url)
      expect(cache!.stats.sessions).toMatchObject({
        requests: 22,
        inFlight: 20,
        abandoned: 1,
        tombstones: 1,
        stalls: 0
      })
      expect(cache!.stats.leased).toBe(21)
      expect(cache!.recent!.roundTripTime!.count).toBe(1)
      const shared = cache!.leases.filter(({ exclusive }) => !exclusive)
      expect(shared.map(({ connectionLeases, holder }) => [connectionLeases, holder.span])).toEqual(
        Array.from({ length: 8 }, (_, i) => [20, `GET r${i}`])
      )
      expect(cache!.leases.filter(({ exclusive }) => exclusive)).toMatchObject([
        { connectionLeases: 1, holder: { span: "EXEC" } }
      ])
      expect(plain!.stats).not.toHaveProperty("sessions")
      expect(plain!.recent).not.toHaveProperty("roundTripTime")
    }))
})

describePage("the page of a client's pool", () => {
  const open = Effect.flatMap(serve(), ({ url }) => visit(url))

  it.scopedLive("shows the figures of its sessions, which other pools lack", () =>
    Effect.gen(function*() {
      yield* busy
      yield* new Backend().pool({ name: "plain" })
      const { errors, page } = yield* open
      yield* Effect.promise(() => page.locator("[data-choose]", { hasText: "cache" }).click())
      const figures = { InFlight: "20", Tombstones: "1", Abandoned: "1", Stalls: "0" }
      for (const [key, value] of Object.entries(figures)) {
        yield* shows(page, `[data-figure=session${key}]:visible`, new RegExp(`^${value}$`))
      }
      yield* shows(page, "[data-figure=sessionRequests]:visible", "/s")
      yield* shows(page, "[data-figure=roundTripP99]:visible", / (ms|s)$/)
      yield* Effect.promise(() => page.locator("[data-choose]", { hasText: "plain" }).click())
      yield* shows(page, "[data-name]", "plain")
      yield* Effect.promise(() => page.locator("[data-sessions]").waitFor({ state: "hidden" }))
      expect(errors).toEqual([])
    }))

  it.scopedLive("has one row for each connection, which opens, and marks the exclusive lease", () =>
    Effect.gen(function*() {
      yield* busy
      const { page } = yield* open
      yield* shows(page, "[data-lease]", /EXEC fiber #\d+, exclusive/)
      yield* shows(page, "[data-lease]", /GET r0 fiber #\d+ ▸ 19 more leases/)
      const count = (selector: string) => Effect.promise(() => page.locator(selector).count())
      expect([yield* count("[data-lease]"), yield* count("[data-further]")]).toEqual([2, 0])
      yield* Effect.promise(() => page.locator("[data-toggle]").focus())
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* shows(page, "[data-lease]", "▾ the 7 longest of 19 more leases")
      expect(yield* count("[data-further]")).toBe(7)
      yield* shows(page, "[data-further]", /GET r7 fiber #\d+/)
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* shows(page, "[data-lease]", "▸ 19 more leases")
      expect(yield* count("[data-further]")).toBe(0)
    }))
})
