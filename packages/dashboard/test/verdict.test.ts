// A real browser and a real server on a random loopback port.
import { provideScope } from "@socketpool/test-seam"
import { expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Scope } from "effect"
import type { Page } from "playwright-core"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { serve } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"

const open = Effect.gen(function*() {
  const { url } = yield* serve()
  return (yield* visit(url)).page
})

const texts = (page: Page, selector: string) =>
  Effect.promise(() => page.locator(`${selector}:visible`).allTextContents())

const bad = "[data-tone=bad] [data-verdict]"

describePage("the verdict", () => {
  it.scopedLive("is red for a pool that refuses, also while requests wait", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ maxConnections: 1, maxPending: 3 })
      const page = yield* open
      yield* pool.get
      for (let i = 0; i < 3; i++) yield* Effect.forkScoped(pool.use(() => Effect.void))
      yield* shows(page, "[data-tone=warn] [data-verdict]", /waiting.*3 pending for up to .*1 of 1 connections in use/)
      yield* Effect.ignore(pool.acquire)
      yield* shows(page, bad, /refusing.*1 request got no connection in the last 10 s \(\d+ %\); 3 pending for/)
    }))

  it.scopedLive("is red for a pool that serves nobody, and names the oldest holder", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ maxConnections: 1, acquireTimeout: "1 minute" })
      yield* Effect.withSpan(pool.get, "POST /payments")
      yield* Effect.forkScoped(pool.use(() => Effect.void))
      const page = yield* open
      yield* shows(page, bad, /stuck.*no request served in the last \d.*1 pending for up to \d/)
      yield* shows(page, bad, /connection 1 held for \d+ s in POST \/payments/)
      yield* shows(page, "[data-figure=oldestWait]", /^[2-9] s$/)
    }))

  it.scopedLive("stays amber for one refusal among hundreds of requests", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ maxConnections: 1, maxPending: 0 })
      yield* Effect.retry(pool.use(() => Effect.void), { times: 1_000 })
      const page = yield* open
      yield* shows(page, "[data-verdict]", "healthy")
      yield* pool.use(() => Effect.ignore(pool.acquireWith({ timeout: "1 minute" })))
      for (let i = 0; i < 300; i++) yield* pool.use(() => Effect.void)
      yield* shows(page, "[data-tone=warn] [data-verdict]", /refusing.*1 request got no connection/)
    }))

  it.scopedLive("shows connections that are closing", () =>
    Effect.gen(function*() {
      const { pool, end } = yield* new Backend().slowToClose
      const page = yield* open
      yield* pool.clear
      yield* shows(page, "[data-figure=closing]", /^1$/)
      yield* end
      yield* shows(page, "[data-figure=closing]", /^0$/)
    }))
})

describePage("many pools", () => {
  it.scopedLive("have the worst first, a summary, and filters by name and by state", () =>
    Effect.gen(function*() {
      const pools = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, i) => `pool-${String.fromCharCode(97 + i)}`),
        (name) => new Backend().pool({ name, maxConnections: 1, acquireTimeout: "1 minute" })
      )
      yield* pools[7]!.get
      yield* Effect.forkScoped(pools[7]!.use(() => Effect.void))
      const closing = yield* Scope.make()
      yield* provideScope(new Backend().pool({ name: "gone" }), closing)
      const page = yield* open
      yield* shows(page, "[data-row]", "gone")
      yield* Scope.close(closing, Exit.void)
      yield* shows(page, "[data-row][data-tone=bad]", /pool-h.*stuck/)
      yield* shows(page, "[data-row][data-tone=off]", "gone")
      const names = yield* texts(page, "[data-row] th")
      expect([names.length, names[0], names[1], names.at(-1)]).toEqual([13, "pool-h", "pool-a", "gone"])
      expect(yield* texts(page, "[data-summary] button")).toEqual(["✕ 1 stuck", "● 11 healthy", "○ 1 closed"])
      // The worst pool is the one that is shown.
      yield* shows(page, "[data-name]", "pool-h")

      yield* Effect.promise(() => page.fill("#pool-filter", "POOL-C"))
      expect(yield* texts(page, "[data-row] th")).toEqual(["pool-c"])
      yield* Effect.promise(() => page.fill("#pool-filter", "no such pool"))
      yield* shows(page, "nav .nothing", "No pool matches")
      yield* Effect.promise(() => page.fill("#pool-filter", ""))
      yield* Effect.promise(() => page.click("[data-word=stuck]"))
      expect(yield* texts(page, "[data-row] th")).toEqual(["pool-h"])
      yield* Effect.promise(() => page.click("[data-word=stuck]"))
      expect(yield* texts(page, "[data-row] th")).toHaveLength(13)
    }))

  it.scopedLive("have one line each on a phone, at least ten of them in sight", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(
        Array.from({ length: 51 }, (_, i) => `tcp://orders-primary-${i}.internal.example:5432`),
        (name) => new Backend().pool({ name })
      )
      const { url } = yield* serve()
      const { page } = yield* visit(url, { viewport: { width: 390, height: 844 } })
      yield* Effect.promise(() => page.locator("[data-row]").nth(50).waitFor())
      const rows = yield* Effect.promise(() => page.locator("[data-row]").all())
      const boxes = yield* Effect.promise(() => Promise.all(rows.map((row) => row.boundingBox())))
      expect(Math.max(...boxes.map((box) => box!.height))).toBeLessThanOrEqual(40)
      expect(boxes.filter((box) => box!.y + box!.height <= 844).length).toBeGreaterThanOrEqual(10)
    }))

  it.scopedLive("show the errors of a kind as one with their number", () =>
    Effect.gen(function*() {
      const backend = new Backend()
      const pool = yield* backend.pool()
      const page = yield* open
      yield* shows(page, "[data-verdict]", "healthy")
      backend.isUp = false
      for (let i = 0; i < 30; i++) yield* Effect.ignore(pool.acquireWith({ timeout: "1 second" }))
      yield* shows(page, "[data-failure=OpenFailed]", /\d+ ×.*ECONNREFUSED/)
      expect(yield* texts(page, "[data-failure=OpenFailed]")).toHaveLength(1)
    }))
})
