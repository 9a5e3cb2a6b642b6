// A real server: PostgreSQL, on a random loopback port.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { makePg } from "../src/pg.js"

describe.skipIf(isMissing("postgresql", installed))("the driver pg on a pool", () => {
  const server = shared(postgres)
  const client = (maxConnections: number) =>
    makePg({ host: "127.0.0.1", port: server().port, user: "postgres", database: "postgres" }, { maxConnections })
  const pid = "select pg_backend_pid() pid"

  it.scopedLive("runs many statements on few connections", () =>
    Effect.gen(function*() {
      const { pool, query } = yield* client(3)
      const asked = Array.from({ length: 100 }, (_, n) => n)
      const answers = yield* Effect.forEach(
        asked,
        (n) => Effect.map(query<{ n: number }>("select $1::int n", [n]), ([row]) => row!.n),
        { concurrency: 20 }
      )
      assert.deepStrictEqual(answers, asked)
      assert.isAtMost((yield* pool.stats).opened, 3)
    }))

  it.scopedLive("commits a transaction that succeeds, and rolls back one that fails or is interrupted", () =>
    Effect.gen(function*() {
      const { pool, query, transaction } = yield* client(1)
      yield* query("drop table if exists recipe")
      yield* query("create table recipe (n int primary key)")
      const insert =
        (n: number) => (query: (text: string, values: ReadonlyArray<unknown>) => Effect.Effect<unknown, any>) =>
          query("insert into recipe values ($1)", [n])
      yield* transaction(insert(1))
      assert.strictEqual(
        yield* Effect.flip(transaction((query) => Effect.andThen(insert(2)(query), Effect.fail("no")))),
        "no"
      )
      const fiber = yield* Effect.fork(
        transaction((query) => Effect.andThen(insert(3)(query), query("select pg_sleep(600)")))
      )
      yield* Effect.repeat(Effect.delay(pool.stats, "2 millis"), { until: ({ inUse }) => inUse === 1 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* query("select n from recipe"), [{ n: 1 }])
    }))

  it.scopedLive("closes the client of a statement that was interrupted", () =>
    Effect.gen(function*() {
      const { pool, query } = yield* client(1)
      const [before] = yield* query<{ pid: number }>(pid)
      const fiber = yield* Effect.fork(query("select pg_sleep(600)"))
      yield* Effect.repeat(Effect.delay(pool.stats, "2 millis"), { until: ({ inUse }) => inUse === 1 })
      yield* Fiber.interrupt(fiber)
      const [after] = yield* query<{ pid: number }>(pid)
      assert.notStrictEqual(after!.pid, before!.pid)
      assert.strictEqual((yield* pool.stats).closed.Discarded, 1)
    }))

  it.scopedLive("does not lend a client whose connection the server has ended", () =>
    Effect.gen(function*() {
      const { pool, query } = yield* client(2)
      // Two leases at once, so that there are two clients.
      yield* pool.use(() => query(pid))
      yield* query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = 'postgres'"
      )
      assert.lengthOf(yield* query(pid), 1)
      yield* Effect.repeat(Effect.delay(pool.stats, "2 millis"), { until: ({ closed }) => closed.Disconnected === 1 })
    }))
})
