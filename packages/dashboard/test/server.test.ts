// A real server on a random loopback port.
import { HttpRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Pool } from "@socketpool/core"
import { Dashboard, History, pointOf, Prometheus, Snapshot } from "@socketpool/dashboard"
import { Effect, Exit, Fiber, Logger, Redacted, Schema, Scope } from "effect"
import * as http from "node:http"
import * as net from "node:net"
import { busyPool } from "./fixtures/busy.js"
import { ask, events } from "./fixtures/client.js"

const token = "canary-token-of-the-operators"
const authorized = { authorization: `Bearer ${token}`, "content-type": "application/json" }

let names = 0
const fresh = () => `orders-${++names}`

const idle = (name: string) =>
  Pool.make({ open: Effect.sync(() => ({})), name, minConnections: 2, maxConnections: 4 }).pipe(
    Effect.tap((pool) => pool.awaitReady)
  )

const served = (options: Dashboard.Options = {}) =>
  Effect.map(Dashboard.serve({ port: 0, interval: "100 millis", ...options }), ({ url }) => url)

const snapshotOf = (url: string) =>
  Effect.flatMap(ask(`${url}api/pools`), ({ text }) => Schema.decode(Schema.parseJson(Snapshot))(text))

const poolOf = (url: string, name: string) =>
  Effect.map(snapshotOf(url), ({ pools }) => pools.find((pool) => pool.name === name)!)

describe("the server of the page", () => {
  it.scopedLive("tells of every pool what the pool itself tells", () =>
    Effect.gen(function*() {
      const name = fresh()
      const pool = yield* idle(name)
      const url = yield* served()
      const holder = yield* Effect.fork(Effect.withSpan(pool.use(() => Effect.never), "GET /orders"))
      yield* Effect.yieldNow()
      const { advice, leases, stats } = yield* poolOf(url, name)
      const { ageMillis: _age, ...now } = yield* pool.stats
      const { ageMillis: _then, ...told } = stats
      assert.deepStrictEqual(told, now)
      assert.deepStrictEqual(leases.map(({ connection, holder }) => [connection, holder.span]), [[2, "GET /orders"]])
      assert.strictEqual(advice.maxConnections, 4)
      yield* Fiber.interrupt(holder)
    }))

  it.scopedLive("does not tell of pools that have closed", () =>
    Effect.gen(function*() {
      const url = yield* served()
      const name = fresh()
      yield* Effect.scoped(Effect.zipRight(idle(name), Effect.map(poolOf(url, name), (pool) => assert.isDefined(pool))))
      assert.isUndefined(yield* poolOf(url, name))
    }))

  it.scopedLive("answers with the page, and lets it load nothing from elsewhere", () =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* ask(yield* served())
      assert.strictEqual(status, 200)
      assert.match(text, /^<!doctype html>/)
      assert.match(headers["content-type"]!, /^text\/html/)
      const policy = headers["content-security-policy"] as string
      assert.match(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; img-src data:;/)
      assert.notMatch(policy, /unsafe|https?:/)
      assert.deepInclude(headers, {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY"
      })
    }))

  it.scopedLive("answers with the metrics, and with nothing else", () =>
    Effect.gen(function*() {
      const name = fresh()
      yield* idle(name)
      const url = yield* served()
      const { headers, text } = yield* ask(`${url}metrics`)
      assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
      assert.include(text, `db_client_connections{pool_name="${name}",state="idle"} 2`)
      const nowhere = yield* ask(`${url}etc/passwd`)
      assert.deepStrictEqual([nowhere.status, JSON.parse(nowhere.text)._tag], [404, "NotFound"])
    }))

  it.scopedLive("answers nobody who calls this machine by a foreign name", () =>
    Effect.gen(function*() {
      const url = yield* served()
      const port = new URL(url).port
      const status = (host: string, path = "api/pools") =>
        Effect.map(ask(`${url}${path}`, { headers: { host } }), ({ status }) => status)
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, "localhost"]) {
        assert.strictEqual(yield* status(host), 200, host)
      }
      for (
        const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example", "127.0.0.1.evil.example"]
      ) {
        for (const path of ["api/pools", "api/history", "api/stream", "metrics"]) {
          assert.strictEqual(yield* status(host, path), 403, `${host} ${path}`)
        }
      }
    }))

  it.scopedLive("fails with ServeError when its port is taken", () =>
    Effect.gen(function*() {
      const url = yield* served()
      const failure = yield* Effect.flip(served({ port: Number(new URL(url).port) }))
      assert.strictEqual(failure._tag, "ServeError")
    }))
})

