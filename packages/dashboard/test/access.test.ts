// Real servers on random loopback ports. Requests of other machines come through a connection that is made up.
import { Dashboard } from "@socketpool/dashboard"
import { onlyLogger } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Redacted } from "effect"
import * as http from "node:http"
import { Backend } from "./fixtures/backend.js"
import { ask, askFrom, until } from "./fixtures/http.js"
import { mount } from "./fixtures/mount.js"

const text = "a-token-of-the-test"
const token = Redacted.make(text)
const right = { authorization: `Bearer ${text}` }
const reads = ["api/pools", "api/history", "api/stream", "metrics"]

/** A dashboard in a server of the user's own, under a prefix. */
const mounted = (options?: Dashboard.Options, believesClients = false) =>
  Effect.gen(function*() {
    const server = http.createServer()
    yield* mount({ server, prefix: "/ops", options, believesClients })
    const from = (peer: string | undefined, path: string, headers: Record<string, string> = {}) =>
      askFrom(server, peer, { path: `/ops/${path}`, headers: { host: "localhost", ...headers } })
    return { from }
  })

describe("a router with default options", () => {
  const foreign = ["192.0.2.2", "10.0.0.7", "::ffff:192.0.2.2", "2001:db8::1", "128.0.0.1", "0.0.0.0", "::", undefined]

  it.scopedLive.each(foreign)("refuses a request from %s, whatever its headers say", (peer) =>
    Effect.gen(function*() {
      const { from } = yield* mounted()
      for (const path of ["", ...reads]) {
        for (const headers of [{}, { host: "127.0.0.1" }, { "x-forwarded-for": "127.0.0.1" }]) {
          expect([path, (yield* from(peer, path, headers)).status]).toEqual([path, 403])
        }
      }
    }))

  it.scopedLive("refuses it also below middleware that believes the client's headers", () =>
    Effect.gen(function*() {
      const { from } = yield* mounted(undefined, true)
      const lie = { "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost" }
      expect((yield* from("192.0.2.2", "api/pools", lie)).status).toBe(403)
      const rebound = yield* from("127.0.0.1", "api/pools", { ...lie, host: "evil.example" })
      expect([rebound.status, rebound.json._tag]).toEqual([403, "ForeignHost"])
    }))

  it.scopedLive.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])(
    "answers %s",
    (peer) =>
      Effect.gen(function*() {
        const { from } = yield* mounted()
        for (const path of ["", "api/pools", "api/history", "metrics"]) {
          expect([path, (yield* from(peer, path)).status]).toEqual([path, 200])
        }
      })
  )

  const proxied = [
    ["x-forwarded-for", "203.0.113.9"],
    ["x-forwarded-proto", "https"],
    ["x-real-ip", "203.0.113.9"],
    ["forwarded", "for=203.0.113.9"],
    ["via", "1.1 proxy"]
  ] as const

  it.scopedLive.each(proxied)(
    "refuses what a proxy on the same machine passes on (%s: %s)",
    ([name, value]) =>
      Effect.gen(function*() {
        const { from } = yield* mounted()
        const answer = yield* from("127.0.0.1", "api/pools", { [name]: value })
        expect([answer.status, answer.json._tag]).toEqual([403, "Forwarded"])
      })
  )
})

it.scopedLive("a router with a token and its address answers others with the token alone", () =>
  Effect.gen(function*() {
    const { from } = yield* mounted({ host: "0.0.0.0", token })
    expect((yield* from("192.0.2.2", "api/pools", { host: "pools.example" })).status).toBe(401)
    expect((yield* from("192.0.2.2", "api/pools", { host: "pools.example", ...right })).status).toBe(200)
  }))

describe("a token", () => {
  it.scopedLive.each([{}, { host: "0.0.0.0" }])(
    "guards reading with %j, also from this machine",
    (options) =>
      Effect.gen(function*() {
        yield* new Backend().pool({ name: "orders" })
        const { url } = yield* Dashboard.serve({ port: 0, token, ...options })
        const local = `http://127.0.0.1:${new URL(url).port}/`
        for (const path of reads) {
          for (
            const headers of [{}, { "x-forwarded-for": "203.0.113.9" }, { host: "127.0.0.1:8686", via: "1.1 nginx" }]
          ) {
            const answer = yield* ask(local + path, { headers })
            expect([path, answer.status, answer.json._tag]).toEqual([path, 401, "Unauthorized"])
            expect(answer.text).not.toContain("orders")
          }
        }
        expect((yield* ask(`${local}api/pools`, { headers: { ...right, via: "1.1 nginx" } })).status).toBe(200)
        // The page holds no data, and the operator enters the token there.
        expect((yield* ask(local)).status).toBe(200)
      })
  )

  it.scopedLive("that is wrong is slowed down and logged once, while the right one is answered at once", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const { url } = yield* Effect.provide(
        Dashboard.serve({ port: 0, token }),
        onlyLogger(({ level, message }) => void logged.push(`${level} ${String(message)}`))
      )
      const statuses: Array<number> = []
      for (let i = 0; i < 60; i++) {
        const headers = { authorization: `Bearer wrong-guess-number-${i}` }
        yield* Effect.forkScoped(
          Effect.map(ask(`${url}api/pools`, { headers }), ({ status }) => statuses.push(status))
        )
      }
      // Ten are answered at once, eight are held back for up to eight seconds, and the others are refused.
      yield* until(() => statuses.length >= 52)
      expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(10)
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(20)
      expect((yield* ask(`${url}api/pools`, { headers: right })).status).toBe(200)
      expect(logged).toEqual([
        "WARN The socketpool dashboard refused a wrong token, the last from 127.0.0.1"
      ])
    }))

  it.scopedLive("that is missing is no guess", () =>
    Effect.gen(function*() {
      const { url } = yield* Dashboard.serve({ port: 0, token })
      for (let i = 0; i < 30; i++) expect((yield* ask(`${url}api/pools`)).status).toBe(401)
    }))
})

describe("a page of another origin", () => {
  it.scopedLive.each(["cross-site", "same-site", "something new"])(
    "gets no figures (%s)",
    (site) =>
      Effect.gen(function*() {
        const { url } = yield* Dashboard.serve({ port: 0 })
        for (const path of reads) {
          const answer = yield* ask(url + path, { headers: { "sec-fetch-site": site } })
          expect([path, answer.status, answer.json._tag]).toEqual([path, 403, "CrossSite"])
        }
        // A link to the page works.
        expect((yield* ask(url, { headers: { "sec-fetch-site": site } })).status).toBe(200)
      })
  )

  it.scopedLive.each(["same-origin", "none"])(
    "does not include the page itself (%s)",
    (site) =>
      Effect.gen(function*() {
        const { url } = yield* Dashboard.serve({ port: 0 })
        expect((yield* ask(`${url}api/pools`, { headers: { "sec-fetch-site": site } })).status).toBe(200)
      })
  )
})
