// Real servers: one suite, run by this package's client and by that of @effect/sql-pg on its own pool.
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import type { Pg } from "@socketpool/sql"
import { collect, sqlPgDiffers } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Data, Effect, Exit, Stream, String as Text } from "effect"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { causeOf } from "../src/internal/effect.js"
import { ours, theirs, upTo } from "./fixtures/clients.js"

type Client = SqlClient.SqlClient & Pick<Pg.PgClient, "json">

class Refused extends Data.TaggedError("Refused")<{}> {}

/** The failure of a statement: the SQLSTATE of the server's error. */
const codeOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(
    Effect.flip(effect),
    (error) => [error._tag, error instanceof SqlError, (causeOf(error) as { code: string }).code]
  )

const rows = (sql: Client) =>
  Effect.map(sql.unsafe<{ n: number }>("select n from t order by n"), (all) => all.map(({ n }) => n))
const insert = (sql: Client, n: number) => sql`insert into t ${sql.insert({ n })}`
const refuse = Effect.fail(new Refused())

interface Case {
  readonly run: (sql: Client) => Effect.Effect<unknown, unknown>
  readonly result: unknown
}

const cases: Record<string, Case> = {
  "numbers, texts, booleans and dates": {
    run: (sql) =>
      sql`select 1 a, 1.5::float8 b, 'x' c, true d, '2020-01-02T03:04:05Z'::timestamptz e, 9007199254740993 f`,
    result: [{ a: 1, b: 1.5, c: "x", d: true, e: new Date("2020-01-02T03:04:05Z"), f: "9007199254740993" }]
  },
  "nulls, and undefined as null": {
    run: (sql) => sql`select null a, ${null}::int b, ${undefined}::text c`,
    result: [{ a: null, b: null, c: null }]
  },
  "parameters of every kind": {
    run: (sql) =>
      sql`select ${1}::int a, ${"it's"}::text b, ${true}::bool c, ${new Date(0)}::timestamptz d, ${[1, 2]}::int[] e`,
    result: [{ a: 1, b: "it's", c: true, d: new Date(0), e: [1, 2] }]
  },
  "bytes": {
    run: (sql) => Effect.map(sql<{ a: Buffer }>`select ${Buffer.from([0, 255])}::bytea a`, ([row]) => [...row!.a]),
    result: [0, 255]
  },
  "JSON": {
    run: (sql) => sql`select ${sql.json({ a: [1, { b: null }] })}::jsonb a, '[]'::json b`,
    result: [{ a: { a: [1, { b: null }] }, b: [] }]
  },
  "arrays": {
    run: (sql) => sql`select array[array[1,2],array[3,null]] a, '{}'::text[] b, array['a,b','"c"'] c`,
    result: [{ a: [[1, 2], [3, null]], b: [], c: ["a,b", "\"c\""] }]
  },
  "no rows": { run: (sql) => sql`select 1 where false`, result: [] },
  "a statement without a result": { run: (sql) => sql`set time zone 'UTC'`, result: [] },
  "an empty statement": { run: (sql) => sql.unsafe(""), result: [] },
  "several statements in one text": {
    run: (sql) => sql.unsafe("select 1 a; select 2 b"),
    result: [[{ a: 1 }], [{ b: 2 }]]
  },
  "columns of the same name, as values": { run: (sql) => sql`select 1 a, 2 a`.values, result: [[1, 2]] },
  "a statement that is not prepared": { run: (sql) => sql`select ${3}::int a`.unprepared, result: [{ a: 3 }] },
  "the driver's raw result": {
    run: (sql) =>
      Effect.map(sql`select 1 a`.raw, (raw) => {
        const { command, rowCount, rows } = raw as { command: string; rowCount: number; rows: unknown }
        return { command, rowCount, rows }
      }),
    result: { command: "SELECT", rowCount: 1, rows: [{ a: 1 }] }
  },
  "insert, update and delete": {
    run: (sql) =>
      Effect.all([
        sql`insert into t ${sql.insert([{ n: 1 }, { n: 2 }]).returning("n")}`,
        sql`update t set ${sql.update({ n: 3 })} where n = 2`,
        sql`delete from t where ${sql.in("n", [1])} returning n`,
        rows(sql)
      ]),
    result: [[{ n: 1 }, { n: 2 }], [], [{ n: 1 }], [3]]
  },
  "an update of many rows": {
    run: (sql) =>
      Effect.andThen(
        Effect.all([insert(sql, 1), insert(sql, 2)]),
        sql`update t set n = d.m::int from ${
          sql.updateValues([{ n: 1, m: 10 }, { n: 2, m: 20 }], "d")
        } where t.n = d.n::int returning t.n`
      ),
    result: [{ n: 10 }, { n: 20 }]
  },
  "a syntax error": { run: (sql) => codeOf(sql`selec 1`), result: ["SqlError", true, "42601"] },
  "an error of a constraint": {
    run: (sql) => codeOf(Effect.andThen(insert(sql, 1), insert(sql, 1))),
    result: ["SqlError", true, "23505"]
  },
  "a statement after an error": {
    run: (sql) => Effect.andThen(Effect.flip(sql`select 1/0`), sql`select 1 a`),
    result: [{ a: 1 }]
  },
  "a value that cannot be sent": {
    run: (sql) => {
      const circular: Record<string, unknown> = {}
      circular.self = circular
      return Effect.map(Effect.flip(sql`select ${sql.json(circular)}::json`), ({ _tag }) => _tag)
    },
    result: "SqlError"
  },
  "a statement after a value that cannot be sent": {
    run: (sql) => {
      const circular: Record<string, unknown> = {}
      circular.self = circular
      return Effect.andThen(Effect.flip(sql`select ${sql.json(circular)}::json`), sql`select 7 a`)
    },
    result: [{ a: 7 }]
  },
  "a transaction that commits": {
    run: (sql) => Effect.andThen(sql.withTransaction(Effect.andThen(insert(sql, 1), insert(sql, 2))), rows(sql)),
    result: [1, 2]
  },
  "a transaction that fails": {
    run: (sql) => Effect.all([Effect.flip(sql.withTransaction(Effect.andThen(insert(sql, 1), refuse))), rows(sql)]),
    result: [new Refused(), []]
  },
  "a transaction that dies": {
    run: (sql) =>
      Effect.all([
        Effect.map(Effect.exit(sql.withTransaction(Effect.andThen(insert(sql, 1), Effect.die("bug")))), ({ _tag }) =>
          _tag),
        rows(sql)
      ]),
    result: ["Failure", []]
  },
  "a transaction that a statement fails": {
    run: (sql) =>
      Effect.all([
        codeOf(
          sql.withTransaction(Effect.andThen(insert(sql, 1), sql`select 1/0`)) as Effect.Effect<unknown, SqlError>
        ),
        rows(sql)
      ]),
    result: [["SqlError", true, "22012"], []]
  },
  "savepoints, three deep": {
    run: (sql) =>
      Effect.andThen(
        sql.withTransaction(Effect.gen(function*() {
          yield* insert(sql, 1)
          yield* Effect.ignore(sql.withTransaction(Effect.gen(function*() {
            yield* insert(sql, 2)
            yield* sql.withTransaction(insert(sql, 3))
            return yield* refuse
          })))
          yield* sql.withTransaction(Effect.gen(function*() {
            yield* insert(sql, 4)
            yield* Effect.ignore(sql.withTransaction(Effect.andThen(insert(sql, 4), insert(sql, 5))))
          }))
        })),
        rows(sql)
      ),
    result: [1, 4]
  },
  "statements of a transaction at once": {
    run: (sql) =>
      sql.withTransaction(
        Effect.forEach(upTo(20), (n) => Effect.map(sql<{ a: number }>`select ${n}::int a`, ([row]) => row!.a), {
          concurrency: "unbounded"
        })
      ),
    result: upTo(20)
  },
  "a transaction that others do not see": {
    run: (sql) =>
      Effect.gen(function*() {
        const connection = yield* sql.reserve
        yield* connection.executeUnprepared("begin", [], undefined)
        yield* connection.executeUnprepared("insert into t values (1)", [], undefined)
        const seen = [yield* rows(sql), yield* connection.executeValues("select n from t", [])]
        yield* connection.executeUnprepared("rollback", [], undefined)
        return seen
      }).pipe(Effect.scoped),
    result: [[], [[1]]]
  },
  "a stream of more rows than one batch": {
    run: (sql) =>
      Effect.map(
        collect(sql<{ n: number }>`select generate_series(1, 1000) n`.stream),
        (rows) => rows.reduce((sum, { n }) => sum + n, 0)
      ),
    result: 500_500
  },
  "a stream of exactly one batch": {
    run: (sql) => Effect.map(collect(sql`select generate_series(1, 128) n`.stream), (all) => all.length),
    result: 128
  },
  "an empty stream": { run: (sql) => collect(sql`select 1 where false`.stream), result: [] },
  "a stream that is not read to its end": {
    run: (sql) =>
      Effect.all([collect(Stream.take(sql`select generate_series(1, 100000) n`.stream, 2)), sql`select 5 a`]),
    result: [[{ n: 1 }, { n: 2 }], [{ a: 5 }]]
  },
  "a stream that fails in the middle": {
    run: (sql) =>
      Effect.gen(function*() {
        const seen: Array<unknown> = []
        const stream = sql<{ x: number }>`select 1/(200 - n) x from generate_series(1, 300) n`.stream
        const code = yield* codeOf(Stream.runForEach(stream, (row) => Effect.sync(() => seen.push(row.x))))
        return [seen.length, code, yield* sql`select 6 a`]
      }),
    result: [128, ["SqlError", true, "22012"], [{ a: 6 }]]
  },
  "a stream with a syntax error": {
    run: (sql) => Effect.all([codeOf(Stream.runDrain(sql`selec 1`.stream)), sql`select 6 a`]),
    result: [["SqlError", true, "42601"], [{ a: 6 }]]
  },
  "a stream within a transaction": {
    run: (sql) =>
      sql.withTransaction(Effect.gen(function*() {
        yield* insert(sql, 1)
        const before = yield* collect(sql`select n from t`.stream)
        yield* insert(sql, 2)
        return [before, yield* rows(sql)]
      })),
    result: [[{ n: 1 }], [1, 2]]
  },
  "many statements at once": {
    run: (sql) =>
      Effect.forEach(upTo(200), (n) => Effect.map(sql<{ a: number }>`select ${n}::int a`, ([row]) => row!.a), {
        concurrency: 50
      }),
    result: upTo(200)
  },
  "names that are translated": {
    run: (sql) =>
      Effect.all([
        sql`select 1 as first_name, '{"last_name": 2}'::json as "inner_json"`,
        sql`select ${sql("firstName")} from (select 1 as first_name) x`,
        sql`select 1 as first_name`.withoutTransform
      ]),
    result: [[{ firstName: 1, innerJson: { lastName: 2 } }], [{ firstName: 1 }], [{ first_name: 1 }]]
  }
}

