// A real server: statements that are interrupted, and what the next statement on their connection gets.
import { collect, fork, isOnlyInterrupted, yieldNow } from "@socketpool/test-seam"
import { describe, expect, it } from "@socketpool/test-seam/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as path from "node:path"
import { installed, postgres } from "../../node/test/fixtures/postgres.js"
import { isMissing, shared } from "../../node/test/fixtures/realServer.js"
import { closedBy, until } from "../../node/test/fixtures/server.js"
import { cancelProxy, type Manner } from "./fixtures/cancelProxy.js"
import { isInterrupted, isRunning, ours } from "./fixtures/clients.js"

describe.skipIf(isMissing("postgresql", installed))("an interrupted statement", () => {
  const server = shared(postgres)
  /** A client with one connection that waits for a cancelled statement for as long as it takes, and one that watches. */
  const pair = Effect.gen(function*() {
    const sql = yield* ours(server(), { maxConnections: 1, cancelTimeout: "1 hour" })
    return { sql, watcher: yield* ours(server()) }
  })
  const sleeping = (seconds: number) => `pg_sleep(${seconds})`

  it.scopedLive("ends at the server, and its connection serves the next", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      const [before] = yield* sql`select pg_backend_pid() pid`
      const fiber = yield* fork(sql`select pg_sleep(601)`)
      yield* until(isRunning(watcher, sleeping(601)), (runs) => runs)
      expect(yield* isInterrupted(fiber)).toBe(true)
      // The interrupt has waited for the end of the statement.
      expect(yield* isRunning(watcher, sleeping(601))).toBe(false)
      expect(yield* sql`select pg_backend_pid() pid`).toEqual([before])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("leaves nothing behind on its connection, however many come", () =>
    Effect.gen(function*() {
      const { sql } = yield* pair
      const watchers = sql.pool.use((connection) =>
        Effect.succeed((connection as unknown as { readonly watchers: ReadonlySet<unknown> }).watchers.size)
      )
      const sizes: Array<number> = []
      for (let i = 0; i < 10; i++) {
        const fiber = yield* fork(sql`select pg_sleep(608)`)
        yield* Effect.sleep("5 millis")
        yield* Fiber.interrupt(fiber)
        yield* Stream.runDrain(Stream.take(sql`select generate_series(1, 1000) n`.stream, 1))
        sizes.push(yield* watchers)
      }
      // The pool's own watcher of the connection comes with the first lease that ends.
      expect(sizes.at(-1)).toBe(sizes[0])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("of a transaction rolls it back, and the connection serves the next", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      yield* sql`create table rolled_back (n int)`
      const work = Effect.andThen(sql`insert into rolled_back values (1)`, sql`select pg_sleep(602)`)
      const fiber = yield* fork(sql.withTransaction(work))
      yield* until(isRunning(watcher, sleeping(602)), (runs) => runs)
      expect(yield* isInterrupted(fiber)).toBe(true)
      expect(yield* sql`select * from rolled_back`).toEqual([])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("of a nested transaction rolls back to the savepoint, and the outer one goes on", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      yield* sql`create table half_rolled_back (n int)`
      const insert = (n: number) => sql`insert into half_rolled_back values (${n})`
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* insert(1)
        const inner = yield* fork(sql.withTransaction(Effect.andThen(insert(2), sql`select pg_sleep(603)`)))
        yield* until(isRunning(watcher, sleeping(603)), (runs) => runs)
        yield* Fiber.interrupt(inner)
        yield* insert(3)
      }))
      expect(yield* sql`select n from half_rolled_back order by n`).toEqual([{ n: 1 }, { n: 3 }])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("does not end another statement of its transaction that waits for its turn", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      const rows = yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`savepoint before`
        const first = yield* fork(sql`select pg_sleep(604)`)
        yield* until(isRunning(watcher, sleeping(604)), (runs) => runs)
        // Only a rollback works in a transaction in which a statement was cancelled.
        const second = yield* fork(sql`rollback to savepoint before`)
        const third = yield* fork(sql`select 3 n`)
        yield* Fiber.interrupt(first)
        yield* Fiber.join(second)
        return yield* Fiber.join(third)
      }))
      expect(rows).toEqual([{ n: 3 }])
    }))

  it.scopedLive("that waits for its turn in a transaction does not end the one in flight", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      yield* watcher.reserve.pipe(
        Effect.flatMap((holder) =>
          Effect.gen(function*() {
            yield* holder.execute("select pg_advisory_lock(2)", [], undefined)
            const rows = yield* sql.withTransaction(Effect.gen(function*() {
              const first = yield* fork(sql`select pg_advisory_xact_lock(2), 1 n`.values)
              yield* until(isRunning(watcher, "pg_advisory_xact_lock(2)"), (runs) => runs)
              const second = yield* fork(sql`select 2 n`)
              yield* yieldNow
              yield* Fiber.interrupt(second)
              yield* holder.execute("select pg_advisory_unlock(2)", [], undefined)
              return yield* Fiber.join(first)
            }))
            expect(rows).toEqual([["", 1]])
          })
        ),
        Effect.scoped
      )
    }))

  it.scopedLive("that is a stream, within a read, leaves its connection in order", () =>
    Effect.gen(function*() {
      const { sql, watcher } = yield* pair
      const fiber = yield* fork(Stream.runDrain(sql`select pg_sleep(605)`.stream))
      yield* until(isRunning(watcher, sleeping(605)), (runs) => runs)
      yield* Fiber.interrupt(fiber)
      expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("that is a stream, between two reads, leaves its connection in order", () =>
    Effect.gen(function*() {
      const { sql } = yield* pair
      const seen = yield* Deferred.make<void>()
      const rows = sql`select generate_series(1, 100000) n`.stream
      const fiber = yield* fork(
        Stream.runForEach(rows, () => Effect.andThen(Deferred.succeed(seen, undefined), Effect.never))
      )
      yield* Deferred.await(seen)
      yield* Fiber.interrupt(fiber)
      expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      expect(yield* closedBy(sql)).toBe(0)
    }))

  it.scopedLive("that is a stream of a transaction leaves the transaction usable between two reads", () =>
    Effect.gen(function*() {
      const { sql } = yield* pair
      const rows = yield* sql.withTransaction(Effect.gen(function*() {
        const some = yield* collect(Stream.take(sql`select generate_series(1, 100000) n`.stream, 3))
        return [...some, ...yield* sql`select 4 n`]
      }))
      expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
    }))

  describe("whose cancel request", () => {
    /** A client whose cancel requests are treated in this way, and a statement of its that waits for a lock. */
    const blocked = (manner: Manner, cancelTimeout: number) =>
      Effect.gen(function*() {
        const proxy = yield* cancelProxy(server().port, manner)
        const sql = yield* ours(server(), { port: proxy.port, maxConnections: 1, cancelTimeout })
        const watcher = yield* ours(server())
        const holder = yield* watcher.reserve
        const run = (text: string) => holder.execute(text, [], undefined)
        yield* run("select pg_advisory_lock(11), pg_advisory_lock(12)")
        yield* Effect.addFinalizer(() => Effect.ignore(run("select pg_advisory_unlock_all()")))
        const fiber = yield* fork(sql`select pg_advisory_xact_lock(11)`)
        yield* until(isRunning(watcher, "pg_advisory_xact_lock(11)"), (runs) => runs)
        return { proxy, sql, watcher, run, fiber }
      })

    it.scopedLive("is late never cancels the next statement", () =>
      Effect.gen(function*() {
        const { fiber, proxy, run, sql, watcher } = yield* blocked("holds", 3_600_000)
        const interrupting = yield* fork(Fiber.interrupt(fiber))
        yield* until(Effect.sync(proxy.requests), (n) => n === 1)
        // The statement ends by itself, while its cancel request is still on its way.
        yield* run("select pg_advisory_unlock(11)")
        yield* until(isRunning(watcher, "pg_advisory_xact_lock(11)"), (runs) => !runs)
        const next = yield* fork(sql`select pg_advisory_xact_lock(12), 'next' answer`.values)
        // It waits for the connection, however often one looks. If it were at the server, the request would hit it.
        let looks = 0
        yield* until(
          Effect.all([sql.pool.stats, isRunning(watcher, "pg_advisory_xact_lock(12)")]),
          ([{ pending }, runs]) => {
            looks = pending === 1 ? looks + 1 : 0
            return runs || looks === 50
          }
        )
        proxy.release()
        yield* Fiber.join(interrupting)
        yield* run("select pg_advisory_unlock(12)")
        expect(yield* Fiber.join(next)).toEqual([["", "next"]])
        expect(yield* closedBy(sql)).toBe(0)
      }))

    it.scopedLive("is late never cancels the next statement of a transaction", () =>
      Effect.gen(function*() {
        const proxy = yield* cancelProxy(server().port, "holds")
        const sql = yield* ours(server(), { port: proxy.port, maxConnections: 1, cancelTimeout: "1 hour" })
        const watcher = yield* ours(server())
        const holder = yield* watcher.reserve
        const run = (text: string) => holder.execute(text, [], undefined)
        yield* run("select pg_advisory_lock(13), pg_advisory_lock(14)")
        const answer = yield* sql.withTransaction(Effect.gen(function*() {
          const first = yield* fork(sql`select pg_advisory_xact_lock(13)`)
          yield* until(isRunning(watcher, "pg_advisory_xact_lock(13)"), (runs) => runs)
          const next = yield* fork(sql`select pg_advisory_xact_lock(14), 'next' answer`.values)
          const interrupting = yield* fork(Fiber.interrupt(first))
          yield* until(Effect.sync(proxy.requests), (n) => n === 1)
          yield* run("select pg_advisory_unlock(13)")
          yield* until(isRunning(watcher, "pg_advisory_xact_lock(13)"), (runs) => !runs)
          proxy.release()
          yield* Fiber.join(interrupting)
          yield* run("select pg_advisory_unlock(14)")
          return yield* Fiber.join(next)
        }))
        expect(answer).toEqual([["", "next"]])
        yield* run("select pg_advisory_unlock_all()")
      }))

    it.scopedLive("would be useless is not sent: for a statement that fails, or ends by itself", () =>
      Effect.gen(function*() {
        const proxy = yield* cancelProxy(server().port, "ignores")
        const sql = yield* ours(server(), { port: proxy.port, maxConnections: 1, cancelTimeout: "1 hour" })
        for (let i = 0; i < 20; i++) {
          yield* Effect.flip(sql`select 1/0`)
          yield* Effect.flip(Stream.runDrain(sql`select 1/0`.stream))
          yield* Stream.runDrain(Stream.take(sql`select generate_series(1, 1000)`.stream, 1))
          yield* Effect.flip(sql.withTransaction(sql`select 1/0`))
        }
        expect(proxy.requests()).toBe(0)
        expect((yield* sql.pool.stats).opened).toBe(1)
      }))

    it.scopedLive("arrives before the statement is sent again", () =>
      Effect.gen(function*() {
        const { fiber, proxy, sql } = yield* blocked("ignores", 3_600_000)
        yield* Fiber.interrupt(fiber)
        expect(proxy.requests()).toBe(2)
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
        expect(yield* closedBy(sql)).toBe(0)
      }))

    it.scopedLive.each(["drops", "resets"] as const)("%s costs the connection", (manner) =>
      Effect.gen(function*() {
        const { fiber, sql } = yield* blocked(manner, manner === "drops" ? 50 : 3_600_000)
        expect(yield* isInterrupted(fiber)).toBe(true)
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
        expect(yield* closedBy(sql)).toBe(1)
      }))

    it.scopedLive("is lost costs a transaction its connection, and nothing dies", () =>
      Effect.gen(function*() {
        const proxy = yield* cancelProxy(server().port, "drops")
        const sql = yield* ours(server(), { port: proxy.port, maxConnections: 1, cancelTimeout: "50 millis" })
        const watcher = yield* ours(server())
        const fiber = yield* fork(sql.withTransaction(sql`select pg_sleep(606)`))
        yield* until(isRunning(watcher, sleeping(606)), (runs) => runs)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        expect(Exit.isFailure(exit) && isOnlyInterrupted(exit.cause)).toBe(true)
        expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
        yield* watcher`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(606)%' and pid <> pg_backend_pid()`
      }))
  })

  it.scopedLive.each([
    { way: "TLS", options: () => ({ ssl: { rejectUnauthorized: false } }) },
    { way: "a Unix socket", options: () => ({ host: path.dirname(server().socket) }) }
  ])("over $way is cancelled as well", ({ options }) =>
    Effect.gen(function*() {
      const sql = yield* ours(server(), { maxConnections: 1, cancelTimeout: "1 hour", ...options() })
      const watcher = yield* ours(server())
      const fiber = yield* fork(sql`select pg_sleep(607)`)
      yield* until(isRunning(watcher, sleeping(607)), (runs) => runs)
      yield* Fiber.interrupt(fiber)
      expect(yield* isRunning(watcher, sleeping(607))).toBe(false)
      expect(yield* sql`select 1 n`).toEqual([{ n: 1 }])
      expect(yield* closedBy(sql)).toBe(0)
    }))
})
