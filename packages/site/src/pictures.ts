/**
 * Makes the pictures from real runs: the recording of the demo, and the dashboard in both themes, wide and on a phone.
 * Run it after a change of what they show: `npm run pictures`. It needs Chromium.
 */
import { Pool } from "@socketpool/core"
import * as Dashboard from "@socketpool/dashboard/Dashboard"
import { Effect, Layer } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Browser } from "playwright-core"
import * as Demo from "../../cli/src/internal/demo.js"
import { Screen } from "../../cli/src/internal/screen.js"
import { browser, visit } from "../../dashboard/test/fixtures/browser.js"
import { animated, recorder } from "./recording.js"

const packages = path.resolve(import.meta.dirname, "../..")
const ofDashboard = path.join(packages, "dashboard/images")
const ofSite = path.join(packages, "site/images")

const themes = ["light", "dark"] as const
const sizes = { "": { width: 1440, height: 900 }, "phone-": { width: 390, height: 844 } } as const

/** Shows a page in both themes and widths once it has `seen` something, and writes the pictures. */
const photograph = (
  browser: Browser,
  url: string,
  name: string,
  { height, phone = true, seconds = 3 }: {
    readonly height?: number
    readonly phone?: boolean
    readonly seconds?: number
  } = {}
) =>
  Effect.forEach(
    Object.entries(sizes).filter(([prefix]) => phone || prefix === "").flatMap(([prefix, viewport]) =>
      themes.map((theme) => ({ prefix, viewport, theme }))
    ),
    ({ prefix, theme, viewport }) =>
      Effect.gen(function*() {
        const size = { ...viewport, height: height ?? viewport.height }
        const { page } = yield* visit(browser, url, { colorScheme: theme, viewport: size, deviceScaleFactor: 1 })
        // The figures of a page that has just been opened are those of its first seconds.
        yield* Effect.sleep(`${seconds} seconds`)
        const file = path.join(ofDashboard, `${prefix}${name}-${theme}.png`)
        yield* Effect.promise(() => page.screenshot({ path: file }))
        yield* Effect.log(path.relative(packages, file))
      }).pipe(Effect.scoped),
    { discard: true }
  )

const columns = 100
const rows = 24
const millis = 400

/** The keys of the recording: what the server does, and for how many seconds. */
const story = [["1", 4], ["2", 3], ["3", 4], ["4", 4], ["5", 5], ["1", 5]] as const

/** Records the demo, and photographs its live page under load and in the outage. */
const demo = (browser: Browser) =>
  Effect.gen(function*() {
    const { device, frame, press } = yield* recorder(columns, rows)
    const options = { port: 0, page: true, seconds: 1, fibers: 60, connections: 8, fault: undefined, json: false }
    const running = yield* Effect.fork(Effect.provide(Demo.run(options), Layer.succeed(Screen, device)))
    while (frame().length === 0) yield* Effect.sleep("20 millis")
    const url = /http:\/\/\S+/.exec(frame().join("\n"))![0]
    const frames: Array<ReadonlyArray<string>> = []
    const record = (seconds: number) =>
      Effect.gen(function*() {
        for (let i = 0; i < seconds * 1_000 / millis; i++) {
          yield* Effect.sleep(`${millis} millis`)
          frames.push(frame())
        }
      })
    yield* photograph(browser, url, "load", { seconds: 20 })
    for (const [key, seconds] of story) {
      yield* press(key)
      yield* record(seconds)
    }
    fs.mkdirSync(ofSite, { recursive: true })
    fs.writeFileSync(
      path.join(ofSite, "demo.svg"),
      animated(frames, { columns, rows, millis, title: "The demo: a pool while its server has faults" })
    )
    yield* press("5")
    yield* Effect.sleep("5 seconds")
    yield* photograph(browser, url, "outage")
    yield* press("1")
    yield* press("q")
    yield* running
  }).pipe(Effect.scoped)

/** Photographs the page of a process with many pools, two of them in trouble. */
const many = (browser: Browser) =>
  Effect.gen(function*() {
    yield* Effect.forEach(
      Array.from({ length: 49 }, (_, n) => n),
      (n) =>
        Effect.gen(function*() {
          const pool = yield* Pool.make({
            name: `tenant-${String(n).padStart(2, "0")}`,
            open: Effect.void,
            maxConnections: 8
          })
          const request = Effect.delay(pool.use(() => Effect.sleep(`${5 + n} millis`)), `${20 + n * 3} millis`)
          yield* Effect.forkScoped(Effect.forever(request))
        }),
      { discard: true }
    )
    const stuck = yield* Pool.make({
      name: "reports",
      open: Effect.void,
      maxConnections: 4,
      acquireTimeout: "1 minute"
    })
    for (let n = 0; n < 7; n++) yield* Effect.forkScoped(Effect.withSpan(stuck.use(() => Effect.never), "GET /reports"))
    const down = yield* Pool.make({
      name: "billing",
      open: Effect.fail(new Error("connect ECONNREFUSED 10.0.0.7:5432"))
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(down.get), "300 millis")))
    const { url } = yield* Dashboard.serve({ port: 0 })
    yield* Effect.sleep("10 seconds")
    yield* photograph(browser, url, "many", { height: 1_100, phone: false })
  }).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const shared = yield* browser
  yield* demo(shared)
  yield* many(shared)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
