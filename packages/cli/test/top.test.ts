import { assert, describe, it } from "@effect/vitest"
import { Pool, type PoolStats } from "@socketpool/core"
import { Dashboard } from "@socketpool/dashboard"
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import { Duration, Effect, Fiber, Queue, Redacted, Schema, Stream } from "effect"
import { poolTable, type Readings, rowsOf, withReading } from "../src/internal/pools.js"
import * as Top from "../src/internal/top.js"
import { recorded } from "./fixtures/screen.js"
import { closedPort, serve } from "./fixtures/servers.js"

const statsOf = (figures: Partial<PoolStats>) =>
  Effect.map(
    Effect.scoped(Effect.flatMap(Pool.make({ open: Effect.void, maxConnections: 8 }), (pool) => pool.stats)),
    (stats): PoolStats => ({ ...stats, ...figures })
  )

const advice = {
  isFounded: false,
  maxConnections: 8,
  minConnections: 0,
  measuredMillis: 0,
  arrivalsPerSecond: 0,
  holdMillis: 0,
  load: 0,
  utilization: 0,
  waited: 0,
  failed: 0,
  reasons: []
}

const snapshot = Effect.gen(function*() {
  const { failed, useTime } = yield* statsOf({})
  const orders = yield* statsOf({
    ageMillis: 10_000,
    inUse: 8,
    opening: 0,
    pending: 12,
    oldestWaitMillis: 1_500,
    acquired: 12_345,
    opened: 9,
    failed: { ...failed, Timeout: 5 },
    waitTime: { ...useTime, p99Millis: 250 },
    useTime: { ...useTime, p50Millis: 4.5 }
  })
  const cache = yield* statsOf({ ageMillis: 1_000, inUse: 1, idle: 3, acquired: 70, opened: 4 })
  return {
    at: 0,
    pools: [
      {
        id: 1,
        name: "orders",
        stats: orders,
        leases: [{
          connectionId: 3,
          holder: { fiber: "#17", span: "GET /orders", heldMillis: 65_000 },
          suspected: true
        }],
        advice
      },
      {
        id: 2,
        name: "cache",
        stats: cache,
        leases: [{ connectionId: 1, holder: { fiber: "#5", heldMillis: 12 }, suspected: false }],
        advice
      }
    ]
  } satisfies Snapshot
})

const options = (url: string, more: Partial<Top.Options> = {}): Top.Options => ({
  url,
  interval: Duration.millis(100),
  once: false,
  json: false,
  token: undefined,
  ...more
})

const lines = ({ head, rows }: ReturnType<typeof poolTable>) => [head, ...rows.map(({ text }) => text)]

describe("the table of pools", () => {
  it.effect("shows the statistics", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(lines(poolTable(rowsOf([yield* snapshot]), "name")), [
        "POOL    VERDICT   IN USE  IDLE  OPENING  CLOSING  PENDING  OLDEST WAIT  MAX  LEASES/S  FAILED/S  OPENS/S  WAIT P99  USE P50  LONGEST LEASE",
        "cache   healthy        1     3        0        0        0         0 ms    8        70         0        4      0 ms     0 ms  12 ms #5",
        "orders  refusing       8     0        0        0       12        1.5 s    8     1,235       0.5      0.9    250 ms   4.5 ms  1 min 5 s GET /orders (leak?)"
      ])
    }))

  it.effect("shows the rates since the last snapshot", () =>
    Effect.gen(function*() {
      const before = yield* snapshot
      const [orders] = before.pools
      const later = {
        ...orders!,
        stats: { ...orders!.stats, ageMillis: 12_000, acquired: 12_645, failed: { ...orders!.stats.failed, NoWait: 3 } }
      }
      const [row] = rowsOf([before, { at: 1, pools: [later] }])
      assert.deepInclude(row, { leasesPerSecond: 150, failedPerSecond: 1.5, opensPerSecond: 0 })
    }))

  it.effect("can be sorted, and fits a narrow terminal", () =>
    Effect.gen(function*() {
      const rows = rowsOf([yield* snapshot])
      const names = (order: Parameters<typeof poolTable>[1]) =>
        lines(poolTable(rows, order)).slice(1).map((line) => line.split(" ")[0])
      assert.deepStrictEqual(names("name"), ["cache", "orders"])
      for (const order of ["worst", "inUse", "pending", "oldest", "leases", "wait", "longest"] as const) {
        assert.deepStrictEqual(names(order), ["orders", "cache"], order)
      }
      for (const width of [60, 50, 40]) {
        for (const line of lines(poolTable(rows, "name", width))) assert.isAtMost(line.length, width)
      }
      assert.include(poolTable(rows, "name", 50).head, "PENDING")
    }))
})

