// Budgets and keyed pools, in the snapshot and on the page.
import { Budget, KeyedPool } from "@socketpool/core"
import { Snapshot } from "@socketpool/dashboard"
import { provideScope } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Schema, Scope } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { fleet, many, own, three } from "./fixtures/fleet.js"
import { decodeSnapshot, serve, snapshotOf } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"
import { shared } from "./fixtures/shared.js"

describe("the snapshot", () => {
  it.scopedLive("has budgets with the numbers of their pools, and keyed pools with their busiest keys", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* shared
      const snapshot = yield* snapshotOf(url)
      expect(decodeSnapshot(JSON.parse(JSON.stringify(Schema.encodeSync(Snapshot.Snapshot)(snapshot))))).toEqual(
        snapshot
      )
      const { budgets = [], keyedPools = [], pools } = snapshot
      const idOf = (name: string) => pools.find((pool) => pool.name === name)!.id
      const [tenants] = keyedPools
      expect(pools.map(({ name }) => name)).toEqual(["sessions", "pages", "lookups", "reports"])
      expect(budgets).toMatchObject([
        {
          name: "cache",
          limit: 20,
          held: 11,
          wanted: 0,
          members: 3,
          pools: [
            { name: "sessions", poolId: idOf("sessions"), held: 3, wanted: 0, weight: 1 },
            { name: "pages", poolId: idOf("pages"), held: 2, wanted: 0, weight: 2 },
            { name: "tenants", keyedPoolId: tenants!.id, held: 6, wanted: 0, weight: 1 }
          ]
        },
        {
          name: "database",
          limit: 4,
          held: 4,
          wanted: 2,
          pools: [
            { name: "lookups", poolId: idOf("lookups"), held: 4, wanted: 0, weight: 3, wantedMillis: 0 },
            { name: "reports", poolId: idOf("reports"), held: 0, wanted: 2, weight: 1 }
          ]
        }
      ])
      expect(budgets[1]!.pools[1]!.wantedMillis).toBeGreaterThan(0)
      expect(keyedPools).toHaveLength(1)
      expect(tenants).toMatchObject({
        name: "tenants",
        stats: { keys: 30, maxKeys: 1_000, maxConnections: 24, inUse: 6, pending: 4, wanted: 0, forgotten: 0 }
      })
      expect(tenants!.busiest.slice(0, 2)).toMatchObject([
        { label: "tenant-07", number: 8, inUse: 2, pending: 4, held: 2, wanted: 0 },
        { label: "tenant-00", number: 1, inUse: 1, pending: 0, held: 1, wanted: 0 }
      ])
      expect(tenants!.busiest).toHaveLength(20)
    }))

  it.scopedLive("tells budgets and keyed pools of one name apart, keeps their numbers, and leaves out closed ones", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const scope = yield* Scope.make()
      const twin = Effect.gen(function*() {
        const budget = yield* Budget.make({ name: "twin", maxConnections: 1 })
        yield* KeyedPool.make({ name: "twin", open: (_: string) => Effect.void, budget })
      })
      yield* provideScope(twin, scope)
      yield* twin
      const ids = Effect.map(snapshotOf(url), ({ budgets = [], keyedPools = [] }) => [
        budgets.map(({ id, pools: [pool] }) => [id, pool?.keyedPoolId]),
        keyedPools.map(({ id }) => id)
      ])
      expect(yield* ids).toEqual([[[1, 1], [2, 2]], [1, 2]])
      yield* Scope.close(scope, Exit.void)
      expect(yield* ids).toEqual([[[2, 2]], [2]])
      yield* twin
      expect(yield* ids).toEqual([[[2, 2], [3, 3]], [2, 3]])
    }))

  it.scopedLive("remembers the last 20 times that a pool was starved", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const budget = yield* Budget.make({ name: "small", maxConnections: 1 })
      const holder = yield* new Backend().pool({ name: "holder", budget })
      yield* holder.get
      const pools = yield* Effect.forEach(
        Array.from({ length: 25 }, (_, i) => `starved-${i}`),
        (name) => new Backend().pool({ name, budget, acquireTimeout: "1 hour" })
      )
      // The dashboard listens once it has shown the budget.
      yield* Effect.repeat(snapshotOf(url), { until: ({ budgets = [] }) => budgets.length === 1 })
      for (const pool of pools) yield* Effect.forkScoped(pool.get)
      const starved = yield* Effect.repeat(
        Effect.andThen(
          Effect.sleep("20 millis"),
          Effect.map(snapshotOf(url), ({ budgets = [] }) => budgets[0]!.starved)
        ),
        { until: (starved) => starved.at(-1)?.pool === "starved-24" }
      )
      expect(starved.map(({ pool }) => pool)).toEqual(Array.from({ length: 20 }, (_, i) => `starved-${i + 5}`))
    }))

  it.scopedLive("is as large with a thousand keys, or pools of a budget, as with a few", () =>
    Effect.gen(function*() {
      // It shall not read them all the time meanwhile.
      const { url } = yield* serve({ interval: "1 hour" })
      const tenants = yield* KeyedPool.make({
        name: "tenants",
        open: (_: number) => Effect.succeed({}),
        maxKeys: 2_000
      })
      const size = Effect.map(snapshotOf(url), ({ keyedPools }) => JSON.stringify(keyedPools).length)
      for (let key = 0; key < 30; key++) yield* tenants.use(key, () => Effect.void)
      const before = yield* size
      for (let key = 30; key < 1_000; key++) yield* tenants.use(key, () => Effect.void)
      // The figures have more digits.
      expect(yield* size).toBeLessThan(before + 200)
      const budget = yield* Budget.make({ name: "wide", maxConnections: 300 })
      const pools = yield* Effect.forEach(
        Array.from({ length: 250 }, (_, i) => `p${i}`),
        (name) => new Backend().pool({ name, budget })
      )
      yield* pools[240]!.use(() => Effect.void)
      const [wide] = (yield* snapshotOf(url)).budgets!
      expect([wide!.members, wide!.pools.length, wide!.pools[0]!.name]).toEqual([250, 200, "p240"])
    }))

  it.scopedLive("has the processes that share a budget, by name", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { share } = yield* fleet()
      const snapshot = yield* snapshotOf(url)
      expect(decodeSnapshot(JSON.parse(JSON.stringify(Schema.encodeSync(Snapshot.Snapshot)(snapshot))))).toEqual(
        snapshot
      )
      const [budget] = snapshot.budgets!
      expect(budget).toMatchObject({ name: "database", limit: 8, held: 2, wanted: 1, members: 1 })
      expect(budget!.fleet).toEqual({
        holder: own,
        granted: 2,
        held: 8,
        wanted: 3,
        members: 3,
        holders: [three[2], three[1], three[0]],
        isLost: false
      })
      share(three, true)
      expect((yield* snapshotOf(url)).budgets![0]!.fleet!.isLost).toBe(true)
    }))

  it.scopedLive("has 50 of a thousand processes: its own, the dead, and those that want the most", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ interval: "1 hour" })
      const { share } = yield* fleet()
      const size = Effect.map(snapshotOf(url), ({ budgets }) => JSON.stringify(budgets).length)
      share(many(60))
      const before = yield* size
      share(many(1_000))
      // The figures have more digits.
      expect(yield* size).toBeLessThan(before + 100)
      const { holders, members, wanted } = (yield* snapshotOf(url)).budgets![0]!.fleet!
      expect([members, wanted, holders.length]).toEqual([1_001, 5, 50])
      const names = holders.map(({ holder }) => holder)
      expect(names).toEqual([...names].sort())
      expect(names).toEqual(expect.arrayContaining([own, "p0999", "p0998"]))
    }))

  it("of a dashboard that knows neither budgets nor keyed pools is still understood", () => {
    const old = { at: 1, pools: [] }
    expect(decodeSnapshot(old)).toEqual(old)
    expect(Schema.encodeSync(Snapshot.Snapshot)(old)).toEqual(old)
  })
})

