// A real browser.
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import type { Page } from "playwright-core"
import { chromium } from "../../dashboard/test/fixtures/programs.js"
import { isMissing } from "../../node/test/fixtures/realServer.js"
import { makePages } from "../src/browser.js"

const pages = (maxPages: number) =>
  makePages({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"], maxPages })

const title = (page: Page, name: string) =>
  Effect.promise(async () => {
    await page.setContent(`<title>${name}</title>`)
    return page.title()
  })

describe.skipIf(isMissing(chromium, fs.existsSync(chromium)))("a pool of pages of a browser", () => {
  it.scopedLive("shows many documents on few pages of one browser", () =>
    Effect.gen(function*() {
      const pool = yield* pages(3)
      const names = Array.from({ length: 12 }, (_, n) => `page ${n}`)
      const found = yield* Effect.forEach(names, (name) => pool.use((page) => title(page, name)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(found, names)
      assert.isAtMost((yield* pool.stats).opened, 3)
    }), 60_000)

  it.scopedLive("lends a page without the document and the cookies of its last holder", () =>
    Effect.gen(function*() {
      const pool = yield* pages(1)
      yield* pool.use((page) =>
        Effect.promise(async () => {
          await page.context().addCookies([{ name: "user", value: "alice", url: "http://localhost" }])
          await page.setContent("<title>of alice</title>")
        })
      )
      const left = yield* pool.use((page) =>
        Effect.promise(async () => [page.url(), await page.title(), await page.context().cookies()] as const)
      )
      assert.deepStrictEqual(left, ["about:blank", "", []])
      assert.strictEqual((yield* pool.stats).opened, 1)
    }), 60_000)

  it.scopedLive("outlives a browser that crashes", () =>
    Effect.gen(function*() {
      const pool = yield* pages(2)
      yield* pool.use((page) => Effect.promise(() => page.context().browser()!.close()))
      assert.strictEqual(yield* pool.use((page) => title(page, "after")), "after")
    }), 60_000)
})
