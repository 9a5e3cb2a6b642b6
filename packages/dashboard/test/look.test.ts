// The page as an operator sees it, in a real browser.
import { provideScope } from "@socketpool/test-seam"
import { expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { Backend } from "./fixtures/backend.js"
import { shows } from "./fixtures/browser.js"
import { fleet, many, three } from "./fixtures/fleet.js"
import { serve } from "./fixtures/http.js"
import { describePage, visit } from "./fixtures/page.js"
import { endpoint, refused, six } from "./fixtures/replicas.js"
import { shared } from "./fixtures/shared.js"

const open = (context: BrowserContextOptions = {}) =>
  Effect.flatMap(serve(), ({ url }) => Effect.map(visit(url, context), ({ page }) => page))

const schemes = ["light", "dark"] as const

const expectContrast = (page: Page) =>
  Effect.promise(async () => {
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme })
      const texts = await page.evaluate(contrasts)
      expect(texts.length).toBeGreaterThan(50)
      expect(texts.filter(({ ratio }) => ratio < 4.5)).toEqual([])
    }
  })

describePage("the page", () => {
  it.scopedLive("has readable text, light and dark, while it is live, for a closed pool, and once the stream is lost", () =>
    Effect.gen(function*() {
      const backend = new Backend()
      yield* Effect.withSpan((yield* backend.pool({ name: "orders", leakThreshold: "1 millis" })).get, "GET /orders")
      const down = yield* backend.pool({ name: "down" })
      backend.isUp = false
      yield* Effect.exit(down.get)
      const closing = yield* Scope.make()
      yield* provideScope(backend.pool({ name: "gone" }), closing)
      const serving = yield* Scope.make()
      const { url } = yield* provideScope(serve(), serving)
      const { page } = yield* visit(url)
      yield* shows(page, "[data-row]", "gone")
      yield* Effect.promise(() => page.locator("[data-choose]", { hasText: "orders" }).click())
      yield* shows(page, ".leases", "suspected")
      yield* expectContrast(page)
      yield* Scope.close(closing, Exit.void)
      yield* Effect.promise(() => page.locator("[data-choose]", { hasText: "gone" }).click())
      yield* shows(page, "[data-state=closed]", "gone")
      yield* expectContrast(page)
      yield* Scope.close(serving, Exit.void)
      yield* shows(page, "[data-connection=lost] #status", "Stream lost")
      yield* expectContrast(page)
    }))

  it.scopedLive("has readable budgets and keyed pools, light and dark, and shows them whole on a phone", () =>
    Effect.gen(function*() {
      yield* shared
      const long = "a-host-with-a-name-of-forty-characters-00:1234567:abcdef"
      const { share } = yield* fleet()
      share([...three, { holder: long, held: 1_000, wanted: 1_000, isDead: true }])
      const crowd = yield* fleet("crowd")
      crowd.share(many(60), true)
      const page = yield* open()
      yield* shows(page, "[data-keyed]", "tenants")
      yield* Effect.promise(async () => {
        for (const summary of await page.locator("summary").all()) await summary.click()
      })
      yield* shows(page, "[data-key]:visible", "tenant-07")
      yield* shows(page, "[data-holder].bad:visible", long)
      yield* expectContrast(page)
      for (const width of [390, 360]) {
        yield* Effect.promise(() => page.setViewportSize({ width, height: 844 }))
        expect(yield* Effect.promise(() => page.evaluate(tooWide))).toEqual([])
      }
    }))

  it.scopedLive("has readable endpoints, light and dark, and shows them whole on a phone", () =>
    Effect.gen(function*() {
      const { fail, publish } = yield* six
      const long = "a-server-with-a-name-of-sixty-characters-00.eu-central-1.internal:5432"
      yield* publish(endpoint("db-2.internal:5432"), endpoint(long), endpoint("[fd00::1234:5678:9abc:def0]:5432"))
      yield* fail(long, refused(`getaddrinfo ENOTFOUND ${"no-space".repeat(20)}`))
      const page = yield* open()
      yield* shows(page, "[data-endpoint][data-tone=bad]", "ENOTFOUND")
      yield* expectContrast(page)
      for (const width of [390, 360]) {
        yield* Effect.promise(() => page.setViewportSize({ width, height: 844 }))
        expect(yield* Effect.promise(() => page.evaluate(tooWide))).toEqual([])
        const row = yield* Effect.promise(() => page.locator("[data-endpoint][data-tone=bad]").boundingBox())
        expect(row!.height).toBeLessThan(240)
        for (const text of ["ejected for", "ENOTFOUND"]) {
          expect(yield* Effect.promise(() => page.getByText(text).first().isVisible())).toBe(true)
        }
      }
    }))

  it.scopedLive.each([390, 360])(
    "shows tables whole, with suspected leaks and their buttons, on a phone %i pixels wide",
    (width) =>
      Effect.gen(function*() {
        const backend = new Backend()
        const pool = yield* backend.pool({ name: "orders", leakThreshold: "1 millis" })
        for (const span of ["GET /orders", "s".repeat(200)]) yield* Effect.withSpan(pool.get, span)
        yield* pool.get
        backend.isUp = false
        yield* Effect.exit(pool.get)
        const token = "a-token-of-the-test"
        const { url } = yield* serve({ token: Redacted.make(token) })
        const { page } = yield* visit(url, { viewport: { width, height: 844 } })
        yield* Effect.promise(async () => {
          await page.fill("#token", token)
          await page.press("#token", "Enter")
        })
        yield* shows(page, "[data-lease].bad", "GET /orders fiber #")
        const wide = yield* Effect.promise(() => page.evaluate(tooWide))
        expect(wide).toEqual([])
        const [cell] = yield* Effect.promise(() => page.locator("[data-lease].bad .leak").allTextContents())
        expect(cell).toBe("▲ suspected")
        const buttons = yield* Effect.promise(() => page.locator("[data-drop]").all())
        const boxes = yield* Effect.promise(() => Promise.all(buttons.map((button) => button.boundingBox())))
        expect(boxes.map((box) => box!.x + box!.width <= width)).toEqual([true, true, true])
      })
  )

  it.scopedLive("shows characters that hide or reorder text as escapes, and joiners as they are", () =>
    Effect.gen(function*() {
      const names = ["\u200b", "\u202egnp.stnemyap", "soft\u00adhyphen", "\u0645\u06cc\u200c\u062e"]
      const shown = ["\\u{200b}", "\\u{202e}gnp.stnemyap", "soft\\u{ad}hyphen", names[3]]
      const pools = yield* Effect.forEach(names, (name) => new Backend().pool({ name }))
      yield* Effect.withSpan(pools[0]!.get, "\u202eTEG")
      const page = yield* open()
      yield* shows(page, ".leases .long", "\\u{202e}TEG")
      const texts = yield* Effect.promise(() => page.locator("[data-choose]").allTextContents())
      expect(texts).toEqual(shown)
      expect(yield* Effect.promise(() => page.locator("[data-choose]").first().getAttribute("title"))).toBe(shown[0])
      expect(yield* Effect.promise(() => page.locator("[data-name]").textContent())).toBe(shown[0])
      expect(yield* Effect.promise(() => page.title())).toBe(`${shown[0]} – socketpool`)
    }))

  it.scopedLive("shows no empty figures of a pool that closed before the page was opened", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const closing = yield* Scope.make()
      yield* provideScope(new Backend().pool({ name: "gone" }), closing)
      yield* Effect.flatMap(visit(url), ({ page }) => shows(page, "[data-verdict]", "healthy"))
      yield* Scope.close(closing, Exit.void)
      const { page } = yield* visit(url)
      yield* shows(page, "[data-verdict]", "before this page was opened")
      const empty = yield* Effect.promise(() => page.locator("dd:empty:visible, .counts td:empty:visible").count())
      expect(empty).toBe(0)
      expect(yield* Effect.promise(() => page.locator(".counts tbody tr:visible").count())).toBe(5)
      yield* shows(page, ".note:visible", "No advice without figures.")
    }))

  it.scopedLive("says that there are no events, or none of the kind that is asked for", () =>
    Effect.gen(function*() {
      const pool = yield* new Backend().pool({ name: "orders" })
      const page = yield* open()
      yield* shows(page, ".nothing:visible", "None so far.")
      expect(yield* Effect.promise(() => page.locator(".feed").isVisible())).toBe(false)
      yield* pool.clear
      yield* shows(page, "[data-event]", "Cleared")
      yield* Effect.promise(() => page.selectOption("#feed-filter", "OpenFailed"))
      yield* shows(page, ".nothing:visible", "None of the kind OpenFailed.")
    }))
})

