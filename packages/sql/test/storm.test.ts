// A real server: 240 statements by 8 fibers over 4 connections, most of them interrupted at some moment, for each of
// three seeds; 8,000 with SOCKETPOOL_SEARCH=full, 80,000 with `deep`.
import { collect, fork, reasonOf, repeatN, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Rng } from "@socketpool/testing"
import { Effect, Fiber, Stream } from "effect"
import { bySearch, seeds } from "../../core/test/search.js"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { causeOf } from "../src/internal/effect.js"
import { ours, upTo } from "./fixtures/clients.js"

const fibers = 8
const rounds = bySearch({ short: 30, full: 400, deep: 10_000 })

describe.skipIf(isMissing("postgresql", installed))("interruptions at any moment", { timeout: rounds * 10_000 }, () => {
  const server = shared(postgres)

  it.scopedLive.each(seeds("interruptions of statements", 1, 2, 3))(
    "give nobody another's answer (seed %i)",
    (seed) =>
      Effect.gen(function*() {
        const rng = Rng.make(seed)
        const sql = yield* ours(server(), { maxConnections: 4, cancelTimeout: "1 minute", acquireTimeout: "1 minute" })
        yield* sql`drop table if exists kept`
        yield* sql`create table kept (n int)`
        let tags = 0
        let committed = 0
        const counts = { answered: 0, interrupted: 0 }

        /** Runs a statement in some way. Its answer has the tag. */
        const asked = (tag: number): Effect.Effect<unknown, unknown> => {
          const seconds = rng.pick([0, 0, 0.001, 0.003, 0.01])
          const one = sql<{ tag: number }>`select ${tag}::int tag, pg_sleep(${seconds})`
          const row = Effect.map(one, ([row]) => row!.tag)
          return rng.pick([
            row,
            row,
            Effect.map(one.values, ([values]) => values![0]),
            Effect.map(collect(Stream.take(one.stream, 1)), ([row]) => row!.tag),
            Effect.map(
              collect(sql<{ n: number }>`select generate_series(1, 300) n, pg_sleep(0)`.stream),
              (rows) => rows.length === 300 ? tag : `${rows.length} rows`
            ),
            Effect.map(
              Effect.flip(sql`select ${tag}::int / 0, pg_sleep(${seconds})`),
              (error) => (causeOf(error) as { code: string }).code === "22012" ? tag : error
            ),
            sql.withTransaction(row),
            sql.withTransaction(Effect.andThen(sql`insert into kept values (${tag})`, sql.withTransaction(row))).pipe(
              Effect.tap(() => Effect.sync(() => committed++))
            )
          ])
        }

        const round = Effect.gen(function*() {
          const tag = ++tags
          const fiber = yield* fork(asked(tag))
          if (rng.chance(0.7)) {
            yield* rng.chance(0.5)
              ? Effect.sleep(rng.between(0, 12))
              : repeatN(yieldNow, rng.between(0, 20))
            yield* Fiber.interrupt(fiber)
          }
          const exit = yield* Fiber.await(fiber)
          if (exit._tag === "Success") {
            expect(exit.value).toBe(tag)
            counts.answered++
          } else {
            expect(reasonOf(exit.cause), String(exit.cause)).not.toBe("Fail")
            counts.interrupted++
          }
          const check = ++tags
          expect(yield* sql`select ${check}::int tag`).toEqual([{ tag: check }])
        })
        yield* Effect.forEach(upTo(fibers), () => repeatN(round, rounds - 1), { concurrency: "unbounded" })

        expect(counts.answered).toBeGreaterThan(0)
        expect(counts.interrupted).toBeGreaterThan(0)
        const { inUse, opened } = yield* sql.pool.stats
        expect(inUse).toBe(0)
        // Every interrupted statement has ended in time, so that none has cost a connection.
        expect(yield* closedBy(sql)).toBe(0)
        expect(yield* sql.pool.size).toBe(opened)
        yield* until(
          sql`select 1 from pg_stat_activity where application_name = '@socketpool/sql'`,
          (rows) => rows.length === opened
        )
        // An interrupt between a commit and its answer leaves the row.
        const [kept] = yield* sql<{ n: number }>`select count(*)::int n from kept`
        expect(kept!.n).toBeGreaterThanOrEqual(committed)
        const busy = yield* sql`select state from pg_stat_activity where application_name = '@socketpool/sql'
        and pid <> pg_backend_pid() and state <> 'idle'`
        expect(busy).toEqual([])
      })
  )
})