describe("the history", () => {
  it.effect("has the figures of the statistics", () =>
    Effect.gen(function*() {
      const stats = yield* Effect.scoped(Effect.flatMap(Pool.make({ open: Effect.void }), (pool) => pool.stats))
      const { failed, closed, useTime, waitTime } = stats
      const point = pointOf(77, {
        ...stats,
        idle: 1,
        inUse: 2,
        opening: 3,
        pending: 4,
        maxConnections: 5,
        acquired: 6,
        waitTime: { ...waitTime, totalMillis: 7 },
        useTime: { ...useTime, count: 8, totalMillis: 9 },
        opened: 10,
        closed: { ...closed, Used: 5, Stale: 6 },
        failed: { ...failed, Timeout: 5, NoWait: 7 }
      })
      assert.deepStrictEqual(point, {
        at: 77,
        idle: 1,
        inUse: 2,
        opening: 3,
        pending: 4,
        maxConnections: 5,
        acquired: 6,
        waitedMillis: 7,
        holds: 8,
        heldMillis: 9,
        opened: 10,
        closed: 11,
        failed: 12
      })
    }))
})

describe("the stream", () => {
  it.scopedLive("tells what was before, then the figures at every interval, and what happens in between", () =>
    Effect.gen(function*() {
      const name = fresh()
      const pool = yield* idle(name)
      const url = yield* served()
      const seen: Array<{ readonly event: string; readonly data: any }> = []
      yield* Effect.promise(async () => {
        for await (const message of events(`${url}api/stream`)) {
          seen.push(message)
          if (seen.length === 3) await Effect.runPromise(pool.clear)
          const tags = seen.filter(({ event }) => event === "notice").map(({ data }) => data.event._tag)
          if (tags.includes("Closed") && seen.filter(({ event }) => event === "pools").length > 3) break
        }
      })
      assert.deepStrictEqual(seen.slice(0, 2).map(({ event }) => event), ["history", "pools"])
      const history = yield* Schema.decodeUnknown(History)(seen[0]!.data)
      assert.deepInclude(history, { intervalMillis: 100, hasActions: false })
      const notices = seen.filter(({ event, data }) => event === "notice" && data.event.pool === name)
      assert.strictEqual(notices[0]!.data.event._tag, "Cleared")
      const { id } = yield* poolOf(url, name)
      assert.isTrue(notices.every(({ data }) => data.id === id))
    }))

  it.scopedLive("hears of pools that are made later", () =>
    Effect.gen(function*() {
      const url = yield* served()
      const name = fresh()
      const heard = yield* Effect.fork(Effect.promise(async () => {
        for await (const { data, event } of events(`${url}api/stream`)) {
          if (event === "notice" && data.event.pool === name) return data.event._tag
        }
      }))
      const pool = yield* idle(name)
      const dropping = yield* Effect.fork(Effect.forever(Effect.zipRight(Effect.sleep("150 millis"), pool.clear)))
      assert.isString(yield* Fiber.join(heard))
      yield* Fiber.interrupt(dropping)
    }))

  it.scopedLive("ends at once with the scope, whoever still reads", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const url = yield* Scope.extend(served(), scope)
      const ends = Array.from({ length: 5 }, async () => {
        try {
          for await (const _ of events(`${url}api/stream`)) continue
        } catch {
          // It was cut off.
        }
      })
      const socket = net.connect(Number(new URL(url).port), "127.0.0.1")
      socket.on("error", () => {})
      yield* Effect.promise(() => new Promise((done) => socket.once("connect", done)))
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => Promise.all(ends))
      yield* Effect.promise(() => new Promise((done) => socket.destroyed ? done(0) : socket.once("close", done)))
    }))

  it.scopedLive("keeps little for who does not read, and sends him on what is new", () =>
    Effect.gen(function*() {
      const { pool } = yield* busyPool(fresh(), 4)
      const url = yield* served()
      const slow = net.connect(Number(new URL(url).port), "127.0.0.1")
      slow.pause()
      slow.write("GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
      // Some 30 MB of notices, if all were kept.
      for (let i = 0; i < 60_000; i++) {
        yield* pool.resize({ max: 8 })
        if (i % 1_000 === 0) yield* Effect.sleep(1)
      }
      yield* Effect.sleep("200 millis")
      let bytes = 0
      slow.on("data", (chunk) => bytes += chunk.length)
      slow.resume()
      yield* Effect.iterate(-1, {
        while: (before) => before !== bytes && bytes < 20e6,
        body: () => Effect.as(Effect.sleep("60 millis"), bytes)
      })
      slow.destroy()
      assert.isBelow(bytes, 8e6)
      assert.isAbove(bytes, 1_000)
    }), { timeout: 60_000 })
})