describePage("the page", () => {
  const open = (context: BrowserContextOptions = {}) => Effect.flatMap(serve(), ({ url }) => visit(url, context))

  const run = <A>(act: () => Promise<A>) => Effect.promise(act)

  const textOf = (page: Page, selector: string) =>
    run(async () => (await page.locator(selector).first().innerText()).replace(/\s+/g, " "))

  const rowsOf = (page: Page, selector: string) =>
    run(async () =>
      (await page.locator(`${selector} tbody tr`).allInnerTexts()).map((text) => text.trim().split(/\s+/).join(" "))
    )

  it.scopedLive("shows no headings without budgets and keyed pools, and no lack of pools with a keyed pool alone", () =>
    Effect.gen(function*() {
      const { page } = yield* open()
      yield* shows(page, "#empty", "No pools yet")
      expect(yield* run(() => page.locator("#pools h3:visible").count())).toBe(0)
      yield* KeyedPool.make({ name: "tenants", open: (_: string) => Effect.void })
      yield* shows(page, "[data-keyed] summary", "tenants")
      yield* run(() => page.locator("#empty").waitFor({ state: "hidden" }))
      expect(yield* run(() => page.locator("#pools h3:visible").allTextContents())).toEqual(["Keyed pools"])
    }))

  it.scopedLive("has a row for each budget, which opens by key and goes to its pools", () =>
    Effect.gen(function*() {
      yield* shared
      const { errors, page } = yield* open()
      yield* shows(page, "[data-budget]", "database")
      expect(yield* textOf(page, "[data-budget='1'] summary")).toBe(
        "cache 11 of 20 places held 0 wanted ● no pool lacks a place"
      )
      expect(yield* textOf(page, "[data-budget='2'] summary")).toMatch(
        /^database 4 of 4 places held 2 wanted ▲ none free; reports has waited \d+ (ms|s)$/
      )
      expect(yield* run(() => page.locator("[data-share]:visible").count())).toBe(0)
      yield* run(() => page.locator("[data-budget='2'] summary").focus())
      yield* run(() => page.keyboard.press("Enter"))
      yield* shows(page, "[data-share]:visible", "lookups")
      const [lookups, reports] = yield* rowsOf(page, "[data-budget='2']")
      expect(lookups).toBe("lookups 4 0 – 3")
      expect(reports).toMatch(/^reports 0 2 \d+ (ms|s) 1$/)
      yield* shows(page, "[data-budget='2'] .note", /latest first: reports at \d\d:\d\d:\d\d\.$/)
      yield* run(() => page.keyboard.press("Tab"))
      yield* run(() => page.keyboard.press("Tab"))
      yield* run(() => page.keyboard.press("Enter"))
      yield* shows(page, "[data-name]", "lookups")
      yield* run(() => page.waitForFunction("document.activeElement.id === 'main'"))
      const { y } = (yield* run(() => page.locator("#main").boundingBox()))!
      expect(Math.abs(y)).toBeLessThan(1)
      // Its address is that of the pool.
      expect(page.url()).toMatch(/#pool-3$/)
      expect(errors).toEqual([])
    }))

  it.scopedLive("has a row for each keyed pool, which opens into its busiest keys, also from its budget", () =>
    Effect.gen(function*() {
      const { tenants } = yield* shared
      const { errors, page } = yield* open()
      yield* shows(page, "[data-keyed]", "tenants")
      expect(yield* textOf(page, "[data-keyed] summary")).toMatch(
        /^tenants 6 of 24 connections 0 wanted 30 of 1,000 keys ▲ 4 requests waiting for up to \d+ (ms|s)$/
      )
      yield* run(() => page.locator("[data-budget='1'] summary").click())
      yield* run(() => page.locator("[data-go=keyed-1]").click())
      yield* shows(page, "[data-key]:visible", "tenant-00")
      expect(yield* run(() => page.evaluate("document.activeElement.closest('[data-keyed]') !== null"))).toBe(true)
      const rows = yield* rowsOf(page, "[data-keyed] .keys")
      expect(rows).toHaveLength(20)
      expect(rows[0]).toMatch(/^tenant-07 2 0 4 \d+ (ms|s) 2 0$/)
      expect(rows[1]).toBe("tenant-00 1 0 0 – 1 0")
      yield* shows(
        page,
        "[data-keyed] .note",
        /^6 in use, 0 idle, 0 opening, 0 closing; 36 leases, .*The 20 busiest keys/
      )
      // It stays open while its figures change.
      yield* tenants.get(9)
      yield* shows(page, "[data-keyed] summary", "7 of 24 connections")
      yield* shows(page, "[data-key='10']:visible", /tenant-09\s*1/)
      expect(errors).toEqual([])
    }))

  it.scopedLive("has the requests of a keyed pool by outcome, with those that were refused for too many keys", () =>
    Effect.gen(function*() {
      const tenants = yield* KeyedPool.make({ name: "tenants", open: (_: string) => Effect.void, maxKeys: 1 })
      const { errors, page } = yield* open()
      yield* tenants.get("a")
      yield* shows(page, "[data-keyed]", "tenants")
      yield* run(() => page.locator("[data-keyed] summary").click())
      yield* shows(page, "[data-outcome=waited]:visible", "served after waiting")
      expect(yield* rowsOf(page, "[data-keyed] .outcomes")).toEqual([
        "served at once 0 0 %",
        "served after waiting 1 100 %",
        "cancelled while waiting 0 0 %"
      ])
      for (let i = 0; i < 3; i++) yield* Effect.flip(Effect.scoped(tenants.get("b")))
      yield* shows(page, "[data-outcome=TooManyKeys]:visible", /failed: too many keys \(maxKeys\)\s*3\s*75/)
      yield* shows(page, "[data-keyed] .note", "1 lease, 3 failed and 0 failed opens so far.")
      expect(errors).toEqual([])
    }))

  it.scopedLive("shows the processes that share a budget, the dead ones, and that the store is lost", () =>
    Effect.gen(function*() {
      const { share } = yield* fleet()
      const { errors, page } = yield* open()
      yield* shows(page, "[data-budget]", "database")
      expect(yield* textOf(page, "[data-budget] summary")).toMatch(
        /^database 8 of 8 places held 2 held here 1 wanted here ▲ none free; orders has waited \d+ (ms|s)$/
      )
      yield* run(() => page.locator("[data-budget] summary").click())
      yield* shows(page, "[data-holder]:visible", own)
      expect(yield* rowsOf(page, "[data-budget] .holders")).toEqual([
        "db-client-1:17:000000 3 0 ✕ dead",
        `${own} (this one) 2 1 alive`,
        "db-client-3:99:ffffff 3 2 alive"
      ])
      expect(yield* run(() => page.locator("[data-holder].bad").count())).toBe(1)
      yield* shows(
        page,
        "[data-budget] .note",
        "Shared by 3 processes; 3 more places wanted. This one has been granted 2 places. 1 process has died: 3 places " +
          "withheld."
      )
      // The places of the dead are free, and none has been granted yet.
      share(three.slice(0, 2))
      yield* shows(page, "[data-budget] summary", /5 of 8 places held.*none granted yet; orders has waited/)
      yield* run(() => page.locator("[data-holder].bad").waitFor({ state: "detached" }))
      share(three.slice(0, 2), true)
      yield* shows(page, "[data-budget] summary", "▲ store lost, no place is granted")
      yield* shows(
        page,
        "[data-budget] .note",
        "The store cannot be reached. The figures of all processes are those of"
      )
      share(many(1_000))
      yield* shows(page, "[data-budget] .note", "50 of 1,001 processes are shown.")
      expect(errors).toEqual([])
    }))

  it.scopedLive("shows every name of a process as text", () =>
    Effect.gen(function*() {
      const name = "<img\u202esrc=x>"
      const { share } = yield* fleet("<b>")
      share([{ holder: name, held: 1, wanted: 0, isDead: false }])
      const { errors, page } = yield* open()
      yield* run(() => page.locator("[data-budget] summary").click())
      yield* shows(page, "[data-holder] th", "<img\\u{202e}src=x>")
      expect(yield* run(() => page.locator("[data-holder]").getAttribute("data-holder"))).toBe("<img\\u{202e}src=x>")
      expect(yield* run(() => page.locator("#pools img, #pools b").count())).toBe(0)
      expect(errors).toEqual([])
    }))

  it.scopedLive.each([1440, 390])(
    "stays where it is when the store of a budget is lost, %i pixels wide",
    (width) =>
      Effect.gen(function*() {
        const { share } = yield* fleet()
        yield* KeyedPool.make({ name: "tenants", open: (_: string) => Effect.succeed({}) })
        const { page } = yield* open({ viewport: { width, height: 900 } })
        yield* shows(page, "[data-budget]", "none free")
        yield* shows(page, "[data-verdict]", /waiting|stuck/)
        const tops = run(() =>
          page.locator("[data-budget], [data-keyed], #main").evaluateAll((all) =>
            all.map((element) => element.getBoundingClientRect().top)
          )
        )
        const before = yield* tops
        share(three, true)
        yield* shows(page, "[data-budget]", "store lost")
        expect(yield* tops).toEqual(before)
        expect(yield* run(() => page.evaluate("document.documentElement.scrollWidth"))).toBe(width)
      })
  )

  it.scopedLive("shows a key by its label or its number alone, and every name as text", () =>
    Effect.gen(function*() {
      const name = "<img src=x onerror=alert(1)>\u202e"
      const budget = yield* Budget.make({ name, maxConnections: 3 })
      yield* new Backend().pool({ name, budget })
      const keyed = yield* KeyedPool.make({
        name,
        open: (_: string) => Effect.void,
        label: (key) => key === "password" ? undefined : `<b>${key}</b>`,
        budget
      })
      for (const key of ["password", "shown"]) yield* keyed.use(key, () => Effect.void)
      const { errors, page } = yield* open()
      yield* shows(page, "[data-keyed]", "img")
      for (const selector of ["[data-budget]", "[data-keyed]"]) {
        yield* run(() => page.locator(`${selector} summary`).click())
        expect(yield* run(() => page.locator(`${selector} .fold-name`).textContent())).toBe(
          "<img src=x onerror=alert(1)>\\u{202e}"
        )
      }
      yield* shows(page, "[data-key]", "<b>shown</b>")
      expect(yield* run(() => page.locator("[data-key] th").allTextContents())).toEqual(["key 1", "<b>shown</b>"])
      expect(yield* run(() => page.locator("#pools").innerHTML())).not.toContain("password")
      expect(yield* run(() => page.locator("#pools img, #pools b").count())).toBe(0)
      expect(errors).toEqual([])
    }))

  it.scopedLive.each([1440, 390])(
    "stays where it is when a budget runs out of places, %i pixels wide",
    (width) =>
      Effect.gen(function*() {
        const budget = yield* Budget.make({ name: "database", maxConnections: 1 })
        const lookups = yield* new Backend().pool({ name: "lookups", budget })
        const reports = yield* new Backend().pool({ name: "reports", budget, acquireTimeout: "1 hour" })
        const keyed = yield* KeyedPool.make({
          name: "tenants",
          open: (_: string) => Effect.succeed({}),
          maxConnections: 1
        })
        yield* lookups.get
        const { page } = yield* open({ viewport: { width, height: 900 } })
        yield* shows(page, "[data-budget]", "no pool lacks a place")
        yield* shows(page, "[data-keyed]", "no request waits")
        // Waiting for the figures of the pool, whose section comes below.
        yield* shows(page, "[data-verdict]", "healthy")
        const tops = run(() =>
          page.locator("[data-budget], [data-keyed], #main").evaluateAll((all) =>
            all.map((element) => element.getBoundingClientRect().top)
          )
        )
        const before = yield* tops
        yield* Effect.forkScoped(reports.get)
        yield* keyed.get("a")
        yield* Effect.forkScoped(keyed.get("a"))
        yield* shows(page, "[data-budget]", /none free; reports has waited/)
        yield* shows(page, "[data-keyed]", "1 request waiting")
        expect(yield* tops).toEqual(before)
        expect(yield* run(() => page.evaluate("document.documentElement.scrollWidth"))).toBe(width)
      })
  )
})
