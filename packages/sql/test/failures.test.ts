// A real server: connections that end, errors that say what to do, and what a caller gets who finds no connection.
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { PoolExhaustedError } from "@socketpool/core"
import { Pg } from "@socketpool/sql"
import { config, configured, failedCommitDies, fork, hasDies, provideScope, reasonOf } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Schedule, Scope, Stream } from "effect"
import { installed, password, passwordUsers, postgres } from "../../node/test/fixtures/postgres.js"
import { freePort, isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { closedBy, totalOf, until } from "../../node/test/fixtures/server.js"
import { causeOf } from "../src/internal/effect.js"
import { isRunning, login, ours, upTo } from "./fixtures/clients.js"

describe.skipIf(isMissing("postgresql", installed))("a client of PostgreSQL", () => {
  const server = shared(postgres)
  const pid = (sql: SqlClient.SqlClient) =>
    Effect.map(sql<{ pid: number }>`select pg_backend_pid() pid`, ([row]) => row!.pid)

  describe("whose connections end", () => {
    it.scopedLive("reports a terminated backend, and serves the next statement on another", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const fiber = yield* fork(Effect.flip(sql`select pg_sleep(701)`))
        const watcher = yield* ours(server())
        yield* until(isRunning(watcher, "pg_sleep(701)"), (runs) => runs)
        yield* watcher`select pg_terminate_backend(pid) from pg_stat_activity
          where query like '%pg_sleep(701)%' and pid <> pg_backend_pid()`
        const error = yield* Fiber.join(fiber)
        expect(error).toBeInstanceOf(SqlError)
        expect(causeOf(error)).toMatchObject({ code: "57P01" })
        expect(error.message).toContain("run it again only if that does no harm")
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
        expect(yield* closedBy(sql)).toBe(1)
      }))

    it.scopedLive("notices an idle connection that ended, before anybody borrows it", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const first = yield* pid(sql)
        server().psql(`select pg_terminate_backend(${first})`)
        yield* until(closedBy(sql), (n) => n === 1)
        expect(yield* pid(sql)).not.toBe(first)
      }))

    it.scopedLive("fails a transaction with the error, and does not die of the rollback", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const exit = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
          server().psql(`select pg_terminate_backend(${yield* pid(sql)})`)
          // The next statement finds the connection ended, or ends with it.
          return yield* Effect.forever(sql`select 1`)
        })))
        expect(Exit.isFailure(exit) && reasonOf(exit.cause)).toBe("Fail")
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      }))

    it.scopedLive("survives a server that loses all connections at once", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 4, maxConnecting: 4 })
        const watcher = yield* ours(server())
        const fibers = yield* Effect.forEach(upTo(4), () => fork(Effect.flip(sql`select pg_sleep(702)`)))
        yield* until(
          watcher`select 1 from pg_stat_activity where query like 'select pg_sleep(702)' and state = 'active'`,
          (rows) => rows.length === 4
        )
        // After the death of a backend the server ends all others and starts anew.
        process.kill(yield* pid(watcher), "SIGKILL")
        for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toBeInstanceOf(SqlError)
        const again = Effect.retry(pid(sql), Schedule.spaced("20 millis"))
        const pids = yield* Effect.forEach(upTo(8), () => again, { concurrency: "unbounded" })
        expect(pids.every((pid) => pid > 0)).toBe(true)
        const { closed, closing, idle, inUse, opened } = yield* sql.pool.stats
        expect(opened - totalOf(closed)).toBe(idle + inUse + closing)
      }))

    it.scopedLive("leaves nothing at the server when its scope closes, also in the middle of a statement", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const sql = yield* provideScope(
          ours(server(), { applicationName: "closing", drainTimeout: 0, maxConnections: 2 }),
          scope
        )
        yield* fork(Effect.ignore(sql`select pg_sleep(703)`))
        const watcher = yield* ours(server())
        yield* until(isRunning(watcher, "pg_sleep(703)"), (runs) => runs)
        yield* Scope.close(scope, Exit.void)
        yield* until(Effect.sync(() => server().connections("closing")), (n) => n === 0)
        expect(causeOf(yield* Effect.flip(sql`select 1`))).toMatchObject({ _tag: "PoolClosedError" })
      }))
  })

  describe("that has no connection left", () => {
    it.scopedLive("fails after acquireTimeout, and names the holder", () =>
      Effect.gen(function*() {
        const options = { minConnections: 1, maxConnections: 1, acquireTimeout: "50 millis", name: "orders" } as const
        const sql = yield* ours(server(), options)
        // The open may take longer than the timeout.
        yield* until(sql.pool.stats, ({ idle }) => idle === 1)
        const holding = Effect.scoped(Effect.andThen(sql.reserve, Effect.never))
        const holder = yield* fork(Effect.withSpan(holding, "monthly report"))
        yield* until(sql.pool.stats, ({ inUse }) => inUse === 1)
        const error = yield* Effect.flip(sql`select 1`)
        expect(error).toBeInstanceOf(SqlError)
        expect(causeOf(error)).toBeInstanceOf(PoolExhaustedError)
        expect(causeOf(error)).toMatchObject({ reason: "Timeout", pool: "orders" })
        expect(error.message).toContain("monthly report")
        expect(error.message).toContain("raise maxConnections")
        yield* Fiber.interrupt(holder)
      }))

    it.scopedLive("fails at once a fiber that would wait for itself", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        yield* sql.reserve
        const error = yield* Effect.flip(sql`select 1`)
        expect(causeOf(error)).toMatchObject({ _tag: "PoolExhaustedError", reason: "SelfDeadlock" })
      }))
  })

  describe("that uses a connection wrongly", () => {
    it.scopedLive("refuses a connection whose lease has ended", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const kept = yield* Effect.scoped(sql.reserve)
        const error = yield* Effect.flip(kept.execute("select 1", [], undefined))
        expect(error.message).toContain("after its lease had ended")
      }))

    it.scopedLive.each(["begin", "begin; select 1/0"])(
      "never lends a connection that was left after %j",
      (text) =>
        Effect.gen(function*() {
          const sql = yield* ours(server(), { maxConnections: 1 })
          const first = yield* pid(sql)
          yield* Effect.exit(sql.unsafe(text))
          expect(yield* pid(sql)).not.toBe(first)
          expect((yield* sql.pool.stats).closed.Discarded).toBe(1)
        })
    )

    it.scopedLive("never lends a connection with a statement in flight", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        yield* sql.pool.use(({ client }) =>
          Effect.sync(() => void client.query("select pg_sleep(704)").catch(() => {}))
        )
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
        const watcher = yield* ours(server())
        yield* until(isRunning(watcher, "pg_sleep(704)"), (runs) => !runs)
      }))

    it.scopedLive("fails a statement in the middle of a stream of its transaction, instead of waiting for itself", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const error = yield* Effect.flip(
          sql.withTransaction(Stream.runForEach(sql`select generate_series(1, 1000) n`.stream, () => sql`select 1`))
        )
        expect(error.message).toContain("Read the stream to its end first")
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      }))

    it.scopedLive("does not take a rolled back transaction for a committed one", () =>
      Effect.gen(function*() {
        const sql = yield* ours(server(), { maxConnections: 1 })
        const exit = yield* Effect.exit(sql.withTransaction(Effect.ignore(sql`select 1/0`)))
        expect(Exit.isFailure(exit) && hasDies(exit.cause)).toBe(failedCommitDies)
        expect(String(exit)).toContain("The transaction was not committed")
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      }))
  })

  describe("that cannot connect", () => {
    const failing = (options: Pg.Options) =>
      Effect.flatMap(
        ours(server(), options),
        (sql) => Effect.map(Effect.flip(sql`select 1`), (error) => ({ error, sql }))
      )

    it.scopedLive("to a server that is down says so, and what to check", () =>
      Effect.gen(function*() {
        const port = yield* freePort
        const { error } = yield* failing({ port })
        expect(error.message).toContain(`No connection to PostgreSQL at 127.0.0.1:${port}`)
        expect(error.message).toContain("ECONNREFUSED")
        expect(error.message).toContain("Check the host and the port, and that the server runs.")
      }))

    it.scopedLive("with a wrong password pauses, and says what to check", () =>
      Effect.gen(function*() {
        const wrong = { username: passwordUsers.hashed, password: Redacted.make("wrong-7791") }
        const { error, sql } = yield* failing(wrong)
        expect(error.message).toContain("(28P01). Check username and password.")
        expect(error.message).not.toContain("wrong-7791")
        yield* Effect.flip(sql`select 1`)
        // The second statement was not tried at the server.
        expect((yield* sql.pool.stats).openFailed).toBe(1)
      }))

    it.scopedLive("to a database that does not exist says so", () =>
      Effect.gen(function*() {
        const { error } = yield* failing({ database: "nowhere" })
        expect(error.message).toContain("Check the name of the database.")
      }))

    it.scopedLive.each(Object.values(passwordUsers))(
      "logs in with a password (%s), also one that is fetched",
      (username) =>
        Effect.gen(function*() {
          const given = yield* ours(server(), { username, password: Redacted.make(password) })
          expect(yield* given`select current_user::text name`).toEqual([{ name: username }])
          const fetched = yield* ours(server(), { username, driver: { password: () => Promise.resolve(password) } })
          expect(yield* fetched`select current_user::text name`).toEqual([{ name: username }])
        })
    )
  })

  describe("as a layer", () => {
    const both = Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const pg = yield* Pg.PgClient
      expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      expect(yield* pg.pool.size).toBe(1)
      return pg.pool.name
    })

    it.live("provides both services, with one pool", () =>
      Effect.gen(function*() {
        const name = yield* Effect.provide(both, Pg.layer(login(server())))
        expect(name).toBe(`postgres://127.0.0.1:${server().port}/postgres`)
      }))

    it.live("takes its options from the configuration", () =>
      Effect.gen(function*() {
        const url = `postgres://postgres@127.0.0.1:${server().port}/postgres`
        const layer = Layer.provide(
          Pg.layerConfig({ url: config.redacted("DATABASE_URL") }),
          configured({ DATABASE_URL: url })
        )
        expect(yield* Effect.provide(both, layer)).toContain("/postgres")
      }))

    it.live("fails at once with failFast when the server is down", () =>
      Effect.gen(function*() {
        const port = yield* freePort
        const layer = Pg.layer({ ...login(server()), port, failFast: true })
        const error = yield* Effect.flip(Effect.provide(Effect.void, layer))
        expect(error.message).toContain("No connection to PostgreSQL")
      }))
  })
})
