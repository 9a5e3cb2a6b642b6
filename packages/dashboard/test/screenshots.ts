/** Takes the screenshots of the README: `npx tsx packages/dashboard/test/screenshots.ts [folder]`. */
import { Dashboard } from "@socketpool/dashboard"
import { Effect, Random, Redacted } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { Backend } from "./fixtures/backend.js"
import { browser, visit } from "./fixtures/browser.js"

const folder = process.argv[2] ?? path.resolve(import.meta.dirname, "../images")
const token = "a-token-for-the-pictures"

/** Borrows again and again. */
const borrower = (pool: Effect.Effect.Success<ReturnType<Backend["pool"]>>, hold: number, rest: number) =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep((yield* Random.next) * rest)
    const millis = hold * (0.3 + (yield* Random.next) * 1.7)
    yield* Effect.ignore(pool.use(() => Effect.sleep(millis)))
  })).pipe(Effect.withSpan("http.server GET", { attributes: { "http.route": "/orders/:id" } }), Effect.forkScoped)

const program = Effect.scoped(Effect.gen(function*() {
  const orders = new Backend()
  orders.openMillis = 40
  const pool = yield* orders.pool({
    name: "orders",
    maxConnections: 12,
    minConnections: 4,
    acquireTimeout: "400 millis",
    connectionTTL: "6 seconds",
    idleTimeout: "2 seconds",
    leakThreshold: "4 seconds"
  })
  const { url } = yield* Dashboard.serve({ port: 0, interval: "250 millis", token: Redacted.make(token) })
  const chromium = yield* browser
  const shoot = (name: string, width: number, height: number, colorScheme: "dark" | "light", isWhole = false) =>
    Effect.scoped(Effect.gen(function*() {
      const { page } = yield* visit(chromium, url, { viewport: { width, height }, colorScheme })
      yield* Effect.promise(async () => {
        await page.evaluate(`sessionStorage.setItem("socketpool-token", ${JSON.stringify(token)})`)
        await page.reload()
        await page.waitForSelector("[data-figure=acquired]:not(:empty)")
        await page.waitForTimeout(5_000)
        await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: isWhole })
      })
    }))
  const isDraft = process.argv[2] !== undefined
  /** With a folder of one's own, takes pictures to look at: in both widths and schemes, of the whole page. */
  const draft = (name: string) =>
    isDraft ?
      Effect.forEach([1440, 390], (width) =>
        Effect.forEach(["light", "dark"] as const, (scheme) =>
          shoot(`${name}-${width}-${scheme}`, width, width === 390 ? 844 : 900, scheme, true)), {
        concurrency: 2
      }) :
      Effect.void
  fs.mkdirSync(folder, { recursive: true })

  for (let i = 0; i < 9; i++) yield* borrower(pool, 70, 60)
  yield* Effect.forkScoped(Effect.withSpan(pool.use(() => Effect.sleep("1 hour")), "nightly export"))
  yield* Effect.sleep("5 seconds")
  yield* draft("1-pool")
  const users = yield* new Backend().pool({ name: "users", maxConnections: 8 })
  yield* (yield* new Backend().pool({ name: "reports", maxConnections: 4 })).use(() => Effect.void)
  for (let i = 0; i < 3; i++) yield* borrower(users, 20, 200)
  yield* Effect.sleep("7 seconds")
  for (let i = 0; i < 5; i++) yield* borrower(pool, 80, 40)
  yield* Effect.sleep("10 seconds")
  yield* draft("3-pools")
  yield* shoot("load-light", 1280, 900, "light")
  orders.isUp = false
  yield* pool.clear
  yield* Effect.sleep("3 seconds")
  yield* Effect.all([shoot("outage-dark", 1280, 900, "dark"), shoot("phone-dark", 390, 844, "dark")], {
    concurrency: 2
  })
  yield* draft("outage")
  const tenants = yield* Effect.forEach(
    Array.from({ length: 48 }, (_, i) => `tcp://orders-replica-${i}.eu-central-1.internal.example:5432`),
    (name) => new Backend().pool({ name, maxConnections: 5, acquireTimeout: "1 minute" })
  )
  for (const tenant of tenants) yield* borrower(tenant, 20, 400)
  for (let i = 0; i < 9; i++) yield* Effect.forkScoped(Effect.exit(tenants[30]!.use(() => Effect.never)))
  yield* Effect.sleep("6 seconds")
  yield* shoot("many-light", 1280, 900, "light")
  yield* draft("51-pools")
}))

await Effect.runPromise(program)
