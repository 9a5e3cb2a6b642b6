// A real browser and a real server on a random loopback port.
import { type ConnectionPool, Pool, type PoolStats } from "@socketpool/core"
import type { Dashboard } from "@socketpool/dashboard"
import { provideScope } from "@socketpool/test-seam"
import { expect, it } from "@socketpool/test-seam/vitest"
import { Deferred, Effect, Exit, Redacted, Scope } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { serve } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"

const token = "a-token-of-the-test"

const open = (options: Dashboard.Options = {}, context: BrowserContextOptions = {}, hash = "") =>
  Effect.gen(function*() {
    const { url } = yield* serve(options)
    return { url, ...(yield* visit(url + hash, context)) }
  })

const drop = (pool: ConnectionPool<any, unknown>, connectionId: number): Promise<void> =>
  Effect.runPromise(Effect.ignore(pool.dropById(connectionId)))

const waitFor = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).first().waitFor())

/** Waits until the page shows every number. */
const agrees = (page: Page, expected: Readonly<Record<string, number>>) =>
  Effect.promise(() =>
    page.waitForFunction((expected) =>
      Object.entries(expected).every(([selector, value]) =>
        // Runs in the browser.
        (globalThis as any).document.querySelector(selector)?.dataset.value === String(value)
      ), expected)
  )

const numbersOf = (stats: PoolStats) => ({
  "[data-figure=inUse]": stats.inUse,
  "[data-figure=idle]": stats.idle,
  "[data-figure=opening]": stats.opening,
  "[data-figure=pending]": stats.pending,
  "[data-figure=maxConnections]": stats.maxConnections,
  "[data-line=inUse]": stats.inUse,
  "[data-line=idle]": stats.idle,
  "[data-line=pending]": stats.pending,
  "[data-line=maxConnections]": stats.maxConnections,
  "[data-line=waitP50]": stats.waitTime.p50Millis,
  "[data-line=waitP99]": stats.waitTime.p99Millis,
  "[data-line=useP95]": stats.useTime.p95Millis,
  "[data-count=immediate]": stats.acquired - stats.waited,
  "[data-count=waited]": stats.waited,
  "[data-count=Timeout]": stats.failed.Timeout,
  "[data-count=OpenFailed]": stats.failed.OpenFailed,
  "[data-count=cancelled]": stats.cancelled,
  "[data-count=opened]": stats.opened,
  "[data-count=openFailed]": stats.openFailed,
  "[data-count=Dropped]": stats.closed.Dropped,
  "[data-count=Cleared]": stats.closed.Cleared
})

const verdict = "[data-verdict]"

