// A real server on a random loopback port.
import { Dashboard } from "@socketpool/dashboard"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Redacted } from "effect"
import { Backend } from "./fixtures/backend.js"
import { ask } from "./fixtures/http.js"

const json = "application/json"
const right = { authorization: "Bearer the-right-token-1", "content-type": json }

const setup = Effect.gen(function*() {
  const { url } = yield* Dashboard.serve({ port: 0, interval: "50 millis", token: Redacted.make("the-right-token-1") })
  const pool = yield* new Backend().pool({ name: "orders", maxConnections: 3, minConnections: 1 })
  const { json: { pools: [{ id }] } } = yield* ask(`${url}api/pools`, { headers: right })
  const post = (action: string, body: unknown, headers: Record<string, string> = right, of: unknown = id) =>
    ask(`${url}api/pools/${of}/${action}`, { method: "POST", headers, body })
  return { pool, post, url }
})

describe("drop", () => {
  it.scopedLive("drops the connection with that number", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      yield* pool.get
      const [lease] = yield* pool.leases
      expect(yield* post("drop", { connectionId: lease!.connectionId })).toMatchObject({ status: 204, text: "" })
      expect(yield* pool.leases).toEqual([])
      expect((yield* pool.stats).closed.Dropped).toBe(1)
    }))

  it.scopedLive("answers 404 with the pool's error if no connection has that number", () =>
    Effect.gen(function*() {
      const { post } = yield* setup
      const answer = yield* post("drop", { connectionId: 77 })
      expect(answer.status).toBe(404)
      expect(answer.json).toMatchObject({
        _tag: "ConnectionNotFoundError",
        pool: "orders",
        operation: "drop",
        message: expect.stringContaining("Pool \"orders\": cannot drop a connection that is not in it")
      })
    }))
})

describe("clear and resize", () => {
  it.scopedLive("clear closes the idle connections", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      yield* pool.use(() => Effect.void)
      expect((yield* post("clear", {})).status).toBe(204)
      expect((yield* pool.stats).closed.Cleared).toBeGreaterThan(0)
    }))

  it.scopedLive("resize sets the given limit and keeps the other", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      expect((yield* post("resize", { max: 9 })).status).toBe(204)
      expect(yield* pool.stats).toMatchObject({ maxConnections: 9, minConnections: 1 })
      expect((yield* post("resize", { min: 2 })).status).toBe(204)
      expect(yield* pool.stats).toMatchObject({ maxConnections: 9, minConnections: 2 })
    }))

  const tooLarge = [["9007199254740993", "9007199254740992"], ["1000001", "1000001"], ["1e300", "1e+300"], [
    "1e999",
    "Infinity"
  ]] as const

  it.scopedLive.each(tooLarge)(
    "a size of %s answers 400 and changes nothing",
    ([text, value]) =>
      Effect.gen(function*() {
        const { pool, post } = yield* setup
        for (const option of ["min", "max"]) {
          const body = `{"${option}": ${text}}`
          const answer = yield* post("resize", body)
          expect([answer.status, answer.json]).toEqual([400, {
            _tag: "RangeError",
            message: `${option} must be at most 1000000, but is ${value}`
          }])
        }
        expect(yield* pool.stats).toMatchObject({ maxConnections: 3, minConnections: 1 })
      })
  )

  it.scopedLive("an invalid size answers 400 with the pool's message and changes nothing", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      const answer = yield* post("resize", { max: 0 })
      expect(answer.status).toBe(400)
      expect(answer.json._tag).toBe("RangeError")
      expect(answer.json.message).toMatch(/max.* must be .*, but is 0/)
      expect(answer.text).not.toContain(".ts")
      expect((yield* pool.stats).maxConnections).toBe(3)
    }))
})