describe("actions", () => {
  const post = (url: string, path: string, body: unknown, headers: Record<string, string> = authorized) =>
    Effect.map(
      ask(`${url}api/pools/${path}`, { method: "POST", headers, body: JSON.stringify(body) }),
      ({ status, text }) => ({ status, answer: text === "" ? undefined : JSON.parse(text) })
    )

  const setup = Effect.gen(function*() {
    const name = fresh()
    const pool = yield* idle(name)
    const url = yield* served({ token: Redacted.make(token) })
    const { id } = yield* poolOf(url, name)
    return { id, pool, url }
  })

  it.scopedLive("are off without a token", () =>
    Effect.gen(function*() {
      const name = fresh()
      yield* idle(name)
      const url = yield* served()
      const { id } = yield* poolOf(url, name)
      const { answer, status } = yield* post(url, `${id}/clear`, {})
      assert.deepStrictEqual([status, answer._tag], [403, "ReadOnly"])
    }))

  it.scopedLive("drop one connection by its number, once", () =>
    Effect.gen(function*() {
      const { id, pool, url } = yield* setup
      assert.strictEqual((yield* post(url, `${id}/drop`, { connection: 1 })).status, 204)
      yield* Effect.yieldNow()
      assert.strictEqual((yield* pool.stats).closed.Dropped, 1)
      const { answer, status } = yield* post(url, `${id}/drop`, { connection: 1 })
      assert.strictEqual(status, 404)
      assert.deepInclude(answer, { _tag: "ConnectionNotFoundError", pool: pool.name, operation: "drop" })
      assert.match(answer.message, /cannot drop a connection that is not in it/)
    }))

  it.scopedLive("clear and resize", () =>
    Effect.gen(function*() {
      const { id, pool, url } = yield* setup
      assert.strictEqual((yield* post(url, `${id}/clear`, {})).status, 204)
      yield* Effect.sleep(1)
      assert.strictEqual((yield* pool.stats).closed.Cleared, 2)
      assert.strictEqual((yield* post(url, `${id}/resize`, { max: 7, min: 1 })).status, 204)
      assert.deepInclude(yield* pool.stats, { maxConnections: 7, minConnections: 1 })
      const { answer, status } = yield* post(url, `${id}/resize`, { min: 9 })
      assert.deepStrictEqual([status, answer], [400, {
        _tag: "RangeError",
        message: "Pool.resize: min must be at most max (7), but is 9"
      }])
      assert.deepInclude(yield* pool.stats, { maxConnections: 7, minConnections: 1 })
    }))

  it.scopedLive("are refused without the right token, as JSON alone, of pools that are there", () =>
    Effect.gen(function*() {
      const { id, pool, url } = yield* setup
      const before = yield* pool.stats
      const json = { "content-type": "application/json" }
      const refused: ReadonlyArray<[string, unknown, Record<string, string>, number, string]> = [
        [`${id}/clear`, {}, json, 401, "Unauthorized"],
        [`${id}/clear`, {}, { ...json, authorization: "Bearer " }, 401, "Unauthorized"],
        [`${id}/clear`, {}, { ...json, authorization: `Bearer ${token}x` }, 401, "Unauthorized"],
        [`${id}/clear`, {}, { ...json, authorization: `Basic ${token}` }, 401, "Unauthorized"],
        [`${id}/clear`, {}, { ...authorized, "content-type": "text/plain" }, 415, "UnsupportedMediaType"],
        [`${id}/clear`, {}, { ...authorized, host: "evil.example" }, 403, "Forbidden"],
        ["999999/clear", {}, authorized, 404, "NotFound"],
        ["x/clear", {}, authorized, 404, "NotFound"],
        [`${id}/drop`, { connection: "1" }, authorized, 400, "BadRequest"],
        [`${id}/drop`, {}, authorized, 400, "BadRequest"],
        [`${id}/resize`, { max: "7" }, authorized, 400, "BadRequest"]
      ]
      for (const [path, body, headers, status, tag] of refused) {
        const found = yield* post(url, path, body, headers)
        assert.deepStrictEqual([path, found.status, found.answer._tag], [path, status, tag])
        assert.notInclude(JSON.stringify(found.answer), token)
      }
      const after = yield* pool.stats
      assert.deepStrictEqual({ ...after, ageMillis: 0 }, { ...before, ageMillis: 0 })
    }))

  it.scopedLive("and looking, too, need the token where others can reach the server", () =>
    Effect.gen(function*() {
      const url = (yield* served({ host: "0.0.0.0", token: Redacted.make(token) })).replace("0.0.0.0", "127.0.0.1")
      const status = (path: string, headers: Record<string, string> = {}) =>
        Effect.map(ask(`${url}${path}`, { headers }), ({ status }) => status)
      for (const path of ["api/pools", "api/history", "api/stream", "metrics"]) {
        assert.strictEqual(yield* status(path), 401, path)
      }
      assert.strictEqual(yield* status("api/pools", { ...authorized, host: "pools.example" }), 200)
      assert.strictEqual(yield* status(""), 200)
    }))

  it.scopedLive("say the token nowhere", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make((entry) => void lines.push(Logger.jsonLogger.log(entry)))
      const all: Array<string> = []
      yield* Effect.scoped(Effect.gen(function*() {
        const url = yield* served({ token: Redacted.make(token) })
        yield* idle(fresh())
        for (const path of ["", "api/pools", "api/history", "metrics"]) all.push((yield* ask(`${url}${path}`)).text)
        all.push(JSON.stringify(yield* post(url, "1/drop", { connection: 1 }, { ...authorized, authorization: "x" })))
      })).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.notInclude([...all, ...lines].join("\n"), token)
    }))
})

describe("in a server of one's own", () => {
  it.scopedLive("the page is mounted below a path, and the metrics have a route", () =>
    Effect.gen(function*() {
      const name = fresh()
      yield* idle(name)
      const pools = yield* Dashboard.router({ interval: "100 millis" })
      const node = http.createServer()
      const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })
      const app = HttpRouter.empty.pipe(Prometheus.route("/internal/metrics"), HttpRouter.mount("/pools", pools))
      yield* Effect.provideService(HttpServer.serveEffect(app), HttpServer.HttpServer, server)
      const url = `http://127.0.0.1:${(node.address() as net.AddressInfo).port}`
      assert.match((yield* ask(`${url}/pools`)).text, /^<!doctype html>/)
      assert.isDefined(yield* poolOf(`${url}/pools/`, name))
      assert.include((yield* ask(`${url}/internal/metrics`)).text, `pool_name="${name}"`)
    }))
})
