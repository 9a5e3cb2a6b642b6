// A real server on a random loopback port.
import { Pool } from "@socketpool/core"
import { Dashboard, History, Snapshot } from "@socketpool/dashboard"
import { decode, onlyLogger, provideScope, toldTracer } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as http from "node:http"
import { Backend } from "./fixtures/backend.js"
import { ask, serve } from "./fixtures/http.js"
import { mount } from "./fixtures/mount.js"

const portOf = (url: string) => new URL(url).port

describe("the read routes", () => {
  it.scopedLive("the snapshot matches its schema and the pool's own figures", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const pool = yield* new Backend().pool({ name: "orders", maxConnections: 3 })
      yield* Effect.withSpan(pool.get, "checkout")
      yield* pool.use(() => Effect.void)
      const answer = yield* ask(`${url}api/pools`)
      const { pools } = yield* decode(Snapshot.Snapshot, answer.json)
      const stats = yield* pool.stats
      expect(pools).toHaveLength(1)
      expect(pools[0]).toMatchObject({ name: "orders", leases: [{ connectionId: 1, holder: { span: "checkout" } }] })
      expect({ ...pools[0]!.stats, ageMillis: 0 }).toEqual({ ...stats, ageMillis: 0 })
    }))

  it.scopedLive("the advice counts several leases of one connection", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const pool = yield* new Backend().pool({ maxConnections: 2, concurrency: 4 })
      for (let i = 0; i < 15; i++) {
        yield* Effect.all(Array.from({ length: 8 }, () => pool.use(() => Effect.sleep(5))), { concurrency: 8 })
      }
      const { json: { pools: [{ advice }] } } = yield* ask(`${url}api/pools`)
      expect(advice.isFounded).toBe(true)
      expect(advice.utilization).toBeCloseTo(advice.load / (2 * 4), 10)
    }))

  it.scopedLive("the advice of a snapshot measures up to the same moment as its statistics", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* new Backend().pool({ maxConnections: 1 })
      const { json: { pools: [{ advice, stats }] } } = yield* ask(`${url}api/pools`)
      expect(advice.measuredMillis).toBe(stats.ageMillis)
    }))

  it.scopedLive("a snapshot lists at most 200 leases and counts all of them", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const pool = yield* new Backend().pool({ maxConnections: 210, maxConnecting: 210 })
      for (let i = 0; i < 205; i++) yield* pool.get
      const { json } = yield* ask(`${url}api/pools`)
      expect(json.pools[0].leases).toHaveLength(200)
      expect(json.pools[0].stats.leased).toBe(205)
    }))

  it.scopedLive("the history covers pools without a reader, and pools that have closed", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const scope = yield* Scope.make()
      const pool = yield* provideScope(new Backend().pool({ name: "brief", maxConnections: 1 }), scope)
      yield* ask(`${url}api/pools`)
      const inUseRows = Effect.map(
        ask(`${url}api/history`),
        ({ json: { columns, pools: [{ rows }] } }): ReadonlyArray<number> =>
          rows.map((row: ReadonlyArray<number>) => row[columns.indexOf("inUse")])
      )
      yield* pool.use(() => Effect.repeat(inUseRows, { until: (inUse) => inUse.includes(1) }))
      yield* Scope.close(scope, Exit.void)
      const { json } = yield* ask(`${url}api/history`)
      const history = yield* decode(History.History, json)
      const brief = history.pools.find(({ name }) => name === "brief")!
      const inUse = history.columns.indexOf("inUse")
      expect(brief.rows.every((row) => row.length === history.columns.length)).toBe(true)
      expect(brief.rows.map((row) => row[inUse])).toContain(1)
      expect(brief.notices.map(({ _tag }) => _tag)).toEqual(["Opened", "Draining", "Closed", "PoolClosed"])
      expect(history.actions).toBe(false)
    }))

  it.scopedLive("the history names the values of its rows", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const pool = yield* new Backend().pool({ maxConnections: 3 })
      yield* pool.use(() => Effect.sleep("20 millis"))
      yield* pool.get
      const latest = Effect.map(ask(`${url}api/history`), ({ json: { columns, pools: [{ rows }] } }) => {
        expect(columns).toEqual(History.historyColumns)
        return Object.fromEntries(columns.map((name: string, i: number) => [name, rows.at(-1)?.[i]]))
      })
      const row = yield* Effect.repeat(latest, { until: ({ acquired }) => acquired === 2 })
      const { useTime, waitTime } = yield* pool.stats
      expect(row).toEqual({
        at: expect.any(Number),
        idle: 0,
        inUse: 1,
        opening: 0,
        pending: 0,
        oldestWait: 0,
        maxConnections: 3,
        acquired: 2,
        failed: 0,
        waitCount: 2,
        waitMillis: waitTime.totalMillis,
        waitP50: waitTime.p50Millis,
        waitP95: waitTime.p95Millis,
        waitP99: waitTime.p99Millis,
        useCount: 1,
        useMillis: useTime.totalMillis,
        useP50: useTime.p50Millis,
        useP95: useTime.p95Millis,
        useP99: useTime.p99Millis
      })
    }))

  it.scopedLive("the history keeps the last 200 notices, and the last errors apart from them", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const backend = new Backend()
      const pool = yield* backend.pool({ maxConnections: 1 })
      yield* ask(`${url}api/pools`)
      backend.isUp = false
      yield* Effect.ignore(pool.use(() => Effect.void))
      backend.isUp = true
      for (let i = 0; i < 300; i++) yield* pool.use((connection) => pool.drop(connection))
      const { json } = yield* ask(`${url}api/history`)
      expect(json.pools[0].failures).toMatchObject([{
        _tag: "OpenFailed",
        error: "ConnectError: connect ECONNREFUSED 10.0.0.7:5432"
      }])
      expect(json.pools[0].notices).toHaveLength(200)
    }))

  it.scopedLive("the metrics have the content type of Prometheus", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* new Backend().pool({ name: "measured" })
      const { headers, status, text } = yield* ask(`${url}metrics`)
      expect(status).toBe(200)
      expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(text).toContain("db_client_connection_max{pool_name=\"measured\"} 200")
    }))

  it.scopedLive("the metrics cover the pools and have the buckets that the option chooses", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ metrics: { pools: (name) => name === "one", buckets: [0.01, 1] } })
      for (const name of ["one", "two"]) yield* new Backend().pool({ name })
      const { text } = yield* ask(`${url}metrics`)
      expect(text).not.toContain("two")
      const buckets = text.match(/use_time_seconds_bucket.*le="(.*)"/g)?.map((line) => /le="(.*)"/.exec(line)![1])
      expect(buckets).toEqual(["0.01", "1", "+Inf"])
    }))

  it.scopedLive("any other path answers 404 without a stack trace", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      for (const path of ["nothing", "api", "api/pools/1", "%00", "..%2f..%2fetc%2fpasswd", "api/pools/%zz/drop"]) {
        const { json, status, text } = yield* ask(url + path)
        expect([path, status, json?._tag]).toEqual([path, 404, "RouteNotFound"])
        expect(text).not.toMatch(/\bat .*\.[jt]s/)
      }
    }))
})