/** The boxes whose content is wider than they are, with the longest texts that leases can have. Runs in the browser. */
const tooWide = (): ReadonlyArray<string> => {
  const all = (selector: string): ReadonlyArray<any> => (globalThis as any).document.querySelectorAll(selector)
  for (const held of all(".leases td.number")) held.textContent = "119 min"
  for (const fiber of all(".leases .fiber")) fiber.textContent = "fiber #1234567"
  return Array.from(all("html, .scroll"))
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => `${element.tagName} ${element.getAttribute("aria-label")}`)
}

/** Computes the contrast of each visible text, as drawn, with its ground by WCAG's formula. Runs in the browser. */
const contrasts = (): ReadonlyArray<{ readonly text: string; readonly ratio: number }> => {
  const { document, getComputedStyle, NodeFilter } = globalThis as any
  type Color = readonly [number, number, number, number]
  const parse = (color: string): Color => {
    const [r = 0, g = 0, b = 0, a = 1] = (color.match(/[\d.]+/g) ?? []).map(Number)
    return [r, g, b, a]
  }
  const mix = (over: Color, under: Color, share: number): Color => {
    const at = (i: 0 | 1 | 2) => over[i] * share + under[i] * (1 - share)
    return [at(0), at(1), at(2), 1]
  }
  const luminance = ([r, g, b]: Color) =>
    [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i]!, 0)
  const groundOf = (element: any): Color => {
    const color = parse(getComputedStyle(element).backgroundColor)
    return color[3] === 1 || element.parentElement === null
      ? color
      : mix(color, groundOf(element.parentElement), color[3])
  }
  const opacityOf = (element: any): number =>
    element === null ? 1 : Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement)
  const measure = (element: any, text: string, style: any) => {
    const ground = groundOf(element)
    const color = parse(style.color)
    const drawn = mix(color, ground, color[3] * Number(style.opacity) * opacityOf(element.parentElement))
    const [light, dark] = [luminance(drawn), luminance(ground)].sort((a, b) => b - a)
    return { text: `${element.className} ${text.trim()}`, ratio: (light! + 0.05) / (dark! + 0.05) }
  }
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    const isSeen = element.checkVisibility() && element.closest(".unseen, .skip, option, noscript, script") === null
    if (isSeen && walker.currentNode.data.trim() !== "") {
      found.push(measure(element, walker.currentNode.data, getComputedStyle(element)))
    }
  }
  for (const input of document.querySelectorAll("[placeholder]")) {
    found.push(measure(input, input.placeholder, getComputedStyle(input, "::placeholder")))
  }
  return found
}