describe.skipIf(isMissing("postgresql", installed))("the same statements give the same results", () => {
  const server = shared(postgres)
  const clients: Record<string, (options: object) => Effect.Effect<Client, never, any>> = {
    "@socketpool/sql": (options) => ours(server(), options),
    "@effect/sql-pg": (options) => theirs(server(), options)
  }

  describe.each(Object.keys(clients))("with %s", (name) => {
    it.scopedLive.each(Object.entries(cases))("%s", ([title, { result, run }]) =>
      Effect.gen(function*() {
        const names = title === "names that are translated"
          ? { transformResultNames: Text.snakeToCamel, transformQueryNames: Text.camelToSnake }
          : {}
        const sql = yield* clients[name]!({ maxConnections: 4, ...names })
        yield* sql`set client_min_messages to warning`
        yield* sql`drop table if exists t`
        yield* sql`create table t (n int primary key)`
        const exit = yield* Effect.exit(run(sql))
        const otherwise = name === "@effect/sql-pg" ? sqlPgDiffers[title] : undefined
        if (otherwise !== undefined) {
          expect(Exit.isSuccess(exit) ? "OtherResult" : "Failure").toBe(otherwise)
          return expect(exit).not.toEqual(Exit.succeed(result))
        }
        expect(yield* exit).toEqual(result)
      }))
  })
})
