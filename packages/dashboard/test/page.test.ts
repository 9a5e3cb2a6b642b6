// The page in a headless browser, before a real server and pools that work.
import { assert, describe, it } from "@effect/vitest"
import { type ConnectionPool, Pool, type PoolStats } from "@socketpool/core"
import { Dashboard } from "@socketpool/dashboard"
import { Cause, Effect, Exit, Fiber, Logger, LogLevel, Redacted, Schedule, Scope } from "effect"
import type { Page } from "playwright-core"
import { visit } from "./fixtures/browser.js"
import { busyPool, Refused } from "./fixtures/busy.js"
import { isMissing } from "./fixtures/programs.js"

const token = "a-token-of-the-operators"

const served = (options: Dashboard.Options = {}) =>
  Effect.map(Dashboard.serve({ port: 0, interval: "100 millis", ...options }), ({ url }) => url)

/** Waits until a condition about the page holds; the page's policy would not let Playwright's own waiting in. */
const until = (page: Page, condition: string): Effect.Effect<void> =>
  Effect.promise(() => page.evaluate(condition)).pipe(
    Effect.repeat({ until: (holds) => holds === true, schedule: Schedule.spaced("30 millis") }),
    Effect.timeoutFailCause({
      duration: "15 seconds",
      onTimeout: () => Cause.die(new Error(`in vain waited for ${condition}`))
    }),
    Effect.asVoid
  )

const text = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).innerText())

const verdict = (kind: string) => `document.querySelector("#verdict").dataset.verdict === "${kind}"`

/** Waits until the page shows a text in a place. */
const shows = (page: Page, selector: string, wanted: string) =>
  until(
    page,
    `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "").includes(${JSON.stringify(wanted)})`
  )

/** All numbers of the page's tables, by row. */
const table = (page: Page, id: string): Effect.Effect<Record<string, ReadonlyArray<number>>> =>
  Effect.promise(() =>
    page.$$eval(`#${id} tbody tr`, (rows) =>
      Object.fromEntries(rows.map((row) => [
        (row as unknown as { dataset: { row: string } }).dataset.row,
        [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent!.replaceAll(",", "")))
      ])))
  )

/** Three significant digits, as the page has them. */
const rounded = (n: number) => n >= 1_000 ? Math.round(n) : Number(n.toPrecision(3))

const assertSame = (page: Page, stats: PoolStats) =>
  Effect.gen(function*() {
    const one = (figures: Record<string, number>) =>
      Object.fromEntries(Object.entries(figures).map(([key, n]) => [key, [n]]))
    const { closing, idle, inUse, maxConnections, opening, pending, validating } = stats
    assert.deepStrictEqual(
      yield* table(page, "connections-now"),
      one({ inUse, idle, opening, pending, maxConnections, closing, validating })
    )
    assert.deepStrictEqual(
      yield* table(page, "outcomes"),
      one({
        Immediate: stats.acquired - stats.waited,
        Waited: stats.waited,
        ...stats.failed,
        Cancelled: stats.cancelled
      })
    )
    assert.deepStrictEqual(
      yield* table(page, "closes"),
      one({ opened: stats.opened, openFailed: stats.openFailed, ...stats.closed })
    )
    const times = yield* table(page, "times")
    for (const key of ["waitTime", "useTime", "openTime"] as const) {
      const { count, maxMillis, p50Millis, p95Millis, p99Millis } = stats[key]
      const shown = [...[p50Millis, p95Millis, p99Millis, maxMillis].map(rounded), count]
      assert.deepStrictEqual(times[key]!.slice(1), shown, key)
    }
    for (const key of ["inUse", "idle", "opening", "pending", "maxConnections"] as const) {
      const shown = (yield* text(page, `[data-stat=${key}]`)).replaceAll(",", "")
      assert.strictEqual(Number(shown), stats[key], key)
    }
  })

/** Waits until the page says what the pool says; it hears of what is still being opened or closed a moment later. */
const becomesSame = (page: Page, pool: ConnectionPool<any, any>) =>
  Effect.flatMap(pool.stats, (stats) => assertSame(page, stats)).pipe(
    Effect.sandbox,
    Effect.retry(Schedule.intersect(Schedule.spaced("100 millis"), Schedule.recurs(100)))
  )