describe("refuses", () => {
  const actions = [["drop", { connectionId: 1 }], ["clear", {}], ["resize", { max: 5 }]] as const

  it.scopedLive("every action if the dashboard has no token", () =>
    Effect.gen(function*() {
      const { url } = yield* Dashboard.serve({ port: 0 })
      yield* new Backend().pool()
      for (const [action, body] of actions) {
        const answer = yield* ask(`${url}api/pools/1/${action}`, { method: "POST", headers: right, body })
        expect([answer.status, answer.json._tag]).toEqual([403, "ActionsOff"])
        expect(answer.json.message).toContain("Actions are off")
      }
    }))

  it.scopedLive("a wrong or missing token", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      for (const [action, body] of actions) {
        for (
          const authorization of ["Bearer the-right-token-", "Bearer the-right-token-11", "Basic the-right-token-1", ""]
        ) {
          const answer = yield* post(action, body, { "content-type": json, authorization })
          expect([action, authorization, answer.status]).toEqual([action, authorization, 401])
          expect(answer.text).not.toContain("the-right-token-1")
        }
        expect((yield* post(action, body, { "content-type": json })).status).toBe(401)
      }
      expect(yield* pool.stats).toMatchObject({ maxConnections: 3, closed: { Dropped: 0, Cleared: 0 } })
    }))

  it.scopedLive("content types that a form can send, and a foreign Host header", () =>
    Effect.gen(function*() {
      const { pool, post } = yield* setup
      for (
        const type of [
          "text/plain",
          "application/x-www-form-urlencoded",
          "multipart/form-data",
          "text/application/json"
        ]
      ) {
        expect((yield* post("clear", {}, { ...right, "content-type": type })).status).toBe(415)
      }
      expect((yield* post("clear", {}, { authorization: right.authorization })).status).toBe(415)
      expect((yield* post("clear", {}, { ...right, host: "evil.example" })).status).toBe(403)
      expect((yield* post("clear", {}, { ...right, "content-type": "application/json; charset=utf-8" })).status).toBe(
        204
      )
      expect((yield* pool.stats).closed.Cleared).toBeLessThanOrEqual(1)
    }))

  it.scopedLive("a number that no pool has", () =>
    Effect.gen(function*() {
      const { post } = yield* setup
      for (const id of ["999", "0", "x", "-1", "1e0"]) {
        const answer = yield* post("drop", { connectionId: 1 }, right, id)
        expect([id, answer.status, answer.json._tag]).toEqual([id, 404, "PoolNotFound"])
      }
    }))

  it.scopedLive("an invalid or oversized body", () =>
    Effect.gen(function*() {
      const { post } = yield* setup
      const bodies = [
        "",
        "{",
        "[]",
        "null",
        "{\"connectionId\":\"1\"}",
        "{\"connectionId\":1.5}",
        "{\"connectionId\":1,\"x\":1}"
      ]
      for (const body of bodies) {
        const answer = yield* post("drop", body)
        expect([body, answer.status, answer.json._tag]).toEqual([body, 400, "BadRequest"])
      }
      expect((yield* post("drop", { connectionId: "1".repeat(5_000) })).json._tag).toBe("TooLong")
      // A body whose length is not declared is cut off, and with it the connection, if the server closes it.
      const chunked = { ...right, "transfer-encoding": "chunked" }
      const longest = `{"connectionId":77}${" ".repeat(1_000)}`
      expect((yield* post("drop", longest, chunked)).json._tag).toBe("ConnectionNotFoundError")
      const cut = yield* Effect.exit(post("drop", longest + " ".repeat(9_000), chunked))
      expect(["socket hang up", "BadRequest"]).toContain(
        Exit.isSuccess(cut) ? cut.value.json._tag : (Cause.squash(cut.cause) as Error).message
      )
      for (const max of ["\"Infinity\"", "\"NaN\"", "null"]) {
        expect([max, (yield* post("resize", `{"max":${max}}`)).json._tag]).toEqual([max, "BadRequest"])
      }
      expect((yield* post("resize", {})).status).toBe(400)
      expect((yield* post("resize", { max: "many" })).status).toBe(400)
    }))
})
