// A driver in memory: what an acquirer makes of the pool, whatever the driver.
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Pool, type PoolOptions } from "@socketpool/core"
import { Acquirer } from "@socketpool/sql"
import { fork, TestClock } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/virtual"
import { Data, Effect, Fiber, Stream } from "effect"
import { causeOf, clientOptions, connectionOf, sqlErrorOf } from "../src/internal/effect.js"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

interface Fake {
  readonly id: number
  readonly seen: Array<string>
}

/** Answers each statement with the number of its connection. */
const toConnection = ({ id, seen }: Fake): Connection => {
  const run = (sql: string) =>
    Effect.suspend(() => {
      seen.push(sql)
      return sql === "sleep" ? Effect.never : Effect.succeed([{ id }])
    })
  return connectionOf({
    execute: run,
    executeRaw: run,
    executeUnprepared: run,
    executeValues: (sql) => Effect.map(run(sql), (rows) => rows.map((row) => Object.values(row))),
    executeStream: (sql) => Stream.fromIterableEffect(run(sql))
  })
}

const setup = (options: Partial<PoolOptions<Fake, Refused, never>> = {}) =>
  Effect.gen(function*() {
    const opened: Array<Fake> = []
    const pool = yield* Pool.make<Fake, Refused>({
      open: Effect.sync(() => {
        const one: Fake = { id: opened.length + 1, seen: [] }
        opened.push(one)
        return one
      }),
      maxConnections: 1,
      name: "fakes",
      ...options
    })
    const acquirer = Acquirer.make(pool, toConnection)
    const compiler = Statement.makeCompilerSqlite()
    const sql = yield* Effect.provide(
      SqlClient.make({ acquirer, compiler, spanAttributes: [], ...clientOptions }),
      Reactivity.layer
    )
    return { acquirer, opened, pool, sql }
  })

const allOf = (error: SqlError) => ({ tag: error._tag, cause: (causeOf(error) as { _tag: string })._tag })

describe("an acquirer", () => {
  it.scoped("leases a connection for each statement, and for a whole transaction", () =>
    Effect.gen(function*() {
      const { opened, pool, sql } = yield* setup({ maxConnections: 2 })
      expect(yield* sql`a`).toEqual([{ id: 1 }])
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`b`
        const { inUse } = yield* pool.stats
        expect(inUse).toBe(1)
        yield* sql.withTransaction(sql`c`)
      }))
      expect((yield* pool.stats).inUse).toBe(0)
      expect(opened.map(({ seen }) => seen)).toEqual([["a", "BEGIN", "b", "SAVEPOINT effect_sql_1", "c", "COMMIT"]])
    }))

  it.scoped("has a connection for itself, also in a pool whose connections are shared", () =>
    Effect.gen(function*() {
      const { acquirer, pool } = yield* setup({ concurrency: 4, maxConnections: 2 })
      yield* acquirer
      yield* acquirer
      expect(yield* pool.size).toBe(2)
    }))

  it.scoped("fails with the pool's error as the cause, after acquireTimeout", () =>
    Effect.gen(function*() {
      const { acquirer, sql } = yield* setup({ acquireTimeout: "3 seconds" })
      const holder = yield* fork(Effect.scoped(Effect.andThen(acquirer, Effect.never)))
      yield* TestClock.adjust(0)
      const waiting = yield* fork(Effect.flip(sql`a`))
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("3 seconds")
      const error = yield* Fiber.join(waiting)
      expect(allOf(error)).toEqual({ tag: "SqlError", cause: "PoolExhaustedError" })
      expect(error.message).toContain("Pool \"fakes\": no connection within 3000 ms")
      yield* Fiber.interrupt(holder)
    }))

  it.scoped("fails with the connector's error as the cause, or with the SqlError that it is", () =>
    Effect.gen(function*() {
      const { sql } = yield* setup({ open: Effect.fail(new Refused({ message: "no entry" })) })
      const error = yield* Effect.flip(sql`a`)
      expect(allOf(error)).toEqual({ tag: "SqlError", cause: "Refused" })
      expect(error.message).toBe("no entry")
      const own = sqlErrorOf({ message: "mine", cause: undefined })
      const other = yield* setup({ open: Effect.fail(own as never) })
      expect(yield* Effect.flip(other.sql`a`)).toBe(own)
    }))

  it.scoped("fails when the pool has closed", () =>
    Effect.gen(function*() {
      const { pool, sql } = yield* setup()
      yield* pool.close
      expect(allOf(yield* Effect.flip(sql`a`))).toEqual({ tag: "SqlError", cause: "PoolClosedError" })
    }))

  it.scoped("closes the connection of an interrupted statement, unless onRelease says otherwise", () =>
    Effect.gen(function*() {
      const { pool, sql } = yield* setup()
      const sleeping = yield* fork(sql`sleep`)
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(sleeping)
      expect(yield* sql`a`).toEqual([{ id: 2 }])
      expect((yield* pool.stats).closed.Discarded).toBe(1)
    }))

  it.scoped("refuses a connection whose lease has ended, whatever it is asked", () =>
    Effect.gen(function*() {
      const { acquirer, opened } = yield* setup()
      const kept = yield* Effect.scoped(Effect.tap(acquirer, (one) => one.execute("inside", [], undefined)))
      const calls: ReadonlyArray<Effect.Effect<unknown, SqlError>> = [
        kept.execute("a", [], undefined),
        kept.executeRaw("a", []),
        kept.executeValues("a", []),
        kept.executeUnprepared("a", [], undefined),
        Stream.runDrain(kept.executeStream("a", [], undefined))
      ]
      for (const call of calls) {
        expect((yield* Effect.flip(call)).message).toContain("used after its lease had ended")
      }
      expect(opened.map(({ seen }) => seen)).toEqual([["inside"]])
    }))

  it.scoped("keeps the connection of a stream until the stream ends", () =>
    Effect.gen(function*() {
      const { pool, sql } = yield* setup()
      yield* Stream.runForEach(sql`a`.stream, () => Effect.map(pool.stats, ({ inUse }) => expect(inUse).toBe(1)))
      expect((yield* pool.stats).inUse).toBe(0)
    }))
})