describe.skipIf(isMissing("chromium"))("the page", { timeout: 60_000 }, () => {
  it.scopedLive("shows a pool under load, an outage and the recovery, and its numbers are those of the pool", () =>
    Effect.gen(function*() {
      const { pool, server, stop } = yield* busyPool("orders", 14)
      const { complaints, page } = yield* visit(yield* served())
      yield* shows(page, "#verdict", "none, and all connections are taken.")
      yield* until(page, `Number(document.querySelector("[data-rate=acquired]").textContent) > 50`)
      assert.strictEqual(yield* text(page, "#name"), "orders")
      assert.isAbove(yield* Effect.promise(() => page.locator("canvas").count()), 1)

      server.isUp = false
      yield* until(page, verdict("bad"))
      assert.strictEqual(
        yield* text(page, "#verdict"),
        "Down: the last open failed with Refused: nobody listens on db.internal:5432"
      )
      yield* shows(page, "#errors", "could not be opened: Refused: nobody listens on db.internal:5432")
      yield* until(page, `Number(document.querySelector("#outcomes [data-row=OpenFailed] td").textContent) > 5`)

      server.isUp = true
      yield* until(page, `document.querySelector("#verdict").dataset.verdict !== "bad"`)
      yield* until(page, `Number(document.querySelector("[data-rate=acquired]").textContent) > 50`)

      yield* stop
      yield* until(page, verdict("good"))
      yield* becomesSame(page, pool)
      assert.deepStrictEqual(complaints, [])
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)))

  it.scopedLive("names who holds what, longest first, and whom it suspects", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: Effect.sync(() => ({})), name: "leaky", leakThreshold: "300 millis" })
      const { page } = yield* visit(yield* served())
      const hold = (name: string) => Effect.fork(Effect.withSpan(pool.use(() => Effect.never), name))
      const first = yield* hold("GET /first")
      yield* Effect.sleep("200 millis")
      const second = yield* hold("GET /second")
      yield* until(page, `document.querySelectorAll("#leases tr").length === 2`)
      const rows = yield* Effect.promise(() => page.locator("#leases tr").allInnerTexts())
      assert.include(rows[0], "GET /first")
      assert.include(rows[1], "GET /second")
      yield* shows(page, "#leases tr", "leak?")
      yield* shows(page, "#verdict", "Leaking?")
      yield* shows(page, "#events", "Leak suspected: connection 1, held by fiber")
      yield* Fiber.interruptAll([first, second])
      yield* shows(page, "#leases-caption", "Nobody holds a connection.")
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)))

  it.scopedLive("drops a connection for who has the token, by keyboard alone, and says when it is gone", () =>
    Effect.gen(function*() {
      const pool = yield* Pool.make({ open: Effect.sync(() => ({})), name: "orders" })
      const holder = yield* Effect.fork(pool.use(() => Effect.never))
      const { page } = yield* visit(yield* served({ token: Redacted.make(token) }))
      yield* until(page, `document.querySelectorAll("#leases tr").length === 1`)
      assert.isTrue(yield* Effect.promise(() => page.locator("#actions").isHidden()))

      const press = (...keys: ReadonlyArray<string>) =>
        Effect.forEach(keys, (key) => Effect.promise(() => page.keyboard.press(key)), { discard: true })
      /** Goes from one to the next until it is there. */
      const tabTo = (selector: string) =>
        Effect.gen(function*() {
          const isThere = Effect.promise(() =>
            page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)
          )
          for (let i = 0; i < 40; i++) {
            if (yield* isThere) return
            yield* press("Tab")
          }
          assert.fail(`nobody gets to ${selector} by keyboard`)
        })
      yield* tabTo("#token")
      yield* Effect.promise(() => page.keyboard.type("a wrong token of theirs"))
      yield* press("Enter")
      yield* tabTo("#leases button")
      yield* press("Enter")
      yield* shows(page, "#answer", "Unauthorized: The token is missing or wrong.")

      yield* tabTo("#token")
      yield* Effect.promise(() => page.keyboard.type(token))
      yield* press("Enter")
      yield* tabTo("#leases button")
      yield* press("Enter")
      yield* shows(page, "#answer", "Connection 1 was dropped.")
      yield* shows(page, "#events", "Connection 1 closed: Dropped")
      assert.strictEqual((yield* pool.stats).closed.Dropped, 1)

      yield* tabTo("#drop-number")
      yield* Effect.promise(() => page.keyboard.type("1"))
      yield* press("Enter")
      yield* shows(
        page,
        "#answer",
        "ConnectionNotFoundError: Pool \"orders\": cannot drop a connection that is not in it"
      )
      yield* tabTo("#resize-max")
      yield* Effect.promise(() => page.keyboard.type("3"))
      yield* press("Enter")
      yield* shows(page, "#answer", "The pool has its new limits.")
      yield* until(page, `document.querySelector("[data-stat=maxConnections]").textContent === "3"`)
      assert.notInclude(yield* Effect.promise(() => page.content()), token)
      yield* Fiber.interrupt(holder)
    }))

  it.scopedLive("shows every pool, and goes from one to the other; what has closed stays, greyed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.extend(Pool.make({ open: Effect.void, name: "short-lived" }), scope)
      yield* Pool.make({ open: Effect.void, name: "orders", maxConnections: 77 })
      const { page } = yield* visit(yield* served())
      yield* until(page, `document.querySelectorAll("#pools tr").length === 2`)
      yield* Effect.promise(() => page.getByRole("button", { name: "orders" }).click())
      yield* shows(page, "#name", "orders")
      assert.strictEqual(yield* text(page, "[data-stat=maxConnections]"), "77")
      yield* Effect.promise(() => page.getByRole("button", { name: "short-lived" }).click())
      yield* Scope.close(scope, Exit.void)
      yield* shows(page, "#verdict", "Closed: the pool is no more.")
      assert.isTrue(yield* Effect.promise(() => page.locator("#pool.gone").isVisible()))
    }))

  it.scopedLive("says when the server is lost, and comes back by itself", () =>
    Effect.gen(function*() {
      yield* Pool.make({ open: Effect.void, name: "orders" })
      const scope = yield* Scope.make()
      const url = yield* Scope.extend(served(), scope)
      const { page } = yield* visit(url)
      yield* shows(page, "#link", "Live")
      yield* Scope.close(scope, Exit.void)
      yield* shows(page, "#link", "Connection lost")
      yield* served({ port: Number(new URL(url).port) })
      yield* shows(page, "#link", "Live")
    }))

  it.scopedLive("takes names, errors and spans for text, whatever they hold", () =>
    Effect.gen(function*() {
      const evil = `<img src=x onerror="document.title='owned'">`
      const pool = yield* Pool.make({
        open: Effect.fail(new Refused(evil)),
        name: `pool ${evil}`
      })
      const good = yield* Pool.make({ open: Effect.sync(() => ({})), name: "z" })
      const holder = yield* Effect.fork(Effect.withSpan(good.use(() => Effect.never), evil))
      yield* Effect.exit(pool.use(() => Effect.void))
      const { page } = yield* visit(yield* served())
      yield* until(page, `document.querySelectorAll("#pools tr").length === 2`)
      yield* Effect.exit(pool.use(() => Effect.void))
      yield* shows(page, "#errors", evil)
      assert.include(yield* text(page, "#name"), evil)
      yield* Effect.promise(() => page.getByRole("button", { name: "z", exact: true }).click())
      yield* shows(page, "#leases", evil)
      assert.strictEqual(yield* Effect.promise(() => page.title()), "socketpool")
      assert.strictEqual(yield* Effect.promise(() => page.locator("img").count()), 0)
      yield* Fiber.interrupt(holder)
    }))

  for (const colorScheme of ["light", "dark"] as const) {
    it.scopedLive(`fits a phone, and its texts stand out from the paper, in the ${colorScheme}`, () =>
      Effect.gen(function*() {
        yield* busyPool("a-pool-with-a-very-long-name.internal.example.com:5432", 12)
        yield* busyPool("redis", 2)
        const { page } = yield* visit(yield* served({ token: Redacted.make(token) }), {
          viewport: { width: 360, height: 740 },
          colorScheme
        })
        yield* until(page, `document.querySelectorAll("#leases tr").length > 0`)
        assert.strictEqual(yield* Effect.promise(() => page.evaluate("document.documentElement.scrollWidth")), 360)
        const weak = yield* Effect.promise(() => page.evaluate(contrasts))
        assert.deepStrictEqual(weak, [])
      }))
  }
})

/** Every text whose contrast to what it stands on is below 4.5 (WCAG 2, level AA). */
const contrasts = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const paper = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor)
      if (color.length === 3 || color[3] > 0) return color
    }
    return [255, 255, 255]
  }
  const weak = new Set()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const at = text.parentElement
    if (!text.textContent.trim() || !at.checkVisibility() || ["SCRIPT", "STYLE"].includes(at.tagName)) continue
    const [a, b] = [light(parse(getComputedStyle(at).color)), light(paper(at))].sort((x, y) => y - x)
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.add(at.tagName + " " + text.textContent)
  }
  return [...weak]
})()`
