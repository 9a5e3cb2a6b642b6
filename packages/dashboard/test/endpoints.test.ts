// The endpoints of a pool, in the snapshot and on the page.
import type { EndpointPool } from "@socketpool/core"
import { Snapshot } from "@socketpool/dashboard"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Schema } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { RecentShares } from "../src/internal/endpoints.js"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { decodeSnapshot, serve, snapshotOf } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"
import { endpoint, playedPool, refused, six } from "./fixtures/replicas.js"

describe("the snapshot", () => {
  it.scopedLive("has the endpoints of a pool in the order of their set, and then those that drain", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* new Backend().pool({ name: "plain" })
      yield* six
      const snapshot = yield* snapshotOf(url)
      expect(decodeSnapshot(JSON.parse(JSON.stringify(Schema.encodeSync(Snapshot.Snapshot)(snapshot))))).toEqual(
        snapshot
      )
      const [plain, replicas] = snapshot.pools
      expect(plain).not.toHaveProperty("endpoints")
      const { count, listed } = replicas!.endpoints!
      expect(count).toBe(6)
      const quiet = {
        inUse: 0,
        idle: 0,
        opening: 0,
        waiting: 0,
        acquired: 0,
        load: 0,
        failures: 0,
        ejections: 0,
        share: 0
      }
      const common = { ...quiet, tier: 0, weight: 1, port: 5_432 }
      const internal = (n: number) => ({ ...common, id: `db-${n}.internal:5432`, host: `db-${n}.internal` })
      const one = { inUse: 1, acquired: 1, load: 1, share: 1 / 6 }
      expect(listed).toEqual([
        { ...internal(1), ...one, state: "Up" },
        { ...internal(2), weight: 2, state: "Up", inUse: 2, idle: 2, acquired: 4, load: 1, share: 4 / 6 },
        {
          ...internal(3),
          state: "Ejected",
          failures: 1,
          ejections: 1,
          ejectedUntil: expect.any(Number),
          lastError: "ConnectError: connect ECONNREFUSED 10.0.0.3:5432"
        },
        { ...internal(4), state: "SlowStart" },
        { ...common, id: "far away", host: "fd00::7", tier: 1, state: "Up" },
        { ...common, ...one, id: "10.0.0.9:5432", host: "10.0.0.9", state: "Draining" }
      ])
      const left = listed[2]!.ejectedUntil! - snapshot.at
      expect([left > 47 * 60_000, left < 73 * 60_000]).toEqual([true, true])
    }))

  it.scopedLive("has no endpoint before the first set, and 100 of more: those that are not up, and the busiest", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ interval: "1 hour" })
      const { fail, pool, publish } = yield* playedPool()
      const endpoints = Effect.map(snapshotOf(url), ({ pools: [pool] }) => pool!.endpoints!)
      expect(yield* endpoints).toEqual({ count: 0, listed: [] })
      const set = Array.from({ length: 250 }, (_, i) => endpoint(`e${i}:1`))
      yield* publish(...set)
      yield* fail("e240:1", refused("no"))
      yield* Effect.flatMap(pool.at("e230:1"), (part) => part.get)
      const { count, listed } = yield* endpoints
      expect([count, listed.length]).toEqual([250, 100])
      expect(listed.slice(-2).map(({ id }) => id)).toEqual(["e230:1", "e240:1"])
      const numbers = listed.map(({ id }) => Number(/\d+/.exec(id)![0]))
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    }))
})

describe("the share of an endpoint", () => {
  const one = (id: string, acquired: number, port = 1) =>
    ({ id, host: "h", port, acquired }) as EndpointPool.EndpointStatus

  const sharesOf = (shares: RecentShares) => (age: number, ...endpoints: ReadonlyArray<EndpointPool.EndpointStatus>) =>
    shares.at(age, endpoints).listed.map(({ share }) => share)

  it("is that of the leases of the last minute", () => {
    const at = sharesOf(new RecentShares())
    expect(at(1_000, one("a", 0), one("b", 0))).toEqual([0, 0])
    expect(at(60_000, one("a", 10), one("b", 30))).toEqual([0.25, 0.75])
    for (let age = 65_000; age <= 120_000; age += 5_000) at(age, one("a", 10), one("b", 30))
    expect(at(125_000, one("a", 20), one("b", 30))).toEqual([1, 0])
  })

  it("begins when the dashboard first sees an older pool", () => {
    const at = sharesOf(new RecentShares())
    expect(at(61_000, one("a", 1_000), one("b", 0))).toEqual([0, 0])
    expect(at(62_000, one("a", 1_001), one("b", 3))).toEqual([0.25, 0.75])
  })

  it("begins anew for an endpoint that has returned, or is at another address", () => {
    const at = sharesOf(new RecentShares())
    at(61_000, one("a", 1_000), one("b", 1_000))
    expect(at(62_000, one("a", 1), one("b", 1_001))).toEqual([0.5, 0.5])
    expect(at(63_000, one("a", 1_500, 2), one("b", 1_500))).toEqual([0.75, 0.25])
  })
})