describe("the verdicts of the table", () => {
  const pool = (base: PoolStats, id: number, name: string, figures: Partial<PoolStats>) => ({
    id,
    name,
    stats: { ...base, ...figures },
    leases: [],
    advice
  })

  /** A sick pool and healthy ones, at a time in milliseconds. */
  const reading = (base: PoolStats, at: number, sick: Partial<PoolStats>): Snapshot => ({
    at,
    pools: [
      pool(base, 1, "a", { ageMillis: at, acquired: at }),
      pool(base, 2, "b", { ageMillis: at, acquired: at, oldestWaitMillis: 100 }),
      pool(base, 3, "z", { ageMillis: at, acquired: 100, ...sick })
    ]
  })

  it.effect("are of the last seconds, and the worst comes first", () =>
    Effect.gen(function*() {
      const base = yield* statsOf({ idle: 1 })
      const refused = (n: number) => ({ failed: { ...base.failed, Timeout: n } })
      const shown = (readings: Readings) =>
        poolTable(rowsOf(readings), "worst").rows.map(({ text, tone }) =>
          [...text.split(/ {2,}/).slice(0, 2), tone].join(" ")
        )
      let readings: Readings = [reading(base, 100_000, refused(0))]
      const healthy = ["b waiting warn", "a healthy plain", "z healthy plain"]
      assert.deepStrictEqual(shown(readings), healthy)
      readings = withReading(readings, reading(base, 101_000, refused(10)))
      assert.deepStrictEqual(shown(readings), ["z refusing bad", "b waiting warn", "a healthy plain"])
      for (let at = 102_000; at <= 111_000; at += 1_000) {
        readings = withReading(readings, reading(base, at, refused(10)))
      }
      // Ten seconds later they are over.
      assert.deepStrictEqual(shown(readings), healthy)
      assert.lengthOf(readings, 11)
    }))

  it.effect("know a restarted process, a clock that was set back, and long intervals", () =>
    Effect.gen(function*() {
      const base = yield* statsOf({})
      const of = (...ats: ReadonlyArray<number>) =>
        ats.slice(1).reduce<Readings>(
          (readings, at) => withReading(readings, reading(base, at, {})),
          [reading(base, ats[0]!, {})]
        )
      const restarted = rowsOf(of(900_000, 1_000))
      assert.deepInclude(restarted[0], { leasesPerSecond: 1_000 })
      const setBack = of(900_000, 900_500, ...Array.from({ length: 100 }, (_, i) => 1_000 + i * 1_000))
      assert.isAtMost(setBack.length, 12)
      const long = of(100_000, 200_000, 400_000)
      assert.lengthOf(long, 2)
      assert.deepInclude(rowsOf(long)[0], { leasesPerSecond: 1_000 })
    }))
})

describe("top", () => {
  const pools = Effect.gen(function*() {
    const pool = yield* Pool.make({ open: Effect.sync(() => ({})), name: "top-of-the-tests" })
    yield* pool.use(() => Effect.void)
    return yield* Dashboard.serve({ port: 0 })
  })

  it.scopedLive("prints the table once without a terminal", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { layer, lines } = recorded()
      yield* Effect.provide(Top.run(options(url)), layer)
      assert.match(lines()[0]!, /^POOL +VERDICT +IN USE +IDLE/)
      assert.isTrue(lines().some((line) => /^top-of-the-tests +healthy +0 +1 /.test(line)))
    }))

  it.scopedLive("prints snapshots as JSON", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { layer, lines } = recorded()
      const running = yield* Effect.fork(
        Effect.provide(Top.run(options(url.slice("http://".length), { json: true })), layer)
      )
      while (lines().length < 3) yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(running)
      for (const line of lines().slice(0, 3)) {
        const { pools } = yield* Schema.decode(Schema.parseJson(Snapshot))(line)
        assert.include(pools.map(({ name }) => name), "top-of-the-tests")
      }
    }))

  it.scopedLive("draws in a terminal until q is pressed, and restores the screen", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const keys = yield* Queue.unbounded<string>()
      const { layer, text } = recorded({
        isTerminal: true,
        columns: () => 60,
        keys: Effect.succeed(Stream.fromQueue(keys))
      })
      const running = yield* Effect.fork(Effect.provide(Top.run(options(url)), layer))
      const pictures = () => text().split("\x1b[H").length - 1
      while (pictures() < 3) yield* Effect.sleep("20 millis")
      yield* Queue.offer(keys, "s")
      while (!text().includes("sorted by name")) yield* Effect.sleep("20 millis")
      yield* Queue.offer(keys, "q")
      yield* Fiber.join(running)
      assert.isTrue(text().startsWith("\x1b[?1049h\x1b[?25l\x1b[?7l"))
      assert.isTrue(text().endsWith("\x1b[?25h\x1b[?1049l"))
    }))

  it.scopedLive("restores the screen when it is interrupted", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { layer, text } = recorded({ isTerminal: true, keys: Effect.succeed(Stream.never) })
      const running = yield* Effect.fork(Effect.provide(Top.run(options(url)), layer))
      while (!text().includes("top-of-the-tests")) yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(running)
      assert.isTrue(text().endsWith("\x1b[?25h\x1b[?1049l"))
    }))

  it.scopedLive("explains an invalid address, no answer, a server that is no dashboard, and a missing token", () =>
    Effect.gen(function*() {
      const port = yield* closedPort
      const other = yield* serve((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"))
      const secret = yield* Effect.map(
        Dashboard.serve({ host: "0.0.0.0", port: 0, token: Redacted.make("a-token-of-the-operators") }),
        ({ url }) => url.replace("0.0.0.0", "127.0.0.1")
      )
      const { layer } = recorded()
      const cases: ReadonlyArray<[string, string, RegExp]> = [
        [`http://127.0.0.1:${port}`, "unreachable", /^No dashboard answers at http:\/\/127\.0\.0\.1:\d+\/ /],
        [`http://127.0.0.1:${other.port}`, "unreachable", /is not a socketpool dashboard \(status 200\)/],
        [secret, "unreachable", /requires a token: set SOCKETPOOL_TOKEN/],
        ["http://", "usage", /^URL must be the address of a dashboard/]
      ]
      for (const [url, kind, message] of cases) {
        const failure = yield* Effect.flip(Effect.provide(Top.run(options(url)), layer))
        assert.strictEqual(failure.kind, kind, url)
        assert.match(failure.message, message)
      }
      yield* Effect.provide(Top.run(options(secret, { token: Redacted.make("a-token-of-the-operators") })), layer)
    }))
})
