// Takes the pictures of the README:  npx tsx packages/dashboard/page/screenshots.ts
import { Effect, Logger, LogLevel } from "effect"
import * as path from "node:path"
import type { Page } from "playwright-core"
import { Dashboard } from "../src/index.js"
import { visit } from "../test/fixtures/browser.js"
import { busyPool } from "../test/fixtures/busy.js"

const folder = path.resolve(import.meta.dirname, "../images")

const take = (page: Page, name: string) =>
  Effect.promise(() => page.screenshot({ path: path.join(folder, `${name}.png`) }))

const program = Effect.gen(function*() {
  const orders = yield* busyPool("tcp://db.internal:5432", 14)
  yield* busyPool("redis://cache.internal:6379", 3)
  yield* Effect.forkScoped(Effect.withSpan(orders.pool.use(() => Effect.never), "POST /reports/export"))
  const { url } = yield* Dashboard.serve({ port: 0, interval: "250 millis" })
  const wide = { viewport: { width: 1280, height: 1010 } }
  const [light, dark, phone] = yield* Effect.all([
    visit(url, { ...wide, colorScheme: "light" }),
    visit(url, { ...wide, colorScheme: "dark" }),
    visit(url, { viewport: { width: 390, height: 844 }, colorScheme: "dark" })
  ])
  yield* Effect.sleep("15 seconds")
  yield* take(light.page, "load")
  yield* take(phone.page, "phone")
  orders.server.isUp = false
  yield* Effect.sleep("5 seconds")
  yield* take(dark.page, "outage")
})

await Effect.runPromise(Effect.scoped(program).pipe(Logger.withMinimumLogLevel(LogLevel.None)))