describe("the page", () => {
  it.scopedLive("loads nothing from other origins and cannot be framed", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { headers, text } = yield* ask(url)
      expect(headers["content-type"]).toBe("text/html; charset=utf-8")
      expect(headers["content-security-policy"]).toMatch(
        /^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-/
      )
      for (const rule of ["frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]) {
        expect(String(headers["content-security-policy"]).split("; ")).toContain(rule)
      }
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cache-control": "no-store"
      })
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\//)
    }))
})

describe("access to the read routes", () => {
  const reads = ["", "api/pools", "api/history", "metrics"]

  it.scopedLive("a loopback address refuses requests under foreign names", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      for (const path of [...reads, "api/stream"]) {
        for (const host of ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "10.0.0.1"]) {
          const { json, status } = yield* ask(url + path, { headers: { host } })
          expect([path, host, status, json._tag]).toEqual([path, host, 403, "ForeignHost"])
        }
        for (
          const host of path === "api/stream"
            ? []
            : ["localhost", `LOCALHOST:${portOf(url)}`, "[::1]:1", "127.0.0.1"]
        ) {
          expect((yield* ask(url + path, { headers: { host } })).status).toBe(200)
        }
      }
    }))

  it.scopedLive("any other address requires the token, except for the page, which holds no data", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ host: "0.0.0.0", token: Redacted.make("the-right-token-1") })
      const local = `http://127.0.0.1:${portOf(url)}/`
      expect((yield* ask(local)).status).toBe(200)
      for (const path of reads.slice(1)) {
        for (
          const authorization of [
            "Bearer the-wrong-token-1",
            "Bearer the-right-token-1 right",
            "Basic the-right-token-1"
          ]
        ) {
          const { headers, json, status } = yield* ask(local + path, { headers: { authorization } })
          expect([path, status, json._tag, headers["www-authenticate"]]).toEqual([path, 401, "Unauthorized", "Bearer"])
        }
        expect((yield* ask(local + path)).status).toBe(401)
        const headers = { authorization: "Bearer the-right-token-1", host: "pools.example" }
        expect((yield* ask(local + path, { headers })).status).toBe(200)
      }
      expect((yield* ask(`${local}api/stream`)).status).toBe(401)
    }))
})

