// No server is needed: clients that open nothing.
import * as Reactivity from "@effect/experimental/Reactivity"
import { Pg } from "@socketpool/sql"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Cause, Effect, Exit, Redacted } from "effect"

const secret = "quince-marmalade-7305"

const made = (options: object) => Effect.scoped(Effect.provide(Pg.make(options as Pg.Options), Reactivity.layer))

const refusal = (options: object) =>
  Effect.map(Effect.exit(made(options)), (exit) => {
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    expect(defect).toBeInstanceOf(RangeError)
    return (defect as RangeError).message
  })

describe("Pg.make", () => {
  it.live.each([
    [{ url: `mysql://app:${secret}@localhost` }, "url must be postgres://user:password@host:port/database"],
    [{ url: "postgres://localhost", host: "db" }, "host must be left out where url is set"],
    [{ url: "postgres://localhost", password: Redacted.make(secret) }, "password must be left out where url is set"],
    [{ host: "db/x" }, "host must be a host name or an IP address"],
    [{ password: secret }, "password must be a Redacted string that is not empty"],
    [{ password: Redacted.make(secret), driver: { password: () => secret } }, "driver.password must be left out"],
    [{ driver: { pipeline: true } }, "driver.pipeline is not an option"],
    [{ driver: { query_timeout: 1 } }, "driver.query_timeout is not an option"],
    [{ cancelTimeout: 0 }, "cancelTimeout must be a duration of more than 0"],
    [{ concurrency: 2 }, "concurrency is not an option"],
    [{ maxConnection: 2 }, "maxConnection is not an option: did you mean maxConnections?"]
  ])("refuses %j", ([options, rule]) =>
    Effect.gen(function*() {
      const message = yield* refusal(options as object)
      expect(message).toContain(`Pg.make: ${rule}`)
      expect(message).not.toContain(secret)
    }))

  it.live("names the pool after the server, and never shows the password", () =>
    Effect.gen(function*() {
      const named = (options: object) => Effect.map(made(options), ({ pool }) => pool.name)
      expect(yield* named({ url: `postgres://app:${secret}@db.internal:6432/orders` }))
        .toBe("postgres://db.internal:6432/orders")
      expect(yield* named({ host: "::1", database: "orders" })).toBe("postgres://[::1]:5432/orders")
      expect(yield* named({ host: "/var/run/postgresql", database: "orders" }))
        .toBe("postgres:///var/run/postgresql:5432/orders")
      expect(yield* named({ name: "orders" })).toBe("orders")
    }))

  it.live("opens nothing until the first statement, and 10 connections at most", () =>
    Effect.gen(function*() {
      const { pool } = yield* made({})
      const { maxConnections, opened, opening } = yield* pool.stats
      expect({ maxConnections, opened, opening }).toEqual({ maxConnections: 10, opened: 0, opening: 0 })
    }))
})
