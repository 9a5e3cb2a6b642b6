/**
 * Makes the pictures that pages show from real runs: the recording of the demo, and the dashboard.
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

/** Opens a page in each theme, lets it run for some seconds, and writes the pictures. */
const photograph = (
  browser: Browser,
  url: string,
  name: string,
  { height = 900, seconds = 3, themes }: {
    readonly height?: number
    readonly seconds?: number
    readonly themes: ReadonlyArray<"light" | "dark">
  }
) =>
  Effect.forEach(themes, (theme) =>
    Effect.gen(function*() {
      const viewport = { width: 1440, height }
      const { page } = yield* visit(browser, url, { colorScheme: theme, viewport, deviceScaleFactor: 1 })
      // The figures of a page that has just been opened are those of its first seconds.
      yield* Effect.sleep(`${seconds} seconds`)
      const file = path.join(ofDashboard, `${name}-${theme}.png`)
      yield* Effect.promise(() => page.screenshot({ path: file }))
      yield* Effect.log(path.relative(packages, file))
    }).pipe(Effect.scoped), { discard: true })

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
    yield* photograph(browser, url, "load", { seconds: 20, themes: ["light"] })
    // The recording shows the answers of the last minute from its first frame on.
    yield* Effect.sleep("1 minute")
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
    yield* photograph(browser, url, "outage", { themes: ["light", "dark"] })
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
    yield* photograph(browser, url, "many", { height: 1_100, themes: ["light"] })
  }).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const shared = yield* browser
  yield* demo(shared)
  yield* many(shared)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