describe("mounted in another server", () => {
  it.scopedLive("works under a prefix, with or without a trailing slash", () =>
    Effect.gen(function*() {
      const url = yield* mount({
        server: http.createServer(),
        prefix: "/ops/pools",
        options: { interval: "50 millis" },
        metrics: { "/prom": undefined, "/some": { pools: () => false } }
      })
      for (
        const path of ["/ops/pools", "/ops/pools/", "/ops/pools/api/pools", "/ops/pools/metrics", "/prom", "/some"]
      ) {
        expect([path, (yield* ask(url + path)).status]).toEqual([path, 200])
      }
      expect((yield* ask(`${url}/api/pools`)).status).toBe(404)
    }))
})

describe("starting", () => {
  it.scopedLive("fails with ServeError when the port is taken", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const error = yield* Effect.flip(Effect.scoped(serve({ port: Number(portOf(url)) })))
      expect(error._tag).toBe("ServeError")
    }))

  it.scopedLive("the layer logs the URL and never the token", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const token = Redacted.make("a-secret-of-ours")
      yield* Effect.provide(
        Layer.build(Dashboard.layer({ port: 0, token })),
        onlyLogger(({ annotations, level, message }) => {
          logged.push(`${level} ${String(message)} ${Object.keys(annotations).length}`)
        })
      )
      expect(logged).toEqual([
        expect.stringMatching(/^INFO The socketpool dashboard is at http:\/\/127\.0\.0\.1:\d+\/ 0$/)
      ])
      const [, url] = /(http:\S+)/.exec(logged[0]!)!
      for (const path of ["", "api/pools", "api/history", "metrics", "nothing"]) {
        expect((yield* ask(url + path)).text).not.toContain("a-secret-of-ours")
      }
    }))
})

describe("watching", () => {
  it.scopedLive("adds no spans to the program's", () =>
    Effect.gen(function*() {
      const names: Array<string> = []
      const tracer = toldTracer({ begin: (name) => void names.push(name) })
      const { url } = yield* Effect.withTracer(serve(), tracer)
      for (const path of ["", "api/pools", "metrics", "nothing"]) yield* ask(url + path)
      expect(names).toEqual([])
    }))
})

describe("closing", () => {
  it.scopedLive("frees the port", () =>
    Effect.gen(function*() {
      const { url } = yield* Effect.scoped(serve())
      expect((yield* Effect.exit(ask(url)))._tag).toBe("Failure")
      yield* serve({ port: Number(portOf(url)) })
    }))

  it.scopedLive("forgets closed pools that are older than the history", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ history: "100 millis" })
      yield* Effect.scoped(Effect.andThen(new Backend().pool({ name: "gone" }), ask(`${url}api/pools`)))
      let names: ReadonlyArray<string> = ["gone"]
      yield* Effect.repeat(
        Effect.map(
          ask(`${url}api/history`),
          ({ json }) => names = json.pools.map((pool: { name: string }) => pool.name)
        ),
        { until: () => names.length === 0 }
      )
      expect(yield* Pool.running).toEqual([])
    }))
})
