import { Budget, EndpointPool, Endpoints, KeyedPool, Pool, type PoolStats } from "@socketpool/core"
import { Dashboard } from "@socketpool/dashboard"
import { Snapshot } from "@socketpool/dashboard/Snapshot"
import { decode, fork, fromJson } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/vitest"
import { Duration, Effect, Fiber, Redacted, Stream } from "effect"
import { poolTable, type Readings, rowsOf, withReading } from "../src/internal/pools.js"
import * as Top from "../src/internal/top.js"
import { keyboard, recorded } from "./fixtures/screen.js"
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
          suspected: true,
          exclusive: false,
          connectionLeases: 1
        }],
        advice
      },
      {
        id: 2,
        name: "cache",
        stats: cache,
        leases: [{
          connectionId: 1,
          holder: { fiber: "#5", heldMillis: 12 },
          suspected: false,
          exclusive: false,
          connectionLeases: 1
        }],
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

describe("the rows of budgets and keyed pools", () => {
  type Shared = Required<Pick<Snapshot, "budgets" | "keyedPools">>

  /** A snapshot with two pools that share a budget, a pool without one, and a keyed pool. */
  const scene = (
    change: { readonly budget?: Partial<Shared["budgets"][number]>; readonly keyed?: Record<string, unknown> } = {}
  ) =>
    Effect.gen(function*() {
      const base = yield* statsOf({ ageMillis: 10_000 })
      const pool = (id: number, name: string, figures: Partial<PoolStats> = {}) => ({
        id,
        name,
        stats: { ...base, ...figures },
        leases: [],
        advice
      })
      const share = (poolId: number, name: string, held: number, wanted: number, wantedMillis = 0) => ({
        name,
        poolId,
        held,
        wanted,
        weight: 1,
        wantedMillis
      })
      return {
        at: 0,
        pools: [
          pool(1, "lookups", { inUse: 3, acquired: 100 }),
          pool(2, "reports", { inUse: 1, pending: 2, oldestWaitMillis: 1_500, acquired: 50 }),
          pool(3, "alone", { idle: 1 })
        ],
        budgets: [{
          id: 1,
          name: "database",
          limit: 4,
          held: 4,
          wanted: 2,
          members: 2,
          pools: [share(1, "lookups", 3, 0), share(2, "reports", 1, 2, 400)],
          starved: [],
          ...change.budget
        }],
        keyedPools: [{
          id: 1,
          name: "tenants",
          stats: {
            ...base,
            idle: 2,
            opening: 1,
            // Those that are being validated are in use.
            validating: 1,
            inUse: 1,
            acquired: 20,
            keys: 30,
            maxKeys: 1_000,
            wanted: 0,
            forgotten: 0,
            tooManyKeys: 0,
            ...change.keyed
          },
          busiest: []
        }]
      } satisfies Snapshot
    })

  const cells = (snapshot: Snapshot, order: Parameters<typeof poolTable>[1] = "worst") =>
    lines(poolTable(rowsOf([snapshot]), order))

  it.effect("show what is held and wanted, and pools are indented below their budget", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(cells(yield* scene()), [
        "POOL               VERDICT  IN USE  IDLE  OPENING  CLOSING  PENDING  OLDEST WAIT  MAX  HELD  WANTED  LEASES/S  FAILED/S  OPENS/S  WAIT P99  USE P50  LONGEST LEASE",
        "database (budget)  full          4     0        0        0        2        1.5 s    4     4       2        15         0        0",
        "  reports          waiting       1     0        0        0        2        1.5 s    8     1       2         5         0        0      0 ms     0 ms",
        "  lookups          healthy       3     0        0        0        0         0 ms    8     3       0        10         0        0      0 ms     0 ms",
        "alone              healthy       0     1        0        0        0         0 ms    8                       0         0        0      0 ms     0 ms",
        "tenants (30 keys)  healthy       1     2        1        0        0         0 ms    8     4       0         2         0        0"
      ])
    }))

  const verdicts: ReadonlyArray<
    readonly [what: string, change: Parameters<typeof scene>[0], row: string, tone: string]
  > = [
    ["full", {}, "database (budget) full", "warn"],
    ["healthy if no pool wants a place", { budget: { wanted: 0 } }, "database (budget) healthy", "plain"],
    ["healthy if a place is free", { budget: { held: 3 } }, "database (budget) healthy", "plain"],
    [
      "starved if a pool has wanted a place for more than a second",
      { budget: { pools: [{ name: "reports", poolId: 2, held: 0, wanted: 2, weight: 1, wantedMillis: 1_001 }] } },
      "database (budget) starved",
      "warn"
    ],
    ["waiting if requests wait", { keyed: { oldestWaitMillis: 10 } }, "tenants (30 keys) waiting", "warn"],
    ["refusing if there are too many keys", { keyed: { tooManyKeys: 7 } }, "tenants (30 keys) refusing", "bad"],
    [
      "down if opens fail alone",
      { keyed: { idle: 0, inUse: 0, validating: 0, acquired: 0, openFailed: 3, failed: { OpenFailed: 3 } } },
      "tenants (30 keys) down",
      "bad"
    ],
    ["named with one key", { keyed: { keys: 1 } }, "tenants (1 key) healthy", "plain"]
  ]

  it.effect.each(verdicts)("are %s", ([_, change, row, tone]) =>
    Effect.gen(function*() {
      const { rows } = poolTable(rowsOf([yield* scene(change)]), "worst")
      const shown = rows.map(({ text, tone }) => [text.trim().split(/ {2,}/).slice(0, 2).join(" "), tone])
      assert.deepInclude(shown, [row, tone])
    }))

  it.effect("have rates since the last snapshot, and a keyed pool in a budget is below that", () =>
    Effect.gen(function*() {
      const before = yield* scene()
      const [tenants] = before.keyedPools
      const [database] = before.budgets
      const later = {
        ...before,
        budgets: [{
          ...database!,
          pools: [{ name: "tenants", keyedPoolId: 1, held: 5, wanted: 1, weight: 1, wantedMillis: 0 }]
        }],
        keyedPools: [{ ...tenants!, stats: { ...tenants!.stats, ageMillis: 12_000, acquired: 220, tooManyKeys: 4 } }]
      }
      const [budget, ...others] = rowsOf([before, later])
      assert.lengthOf(others, 3)
      assert.deepInclude(budget, { leasesPerSecond: 100, failedPerSecond: 2 })
      assert.deepInclude(budget!.members![0], { leasesPerSecond: 100, places: { held: 5, wanted: 1 } })
    }))

  it.effect("can be sorted with their pools, and fit a narrow terminal", () =>
    Effect.gen(function*() {
      const snapshot = yield* scene()
      const names = (order: Parameters<typeof poolTable>[1]) =>
        cells(snapshot, order).slice(1).map((line) => line.replace(/ \(.*/, "").trim().split(" ")[0])
      const database = ["database", "lookups", "reports"]
      assert.deepStrictEqual(names("name"), ["alone", ...database, "tenants"])
      assert.deepStrictEqual(names("inUse"), [...database, "tenants", "alone"])
      assert.deepStrictEqual(names("pending"), ["database", "reports", "lookups", "alone", "tenants"])
      assert.deepStrictEqual(names("leases"), [...database, "tenants", "alone"])
      for (const width of [140, 80, 60, 50, 40]) {
        const shown = lines(poolTable(rowsOf([snapshot]), "worst", width))
        for (const line of shown) assert.isAtMost(line.length, width)
        if (width >= 80) assert.include(shown[0], "WANTED")
      }
    }))

  it.effect("come before others if one of the pools is worse", () =>
    Effect.gen(function*() {
      const snapshot = yield* scene({ budget: { wanted: 0 }, keyed: { pending: 5 } })
      const shown = cells(snapshot).slice(1).map((line) => line.trim().split(" ")[0])
      assert.deepStrictEqual(shown, ["database", "reports", "lookups", "tenants", "alone"])
    }))

  it.effect("of a snapshot of an older dashboard are none", () =>
    Effect.gen(function*() {
      const { at, pools } = yield* scene()
      const shown = cells({ at, pools })
      assert.lengthOf(shown, 4)
      assert.notInclude(shown[0], "WANTED")
    }))
})

