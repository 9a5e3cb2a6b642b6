import { Pool, type PoolStats } from "@socketpool/core"
import {
  fork,
  metricFigures,
  provideScope,
  repeatN,
  type RunningFiber,
  tagMetrics,
  TestClock,
  unlogged,
  yieldNow
} from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Rng, ScriptedConnector } from "@socketpool/testing"
import { Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { bySearch, seeds } from "./search.js"
import { forkSettled, setup, warmUp } from "./setup.js"

const [seed] = seeds("metrics", 1)
const operations = bySearch({ short: 3_000, full: 6_000, deep: 400_000 })

let pools = 0
/** A name that no other test has, as figures of one name are added up. */
const freshName = () => `metrics-${++pools}`

/** Everything that Effect's metrics say of pools of this name, by name and attributes; the unit left out. */
const collected = (name: string) => {
  const found: Record<string, number> = {}
  for (const { count, name: metric, tags } of metricFigures()) {
    if (tags["db.client.connection.pool.name"] !== name) continue
    const { "db.client.connection.pool.name": _name, unit: _unit, ...rest } = tags
    const line = [metric, ...Object.values(rest)].join(" ")
    assert.isUndefined(found[line], `${line} is there twice`)
    found[line] = count
  }
  return found
}

/** The metrics that follow from the statistics. */
const expected = (stats: PoolStats): Record<string, number> => ({
  "db.client.connection.count idle": stats.idle,
  "db.client.connection.count used": stats.inUse,
  "db.client.connection.idle.max": stats.maxConnections,
  "db.client.connection.idle.min": stats.minConnections,
  "db.client.connection.max": stats.maxConnections,
  "db.client.connection.pending_requests": stats.pending + stats.reconnecting,
  "socketpool.pending.oldest_age": stats.oldestWaitMillis / 1_000,
  "db.client.connection.timeouts": stats.timedOut,
  "db.client.connection.create_time": stats.openTime.count,
  "db.client.connection.wait_time": stats.waitTime.count,
  "db.client.connection.use_time": stats.useTime.count,
  "socketpool.connection.opening": stats.opening,
  "socketpool.connection.closing": stats.closing,
  "socketpool.connection.validating": stats.validating,
  "socketpool.connection.opened": stats.opened,
  "socketpool.connection.open_failures": stats.openFailed,
  ...Object.fromEntries(
    Object.entries(stats.closed).map(([reason, count]) => [`socketpool.connection.closed ${reason}`, count])
  ),
  "socketpool.acquire Immediate": stats.acquired - stats.waited,
  "socketpool.acquire Waited": stats.waited,
  ...Object.fromEntries(
    Object.entries(stats.failed).map(([outcome, count]) => [`socketpool.acquire ${outcome}`, count])
  ),
  "socketpool.acquire TooManyKeys": 0,
  "socketpool.acquire Cancelled": stats.cancelled,
  "socketpool.lease.held": stats.leased,
  "socketpool.lease.suspected": 0,
  "socketpool.lease.leaks": stats.leaksSuspected,
  "socketpool.overload.time": (stats.overloadedMillis ?? 0) / 1_000
})

describe("the metrics of a pool", () => {
  it.scoped("say what the statistics say, in every state that a pool can be in", () =>
    Effect.gen(function*() {
      const name = freshName()
      const { pool } = yield* setup({ name, maxConnections: 4, minConnections: 1, acquireTimeout: "1 second" }, {
        open: (attempt) => attempt === 4 ? { slow: "1 minute" } : "ok",
        close: () => ({ slow: "1 second" })
      })
      const agrees = Effect.map(pool.stats, (stats) => assert.deepStrictEqual(collected(name), expected(stats)))
      yield* agrees
      const [a, b] = [yield* pool.acquire, yield* pool.acquire]
      yield* agrees
      yield* pool.release(a)
      yield* pool.drop(b)
      yield* agrees
      const crowd = yield* Effect.forEach(
        [1, 2, 3, 4, 5, 6],
        () => forkSettled(Effect.exit(pool.use(() => Effect.never)))
      )
      yield* agrees
      yield* TestClock.adjust("2 seconds")
      yield* agrees
      yield* Fiber.interruptAll(crowd)
      yield* agrees
      yield* TestClock.adjust("1 hour")
      yield* agrees
      const stats = yield* pool.stats
      assert.isAbove(stats.timedOut, 0)
      assert.isAbove(stats.waited, 0)
    }))

  it.scoped("count as idle what has expired and waits for its replacement, and as pending who reconnects", () =>
    Effect.gen(function*() {
      const name = freshName()
      const { pool } = yield* setup({
        name,
        maxConnections: 4,
        minConnections: 2,
        connectionTTL: "1 minute",
        reapSchedule: Schedule.spaced("10 seconds"),
        connectTimeout: "1 minute",
        acquireTimeout: "1 minute"
      }, { open: (attempt) => attempt > 2 ? { slow: "30 seconds" } : "ok" })
      yield* TestClock.adjust("70 seconds")
      const lines = ["count idle", "count used", "pending_requests"]
      const figures = () => lines.map((line) => collected(name)[`db.client.connection.${line}`])
      assert.deepStrictEqual(figures(), [2, 0, 0])
      assert.strictEqual(collected(name)["socketpool.connection.opening"], 2)
      yield* TestClock.adjust("30 seconds")
      const holder = yield* forkSettled(pool.use((connection) => pool.reconnect(connection)))
      assert.deepStrictEqual(figures(), [1, 0, 1])
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(holder)
      assert.deepStrictEqual(figures(), [2, 0, 0])
    }))

  // On the live clock: the test's keeps every sleep that was given up, and takes a millisecond for each.
  it.live(`equal a recount after ${operations.toLocaleString("en")} random operations`, () =>
    Effect.gen(function*() {
      const name = freshName()
      const rng = Rng.make(seed)
      const books = { acquired: 0, ended: 0, failed: 0, closed: 0, cancelled: 0 }
      const connector = ScriptedConnector.make({
        open: () => rng.chance(0.1) ? "fail" : "ok"
      })
      const scope = yield* Scope.make()
      const isExpired = () => rng.chance(0.05)
      const pool = yield* provideScope(
        Pool.make({ open: connector.open, name, maxConnections: 5, maxPending: 3, isExpired }),
        scope
      )
      const held: Array<ScriptedConnector.ScriptedConnection> = []
      const waiting = new Set<RunningFiber<void>>()
      const borrow = Effect.matchEffect(pool.acquire, {
        onSuccess: (connection) =>
          Effect.sync(() => {
            books.acquired++
            held.push(connection)
          }),
        onFailure: () => Effect.sync(() => void books.failed++)
      })
      const recount = () => {
        const found = collected(name)
        const sum = (start: string, ...without: ReadonlyArray<string>) =>
          Object.entries(found)
            .filter(([line]) => line.startsWith(start) && !without.includes(line))
            .reduce((total, [, count]) => total + count, 0)
        assert.deepStrictEqual(
          {
            held: found["socketpool.lease.held"],
            used: found["db.client.connection.count used"],
            open: sum("db.client.connection.count") + found["socketpool.connection.closing"]!,
            pending: found["db.client.connection.pending_requests"],
            opened: found["socketpool.connection.opened"],
            openFailures: found["socketpool.connection.open_failures"],
            closed: sum("socketpool.connection.closed"),
            acquired: found["socketpool.acquire Immediate"]! + found["socketpool.acquire Waited"]!,
            waits: found["db.client.connection.wait_time"],
            uses: found["db.client.connection.use_time"],
            failed: sum(
              "socketpool.acquire",
              "socketpool.acquire Immediate",
              "socketpool.acquire Waited",
              "socketpool.acquire Cancelled"
            ),
            cancelled: found["socketpool.acquire Cancelled"]
          },
          {
            held: held.length,
            used: held.length,
            open: connector.live,
            pending: waiting.size,
            opened: connector.opened,
            openFailures: connector.attempts - connector.opened,
            closed: connector.closed,
            acquired: books.acquired,
            waits: books.acquired,
            uses: books.ended,
            failed: books.failed,
            cancelled: books.cancelled
          },
          `replay with SOCKETPOOL_SEED=${seed}`
        )
      }
      // Nobody sleeps. Borrowers that are handed connections for long wait for the event loop to turn, and then a few
      // turns of the scheduler bring everything to rest. On a busy machine they may have to wait for it more than once.
      const calm = repeatN(Effect.andThen(Effect.sleep(1), repeatN(yieldNow, 30)), 3)
      const end = (how: (connection: ScriptedConnector.ScriptedConnection) => Effect.Effect<void, unknown>) =>
        Effect.suspend(() => {
          const [connection] = held.splice(rng.between(0, held.length - 1), 1)
          books.ended++
          return Effect.orDie(how(connection!))
        })
      for (let step = 1; step <= operations; step++) {
        const dice = rng.next()
        if (dice < 0.5) {
          const fiber = yield* fork(borrow)
          waiting.add(fiber)
          fiber.addObserver(() => waiting.delete(fiber))
        } else if (dice < 0.9 && held.length > 0) {
          yield* end((connection) => rng.chance(0.8) ? pool.release(connection) : pool.drop(connection))
        } else if (dice < 0.92 && waiting.size > 0) {
          yield* calm
          const [fiber] = waiting
          if (fiber !== undefined) {
            yield* Fiber.interrupt(fiber)
            books.cancelled++
          }
        } else if (dice < 0.94) {
          yield* pool.clear
        }
        if (step % 50 === 0) {
          yield* calm
          recount()
        }
      }
      yield* Effect.forEach([...waiting], (fiber) => Effect.as(Fiber.interrupt(fiber), books.cancelled++))
      while (held.length > 0) yield* end((connection) => pool.release(connection))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(collected(name), {})
      assert.strictEqual(connector.live, 0)
      assert.isAbove(books.failed, operations / 1_000)
      assert.isAbove(books.cancelled, operations / 1_000)
    }).pipe(unlogged), { timeout: 600_000 })

  // F59
  it.scoped("of several pools stay apart; those of one name are added up", () =>
    Effect.gen(function*() {
      const [ours, theirs] = [freshName(), freshName()]
      const { pool: first } = yield* setup({ name: ours })
      const { pool: second } = yield* setup({ name: ours })
      const { pool: other } = yield* setup({ name: theirs })
      yield* warmUp(first, 2)
      yield* warmUp(second, 3)
      yield* warmUp(other, 4)
      const opened = (name: string) => collected(name)["socketpool.connection.opened"]
      assert.deepStrictEqual([opened(ours), opened(theirs)], [5, 4])
    }))

  it.scoped("carry the tags of where the pool was made, which keep pools of one name apart", () =>
    Effect.gen(function*() {
      const name = freshName()
      const { pool } = yield* tagMetrics({ tenant: "acme" })(setup({ name }))
      yield* setup({ name })
      yield* warmUp(pool, 2)
      const { "socketpool.connection.opened": without, "socketpool.connection.opened acme": tagged } = collected(name)
      assert.deepStrictEqual([without, tagged], [0, 2])
    }))
})