describePage("the page", () => {
  it.scopedLive("shows a pool under load, an outage and the recovery, with the pool's own numbers", () =>
    Effect.gen(function*() {
      const backend = new Backend()
      const pool = yield* backend.pool({ name: "orders", maxConnections: 2, acquireTimeout: "20 seconds" })
      const { errors, page, requests, url } = yield* open()
      yield* shows(page, verdict, "healthy")

      const end = yield* Deferred.make<void>()
      const borrow = Effect.forkScoped(Effect.exit(pool.use(() => Deferred.await(end))))
      for (let i = 0; i < 5; i++) yield* borrow
      yield* shows(page, verdict, /waiting.*3 pending for .*2 of 2 connections in use/)
      yield* agrees(page, numbersOf(yield* pool.stats))
      expect(yield* Effect.promise(() => page.locator("[data-lease]").count())).toBe(2)

      yield* Deferred.succeed(end, undefined)
      yield* shows(page, verdict, "healthy")
      yield* agrees(page, numbersOf(yield* pool.stats))

      backend.isUp = false
      yield* pool.clear
      yield* Effect.ignore(pool.use(() => Effect.void))
      yield* shows(page, verdict, /down.*last open failed with ConnectError: connect ECONNREFUSED/)
      yield* shows(page, "[data-failure=OpenFailed]", "ECONNREFUSED 10.0.0.7:5432")
      yield* shows(page, "[data-announced]", /orders: down: last open failed/)
      yield* agrees(page, numbersOf(yield* pool.stats))

      backend.isUp = true
      yield* Effect.retry(pool.use(() => Effect.void), { times: 1_000 })
      yield* shows(page, verdict, /healthy|refusing/)
      yield* agrees(page, numbersOf(yield* pool.stats))

      expect(errors).toEqual([])
      expect(requests.filter((request) => !request.startsWith(url) && !request.startsWith("data:"))).toEqual([])
    }))

  it.scopedLive("shows names, spans and errors as text, never as HTML", () =>
    Effect.gen(function*() {
      const evil = "<img src=x onerror=\"document.title='owned'\">"
      const pool = yield* Pool.make({
        name: evil,
        maxConnections: 2,
        open: Effect.suspend(() => isUp ? Effect.succeed({}) : Effect.fail({ name: evil, message: evil }))
      })
      let isUp = true
      const { errors, page } = yield* open()
      yield* Effect.withSpan(pool.get, evil)
      yield* waitFor(page, "[data-lease]")
      isUp = false
      yield* Effect.ignore(pool.use(() => Effect.void))
      yield* shows(page, "[data-failure]", evil)
      yield* shows(page, "[data-name]", evil)
      yield* shows(page, "[data-lease]", evil)
      expect(yield* Effect.promise(() => page.locator("img").count())).toBe(0)
      expect(yield* Effect.promise(() => page.title())).toContain(evil)
      expect(errors).toEqual([])
    }))

  it.scopedLive("drops a connection by keyboard, and shows the error if the connection is gone", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ name: "orders", maxConnections: 3 })
      const { errors, page } = yield* open({ token: Redacted.make(token) })
      yield* pool.get
      yield* pool.get
      const [first, second] = yield* pool.leases
      const press = (...keys: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          for (const key of keys) await page.keyboard.press(key)
        })
      const tabTo = (selector: string) =>
        Effect.promise(async () => {
          for (let i = 0; i < 60; i++) {
            await page.keyboard.press("Tab")
            if (await page.locator(`${selector}:focus`).count() > 0) return
          }
          throw new Error(`Tab does not reach ${selector}`)
        })
      yield* shows(page, "#status", "requires its token")
      yield* tabTo("#token")
      yield* Effect.promise(() => page.keyboard.type(token))
      yield* press("Enter")
      yield* waitFor(page, `[data-drop="${first!.connectionId}"]:visible`)
      yield* tabTo(`[data-drop="${first!.connectionId}"]`)
      yield* press("Enter")
      yield* shows(page, "[data-message=ok]", `Connection ${first!.connectionId} was dropped.`)
      yield* agrees(page, { "[data-count=Dropped]": 1, "[data-figure=inUse]": 1 })
      expect(yield* pool.leases).toHaveLength(1)
      expect(yield* Effect.promise(() => page.locator("body").innerHTML())).not.toContain(token)

      // The connection goes before the request arrives, while the page still shows it.
      yield* Effect.promise(() =>
        page.route("**/drop", async (route) => {
          await drop(pool, second!.connectionId)
          await route.continue()
        })
      )
      yield* Effect.promise(() => page.locator(`[data-drop="${second!.connectionId}"]`).click())
      yield* shows(page, "[data-message=failed]", "ConnectionNotFoundError: Pool \"orders\": cannot drop a connection")
      // Chromium itself logs the 401, from before the token, and the 404 as errors.
      expect(errors).toEqual([expect.stringContaining("401"), expect.stringContaining("404")])
    }))

  it.scopedLive("resizes and clears, and shows the pool's message for an invalid size", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ name: "orders", maxConnections: 3 })
      const { page } = yield* open({ token: Redacted.make(token) })
      yield* pool.use(() => Effect.void)
      yield* Effect.promise(async () => {
        await page.fill("#token", token)
        await page.press("#token", "Enter")
        await page.locator("#resize-max").waitFor()
        expect(await page.inputValue("#resize-max")).toBe("3")
        await page.fill("#resize-max", "7")
        await page.click("[data-action=resize]")
      })
      yield* agrees(page, { "[data-figure=maxConnections]": 7 })
      yield* shows(page, "[data-event=Resized]", "0 to 7 connections")
      yield* Effect.promise(async () => {
        await page.fill("#resize-min", "9")
        await page.click("[data-action=resize]")
      })
      yield* shows(page, "[data-message=failed]", "RangeError: Pool.resize")
      yield* Effect.promise(() => page.click("[data-action=clear]"))
      yield* agrees(page, { "[data-count=Cleared]": 1, "[data-figure=idle]": 0 })
      yield* Effect.promise(() => page.selectOption("#feed-filter", "Cleared"))
      yield* shows(page, "[data-event]", "Cleared")
      expect(yield* Effect.promise(() => page.locator("[data-event]").count())).toBe(1)
    }))

  it.scopedLive("shows the values under the pointer, and the latest ones when the pointer leaves", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ name: "orders" })
      const { page } = yield* open()
      const lease = yield* Scope.make()
      yield* provideScope(pool.get, lease)
      yield* agrees(page, { "[data-line=inUse]": 1 })
      yield* Scope.close(lease, Exit.void)
      yield* agrees(page, { "[data-line=inUse]": 0 })
      const captions = page.locator(".chart caption")
      yield* Effect.promise(() => page.locator(".u-over").first().hover({ position: { x: 5, y: 20 } }))
      yield* shows(page, ".chart caption", /^Connections at \d\d:\d\d:\d\d$/)
      yield* Effect.promise(() => page.mouse.move(1, 1))
      yield* shows(page, ".chart caption", /^Connections now$/)
      expect(yield* Effect.promise(() => captions.count())).toBe(4)
    }))

  it.scopedLive("shows that there is no pool, adds pools made later, and keeps closed ones", () =>
    Effect.gen(function*() {
      const { errors, page } = yield* open()
      yield* shows(page, "#empty", "No pools yet")
      const scope = yield* Scope.make()
      yield* provideScope(new Backend().pool({ name: "brief" }), scope)
      yield* shows(page, "[data-name]", "brief")
      yield* Scope.close(scope, Exit.void)
      yield* shows(page, "[data-state=closed]", "closed")
      yield* new Backend().pool({ name: "another" })
      yield* shows(page, "[data-row]", "another")
      expect(yield* Effect.promise(() => page.locator("[data-row]").count())).toBe(2)
      yield* Effect.promise(() => page.locator("[data-choose]", { hasText: "another" }).click())
      yield* shows(page, "[data-name]", "another")
      expect(yield* Effect.promise(() => page.locator("[data-choose][aria-current=true]").textContent())).toBe(
        "another"
      )
      expect(errors).toEqual([])
    }))

  it.scopedLive("shows that the stream is lost, reconnects and continues", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "orders" })
      const scope = yield* Scope.make()
      const { url } = yield* provideScope(serve(), scope)
      const { page } = yield* visit(url)
      yield* shows(page, "#status", "Live")
      yield* Scope.close(scope, Exit.void)
      yield* shows(page, "#status", /Stream lost.*retrying in \d+ s/)
      yield* shows(page, "[data-name]", "orders")
      yield* serve({ port: Number(new URL(url).port) })
      yield* shows(page, "#status", "Live")
    }))

  it.scopedLive("asks for the token if reading requires it, and forgets it on request", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "orders" })
      const { url } = yield* serve({ host: "0.0.0.0", token: Redacted.make(token) })
      const { page } = yield* visit(`http://127.0.0.1:${new URL(url).port}/`)
      yield* shows(page, "#status", "requires its token")
      yield* Effect.promise(async () => {
        await page.fill("#token", "wrong")
        await page.press("#token", "Enter")
      })
      yield* shows(page, "#status", "rejected this token")
      yield* Effect.promise(async () => {
        await page.fill("#token", token)
        await page.press("#token", "Enter")
      })
      yield* shows(page, "[data-name]", "orders")
      expect(yield* Effect.promise(() => page.evaluate("JSON.stringify(localStorage) + document.cookie"))).toBe("{}")
      yield* Effect.promise(() => page.click("[data-forget]"))
      yield* shows(page, "#status", "requires its token")
      expect(yield* Effect.promise(() => page.evaluate("sessionStorage.length"))).toBe(0)
    }))

  it.scopedLive.each(["light", "dark"] as const)(
    "fits a phone 360 pixels wide with thirty pools and long words, %s",
    (colorScheme) =>
      Effect.gen(function*() {
        const pools = yield* Effect.forEach(
          Array.from({ length: 30 }, (_, i) => `${"averylongnameofapool".repeat(i === 0 ? 6 : 1)}-${i}`),
          (name) => new Backend().pool({ name, maxConnections: 4 })
        )
        for (const pool of pools) yield* Effect.withSpan(pool.get, "span".repeat(40))
        const { errors, page } = yield* open({}, { viewport: { width: 360, height: 740 }, colorScheme })
        yield* waitFor(page, "[data-lease]")
        yield* waitFor(page, ".plot canvas")
        expect(yield* Effect.promise(() => page.locator("[data-row]").count())).toBe(30)
        const widths = yield* Effect.promise(() =>
          page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        )
        expect(widths).toEqual([360, 360])
        expect(errors).toEqual([])
      })
  )

  it.scopedLive("has enough text contrast in light and dark mode", () =>
    Effect.gen(function*() {
      yield* new Backend().pool({ name: "orders" })
      const { page } = yield* open()
      for (const colorScheme of ["light", "dark"] as const) {
        yield* Effect.promise(() => page.emulateMedia({ colorScheme }))
        const ratios = yield* Effect.promise(() => page.evaluate(contrasts))
        expect(Object.entries(ratios).filter(([, ratio]) => ratio < 4.5)).toEqual([])
        expect(Object.keys(ratios).length).toBeGreaterThan(10)
      }
    }))
})

/** Computes the contrast of each text colour with its background by WCAG's formula. Runs in the browser. */
const contrasts = (): Record<string, number> => {
  const { document, getComputedStyle } = globalThis as any
  const luminance = (name: string) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim().replace("#", "")
    const full = hex.length === 3 ? [...hex].map((digit: string) => digit + digit).join("") : hex
    const [r, g, b] = [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16) / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const pairs: ReadonlyArray<readonly [string, string]> = [
    ...["--text", "--muted", "--bad", "--focus", "--good", "--warn", "--off"].map((text) =>
      [text, "--surface"] as const
    ),
    ...["--text", "--muted"].map((text) => [text, "--background"] as const),
    ...["good", "warn", "bad", "off"].map((tone) => [`--${tone}`, `--${tone}-back`] as const),
    ["--text", "--off-back"],
    ["--bad", "--background"]
  ]
  return Object.fromEntries(pairs.map(([text, ground]) => {
    const [light, dark] = [luminance(text), luminance(ground)].sort((a, b) => b - a)
    return [`${text} on ${ground}`, (light! + 0.05) / (dark! + 0.05)]
  }))
}
