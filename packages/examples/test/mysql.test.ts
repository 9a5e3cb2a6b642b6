// A real server: MariaDB, on a random loopback port.
import * as Reactivity from "@effect/experimental/Reactivity"
import { SqlError } from "@effect/sql/SqlError"
import { fork } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { makeMysql } from "../src/mysql.js"
import { installed, mariadb } from "./fixtures/mariadb.js"

describe.skipIf(isMissing("mariadb-server", installed))("a client of mysql2 on a pool", () => {
  const port = shared(mariadb)
  const client = (maxConnections: number) =>
    Effect.gen(function*() {
      const server = { host: "127.0.0.1", port: port(), user: "root", database: "mysql" }
      const sql = yield* Effect.provide(makeMysql(server, { maxConnections }), Reactivity.layer)
      yield* sql`create database if not exists shop`
      yield* sql`create or replace table shop.orders (id int primary key)`
      return sql
    })

  it.scopedLive("runs statements, transactions, savepoints and streams", () =>
    Effect.gen(function*() {
      const sql = yield* client(2)
      const insert = (id: number) => sql`insert into shop.orders ${sql.insert({ id })}`
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* insert(1)
        yield* Effect.ignore(sql.withTransaction(Effect.andThen(insert(2), Effect.fail("no"))))
      }))
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(insert(3), Effect.fail("no"))))
      expect(yield* sql`select id from shop.orders`).toEqual([{ id: 1 }])
      expect(yield* sql`select id, ${"x"} from shop.orders`.values).toEqual([[1, "x"]])
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(sql`select id from shop.orders`.stream))).toEqual([{
        id: 1
      }])
      const error = yield* Effect.flip(insert(1))
      expect(error).toBeInstanceOf(SqlError)
      expect(error.cause).toMatchObject({ code: "ER_DUP_ENTRY" })
    }))

  it.scopedLive("gives nobody another's answer after an interruption", () =>
    Effect.gen(function*() {
      const sql = yield* client(1)
      const [before] = yield* sql<{ id: number }>`select connection_id() id`
      const fiber = yield* fork(sql`select sleep(600)`)
      yield* Effect.repeat(Effect.delay(sql.pool.stats, "2 millis"), { until: ({ inUse }) => inUse === 1 })
      yield* Fiber.interrupt(fiber)
      const [after] = yield* sql<{ id: number }>`select connection_id() id`
      expect(after!.id).not.toBe(before!.id)
      expect((yield* sql.pool.stats).closed.Discarded).toBe(1)
    }))

  it.scopedLive("runs many statements on few connections", () =>
    Effect.gen(function*() {
      const sql = yield* client(3)
      const asked = Array.from({ length: 100 }, (_, n) => n)
      const answers = yield* Effect.forEach(
        asked,
        (n) => Effect.map(sql<{ n: number }>`select ${n} n`, ([row]) => Number(row!.n)),
        { concurrency: 20 }
      )
      expect(answers).toEqual(asked)
      expect((yield* sql.pool.stats).opened).toBeLessThanOrEqual(3)
    }))
})