describe("the rows of endpoints", () => {
  type Endpoint = NonNullable<Snapshot["pools"][number]["endpoints"]>["listed"][number]

  const endpoint = (id: string, more: Partial<Endpoint> = {}): Endpoint => ({
    id,
    host: id,
    port: 1,
    tier: 0,
    weight: 1,
    state: "Up",
    inUse: 0,
    idle: 0,
    opening: 0,
    waiting: 0,
    acquired: 0,
    load: 0,
    failures: 0,
    ejections: 0,
    share: 0,
    ...more
  })

  const scene = (listed: ReadonlyArray<Endpoint>, count = listed.length) =>
    Effect.map(statsOf({ ageMillis: 10_000, idle: 1 }), (stats): Snapshot => ({
      at: 1_000_000,
      pools: [
        { id: 1, name: "cache", stats, leases: [], advice },
        { id: 2, name: "replicas", stats, leases: [], advice, endpoints: { count, listed } }
      ]
    }))

  const five = [
    endpoint("db-2", { inUse: 3, idle: 2, opening: 1, waiting: 4, load: 8 / 3, share: 0.625, weight: 3 }),
    endpoint("db-1", { failures: 2, lastError: "ConnectError: it is slow" }),
    endpoint("db-3", {
      state: "Ejected",
      failures: 1_234,
      ejections: 7,
      ejectedUntil: 1_064_001,
      lastError: "ConnectError: connect ECONNREFUSED"
    }),
    endpoint("db-4", { state: "SlowStart", tier: 1 }),
    endpoint("db-5", { state: "Draining", inUse: 1, share: 0.375 })
  ]

  it.effect("are below their pool in the order of their set, in words, with the last error below", () =>
    Effect.gen(function*() {
      const table = poolTable(rowsOf([yield* scene(five)]), "worst")
      const width = table.head.indexOf("  LEASES/S")
      assert.deepStrictEqual(lines(table).map((line) => line.slice(0, width).trimEnd()), [
        "POOL      VERDICT      IN USE  IDLE  OPENING  CLOSING  PENDING  OLDEST WAIT  MAX  LOAD  SHARE  TIER  WEIGHT  FAILURES  EJECTIONS",
        "cache     healthy           0     1        0        0        0         0 ms    8",
        "replicas  healthy           0     1        0        0        0         0 ms    8",
        "  - db-2  up                3     2        1                 4                    2.67   63 %     0       3         0          0",
        "  - db-1  up, failing       0     0        0                 0                       0    0 %     0       1         2          0",
        "    ConnectError: it is slow",
        "  - db-3  ejected           0     0        0                 0                       0    0 %     0       1     1,234          7",
        "    ejected for 1 min 5 s more: ConnectError: connect ECONNREFUSED",
        "  - db-4  slow start        0     0        0                 0                       0    0 %     1       1         0          0",
        "  - db-5  draining          1     0        0                 0                       0   38 %     0       1         0          0"
      ])
      assert.deepStrictEqual(table.rows.map(({ tone }) => tone), [
        "plain",
        "plain",
        "plain",
        "warn",
        "warn",
        "bad",
        "bad",
        "plain",
        "dim"
      ])
    }))

  it.effect("say that an endpoint is tried again once its ejection is over", () =>
    Effect.gen(function*() {
      const shown = lines(
        poolTable(rowsOf([yield* scene([endpoint("a", { state: "Ejected", ejectedUntil: 1_000_000 })])]), "name")
      )
      assert.match(shown[3]!, /^ {2}- a +ejected +0 /)
      assert.strictEqual(shown[4], "    ejected, being tried again")
    }))

  it.effect("fit a narrow terminal, and cannot steer it", () =>
    Effect.gen(function*() {
      const foreign = "\u001b[31m\u202e".repeat(20)
      const snapshot = yield* scene([
        ...five,
        endpoint(foreign, { state: "Ejected", ejectedUntil: 1_001_000, lastError: foreign })
      ])
      for (const width of [160, 100, 80, 60, 40]) {
        const shown = lines(poolTable(rowsOf([snapshot]), "worst", width))
        assert.lengthOf(shown, 12)
        for (const line of shown) assert.isAtMost(line.length, width)
        for (const char of "\u001b\u202e") assert.notInclude(shown.join(""), char)
        assert.match(shown[11]!, /^ {4}ejected for 1 s more: /)
        if (width > 60) assert.include(shown[11]!, "\\u001b[31m\\u202e")
        if (width >= 80) assert.include(shown[0], "SHARE")
        assert.match(shown[7]!, /ejected for 1 min 5 s more/)
      }
    }))

  it.effect("are at most 10 of a pool: those in trouble, and the busiest", () =>
    Effect.gen(function*() {
      const crowd = Array.from({ length: 30 }, (_, i) => endpoint(`e${i}`, { load: i === 3 ? 5 : 1 }))
      crowd[20] = endpoint("e20", { state: "Ejected", ejectedUntil: 1_001_000 })
      crowd[25] = endpoint("e25", { failures: 1 })
      crowd[29] = endpoint("e29", { state: "Draining" })
      const names = lines(poolTable(rowsOf([yield* scene(crowd, 250)]), "name")).slice(3).map((line) =>
        line.trim().split(/ {2,}/)[0]
      )
      assert.deepStrictEqual(names, [
        ...["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e20"].map((id) => `- ${id}`),
        "ejected for 1 s more",
        "- e25",
        "- e29",
        "- and 240 more"
      ])
    }))

  it.effect("are below pools within a budget, too", () =>
    Effect.gen(function*() {
      const snapshot = yield* scene([endpoint("a", { lastError: "no" })])
      const budget = {
        id: 1,
        name: "database",
        limit: 4,
        held: 1,
        wanted: 0,
        members: 1,
        pools: [{ name: "replicas", poolId: 2, held: 1, wanted: 0, weight: 1, wantedMillis: 0 }],
        starved: []
      }
      const shown = lines(poolTable(rowsOf([{ ...snapshot, budgets: [budget] }]), "name"))
      assert.deepStrictEqual(shown.slice(2).map((line) => /^ *\S+( \S+)?/.exec(line)![0]), [
        "database (budget)",
        "  replicas",
        "    - a",
        "      no"
      ])
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

  it.scopedLive("prints the processes that share a budget, the dead ones, and that the store is lost", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const supplied = yield* Budget.makeSupplied({ name: "shared", maxConnections: 8 }, {
        onChange: () => {},
        isWatching: () => false,
        resize: () => Effect.void
      })
      const member = yield* Pool.make({ open: Effect.sync(() => ({})), name: "member", budget: supplied.budget })
      supplied.grant(2)
      yield* member.use(() => Effect.void)
      const tell = (holders: ReadonlyArray<Budget.FleetHolder>, isLost = false) =>
        supplied.share(8, { holder: "b", granted: 2, held: 6, holders, isLost })
      const holder = (holder: string, held: number, wanted = 0, isDead = false) => ({ holder, held, wanted, isDead })
      const table = Effect.gen(function*() {
        const { layer, lines } = recorded()
        yield* Effect.provide(Top.run(options(url)), layer)
        const found = lines().slice(1).filter((line) => /^(shared| {2})/.test(line))
        return found.map((line) => line.trim().split(/ {2,}/))
      })
      tell([holder("c\u001b[31m", 3, 4), holder("b", 2), holder("a", 1, 0, true)])
      const [budget, pool, ...holders] = yield* table
      assert.deepStrictEqual(budget!.slice(0, 2), ["shared (budget)", "healthy"])
      // All processes hold 6 places, and want 4; this one wants none.
      assert.deepStrictEqual(budget!.slice(8, 11), ["8", "6", "4"])
      assert.deepStrictEqual(pool!.slice(0, 2), ["member", "healthy"])
      assert.deepStrictEqual(holders, [
        ["@ b", "this one", "2", "0"],
        ["@ a", "dead", "1", "0"],
        ["@ c\\u001b[31m", "alive", "3", "4"]
      ])
      tell(
        [holder("b", 2), ...Array.from({ length: 30 }, (_, i) => holder(`p${i + 10}`, 0, i === 25 ? 1 : 0, i === 20))],
        true
      )
      const [lost, , ...few] = yield* table
      assert.deepStrictEqual(lost!.slice(0, 2), ["shared (budget)", "store lost"])
      assert.deepStrictEqual(few.map(([name]) => name).slice(0, 4), ["@ b", "@ p30", "@ p35", "@ p10"])
      assert.deepStrictEqual(few.slice(10), [["@ and 21 more"]])
    }))

  it.scopedLive("prints budgets and keyed pools, once and as JSON", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const budget = yield* Budget.make({ name: "database", maxConnections: 3 })
      const member = yield* Pool.make({ open: Effect.sync(() => ({})), name: "member", budget })
      yield* member.use(() => Effect.void)
      const tenants = yield* KeyedPool.make({ open: (_: string) => Effect.sync(() => ({})), name: "tenants" })
      yield* tenants.use("a", () => Effect.void)
      const table = recorded()
      yield* Effect.provide(Top.run(options(url)), table.layer)
      const found = table.lines().filter((line) => /^(database|  member|tenants) /.test(line))
      assert.deepStrictEqual(found.map((line) => line.trim().split(/ {2,}/).slice(0, 4)), [
        ["database (budget)", "healthy", "0", "1"],
        ["member", "healthy", "0", "1"],
        ["tenants (1 key)", "healthy", "0", "1"]
      ])
      const json = recorded()
      yield* Effect.provide(Top.run(options(url, { once: true, json: true })), json.layer)
      const { budgets, keyedPools } = yield* decode(fromJson(Snapshot), json.lines()[0]!)
      assert.deepStrictEqual(budgets?.map(({ held, limit, name }) => [name, held, limit]), [["database", 1, 3]])
      assert.deepStrictEqual(keyedPools?.map(({ name, stats }) => [name, stats.keys]), [["tenants", 1]])
    }))

  it.scopedLive("prints endpoints, once and as JSON", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const replicas = yield* EndpointPool.make({
        name: "replicas",
        endpoints: Endpoints.of({ host: "db-1", port: 1 }, { host: "db-2", port: 1, id: "two\u202e" }),
        open: () => Effect.sync(() => ({}))
      })
      yield* replicas.awaitReady
      yield* Effect.flatMap(replicas.at("db-1:1"), (part) => part.use(() => Effect.void))
      const table = recorded()
      yield* Effect.provide(Top.run(options(url)), table.layer)
      const at = table.lines().findIndex((line) => line.startsWith("replicas "))
      assert.deepStrictEqual(
        table.lines().slice(at + 1, at + 3).map((line) => line.trim().split(/ {2,}/).slice(0, 4)),
        [["- db-1:1", "up", "0", "1"], ["- two\\u202e", "up", "0", "0"]]
      )
      const json = recorded()
      yield* Effect.provide(Top.run(options(url, { once: true, json: true })), json.layer)
      const { pools: all } = yield* decode(fromJson(Snapshot), json.lines()[0]!)
      const { endpoints } = all.find(({ name }) => name === "replicas")!
      assert.deepStrictEqual(endpoints!.listed.map(({ acquired, id }) => [id, acquired]), [["db-1:1", 1], [
        "two\u202e",
        0
      ]])
    }))

  it.scopedLive("prints snapshots as JSON", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { layer, lines } = recorded()
      const running = yield* fork(
        Effect.provide(Top.run(options(url.slice("http://".length), { json: true })), layer)
      )
      while (lines().length < 3) yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(running)
      for (const line of lines().slice(0, 3)) {
        const { pools } = yield* decode(fromJson(Snapshot), line)
        assert.include(pools.map(({ name }) => name), "top-of-the-tests")
      }
    }))

  it.scopedLive("draws in a terminal until q is pressed, and restores the screen", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { keys, press } = keyboard()
      const { layer, text } = recorded({
        isTerminal: true,
        columns: () => 60,
        keys
      })
      const running = yield* fork(Effect.provide(Top.run(options(url)), layer))
      const pictures = () => text().split("\x1b[H").length - 1
      while (pictures() < 3) yield* Effect.sleep("20 millis")
      yield* press("s")
      while (!text().includes("sorted by name")) yield* Effect.sleep("20 millis")
      yield* press("q")
      yield* Fiber.join(running)
      assert.isTrue(text().startsWith("\x1b[?1049h\x1b[?25l\x1b[?7l"))
      assert.isTrue(text().endsWith("\x1b[?25h\x1b[?1049l"))
    }))

  it.scopedLive("restores the screen when it is interrupted", () =>
    Effect.gen(function*() {
      const { url } = yield* pools
      const { layer, text } = recorded({ isTerminal: true, keys: Effect.succeed(Stream.never) })
      const running = yield* fork(Effect.provide(Top.run(options(url)), layer))
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