describePage("the page", () => {
  const open = (context: BrowserContextOptions = {}) => Effect.flatMap(serve(), ({ url }) => visit(url, context))

  const run = <A>(act: () => Promise<A>) => Effect.promise(act)

  const rowsOf = (page: Page) =>
    run(async () =>
      (await page.locator("[data-endpoint]").allInnerTexts()).map((text) => text.trim().split(/\s+/).join(" "))
    )

  it.scopedLive("shows a row for each endpoint: its state in words, how long it is ejected and why, and its figures", () =>
    Effect.gen(function*() {
      yield* six
      const { errors, page } = yield* open()
      yield* shows(page, "[data-endpoints] .note", /^6 endpoints: 3 up, 1 slow start, 1 ejected, 1 draining\. /)
      const rows = yield* rowsOf(page)
      expect(rows.map((row) => row.replace(/\d+ min/, "N min"))).toEqual([
        "db-1.internal:5432 ● up 1 0 0 0 1 17 % 0 1 0 0",
        "db-2.internal:5432 ● up 2 2 0 0 1 67 % 0 2 0 0",
        "db-3.internal:5432 ✕ ejected for N min more ConnectError: connect ECONNREFUSED 10.0.0.3:5432 " +
        "0 0 0 0 0 0 % 0 1 1 1",
        "db-4.internal:5432 ● slow start 0 0 0 0 0 0 % 0 1 0 0",
        "far away [fd00::7]:5432 ● up 0 0 0 0 0 0 % 1 1 0 0",
        "10.0.0.9:5432 ○ draining 1 0 0 0 1 17 % 0 1 0 0"
      ])
      const table = page.getByRole("region", { name: "The endpoints of replicas" }).getByRole("table")
      expect(yield* run(() => table.getByRole("columnheader").count())).toBe(12)
      expect(yield* run(() => table.getByRole("rowheader").count())).toBe(6)
      expect(errors).toEqual([])
    }))

  it.scopedLive("follows an endpoint that fails, is ejected, comes back and leaves", () =>
    Effect.gen(function*() {
      const { fail, pool, publish, repair } = yield* playedPool({ ejectAfter: 2, ejectionTime: "1 minute" })
      const { errors, page } = yield* open()
      yield* shows(page, "[data-endpoints] .note", "The discovery has given no endpoint yet.")
      expect(yield* run(() => page.locator("[data-endpoints] table").isVisible())).toBe(false)
      yield* publish(endpoint("a:1"), endpoint("b:1"))
      yield* shows(page, "[data-endpoint='a:1'][data-tone=good]", "● up")
      yield* fail("a:1", refused("out of order"))
      yield* shows(page, "[data-endpoint='a:1'][data-tone=warn]", /▲ up, failing ConnectError: out of order/)
      yield* fail("a:1", refused("out of order"))
      yield* shows(page, "[data-endpoint='a:1'][data-tone=bad]", /✕ ejected for \d+ s more ConnectError: out of order/)
      yield* repair
      yield* shows(page, "[data-endpoint='a:1'][data-tone=good]", /● slow start /)
      expect(yield* run(() => page.locator("[data-endpoint='a:1'] .why").textContent())).toBe("")
      yield* Effect.flatMap(pool.at("a:1"), (part) => part.get)
      yield* publish(endpoint("b:1"))
      yield* shows(page, "[data-endpoint='a:1'][data-tone=off]", "○ draining")
      expect((yield* rowsOf(page)).map((row) => row.split(" ")[0])).toEqual(["b:1", "a:1"])
      expect(errors).toEqual([])
    }))

  it.scopedLive("shows no endpoints of other pools", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "plain" })
      const { page } = yield* open()
      yield* shows(page, "[data-verdict]", "healthy")
      expect(yield* run(() => page.locator("[data-endpoints]").isVisible())).toBe(false)
    }))

  it.scopedLive("shows every id and every error as text", () =>
    Effect.gen(function*() {
      const id = "<img src=x onerror=alert(1)>\u202e"
      const { fail, publish } = yield* playedPool()
      yield* publish(endpoint(id, { host: "h" }), endpoint("b:1"))
      yield* fail(id, new Error("<b>bold</b> \u202e tcp://user:secret@h"))
      const { errors, page } = yield* open()
      const shown = "<img src=x onerror=alert(1)>\\u{202e}"
      yield* shows(page, "[data-endpoint][data-tone=bad]", shown)
      const row = page.locator("[data-endpoint]").first()
      expect(yield* run(() => row.getAttribute("data-endpoint"))).toBe(shown)
      expect(yield* run(() => row.locator("th").getAttribute("title"))).toBe(shown)
      const error = "Error: <b>bold</b> \\u202e tcp://***@h"
      expect(yield* run(() => row.locator(".why").textContent())).toBe(error)
      expect(yield* run(() => row.locator(".why").getAttribute("title"))).toBe(error)
      expect(yield* run(() => page.locator("[data-endpoints] img, [data-endpoints] b").count())).toBe(0)
      expect(errors).toEqual([])
    }))

  it.scopedLive("says how many of a crowd are shown", () =>
    Effect.gen(function*() {
      const { publish } = yield* playedPool()
      yield* publish(...Array.from({ length: 120 }, (_, i) => endpoint(`e${i}:1`)))
      const { page } = yield* open()
      yield* shows(page, "[data-endpoints] .note", /^120 endpoints, of which 100 are shown\. /)
      expect(yield* rowsOf(page)).toHaveLength(100)
    }))
})
