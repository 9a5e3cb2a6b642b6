import { fork, promise, TestClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { Cause, Deferred, Effect, Fiber, Schedule } from "effect"
import { type Connection, forkSettled, id, type Options, settled, setup, type TestPool, warmUp } from "./setup.js"

/** A pool with a `validate` that notes whom it asks, and when. */
const asking = (
  options: Options = {},
  answer: (connection: Connection) => Effect.Effect<boolean> = () => Effect.succeed(true)
) =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const start = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const { connector, pool } = yield* setup({
      connectionTTL: "1 hour",
      keepaliveTime: "30 seconds",
      validate: (connection) =>
        Effect.clockWith((clock) =>
          Effect.flatMap(clock.currentTimeMillis, (now) => {
            asked.push(`${connection.id} at ${(now - start) / 1_000}`)
            return answer(connection)
          })
        ),
      ...options
    })
    return { asked, connector, pool }
  })

/** Leases and gives back one after the other, with a second in between. */
const inTurn = (pool: TestPool, connections: number) =>
  Effect.gen(function*() {
    const leased = yield* Effect.all(Array.from({ length: connections }, () => pool.acquire), {
      concurrency: "unbounded"
    })
    for (const connection of leased) {
      yield* pool.release(connection)
      yield* TestClock.adjust("1 second")
    }
  })

describe("keepaliveTime", () => {
  // F35
  it.scoped("asks an idle connection whenever it has been silent for so long", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking()
      yield* pool.use(id)
      yield* TestClock.adjust("29999 millis")
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(asked, ["1 at 30", "1 at 60"])
    }))

  it.scoped("starts anew with each lease, and asks nobody who holds one", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking()
      yield* pool.use(id)
      yield* TestClock.adjust("900 millis")
      yield* pool.use(() => TestClock.adjust("40 seconds"))
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(asked, ["1 at 70.9"])
    }))

  it.scoped("can be none", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking({ keepaliveTime: Infinity })
      yield* pool.use(id)
      yield* TestClock.adjust("30 minutes")
      assert.deepStrictEqual(asked, [])
    }))

  it.scoped("asks those that the floor keeps, too, though nobody has used them", () =>
    Effect.gen(function*() {
      const { asked } = yield* asking({ minConnections: 1, idleTimeout: "10 seconds" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(asked, ["1 at 30", "1 at 60"])
    }))

  it.scoped("asks each in its turn", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking({ maxConnections: 3 })
      yield* inTurn(pool, 3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(asked, ["1 at 30", "2 at 31", "3 at 32", "1 at 60", "2 at 61", "3 at 62"])
    }))

  it.scoped.each<readonly [number, number]>([[1, 1], [2, 1], [3, 1], [4, 2], [7, 3], [8, 4], [20, 4]])(
    "asks of %i at most %i at once",
    ([connections, atOnce]) =>
      Effect.gen(function*() {
        const answers = promise<void>()
        let most = 0
        let now = 0
        const { pool } = yield* asking({ maxConnections: 20, maxConnecting: 20, validateTimeout: "1 minute" }, () =>
          Effect.suspend(() => {
            most = Math.max(most, ++now)
            return Effect.as(
              Effect.ensuring(
                Deferred.await(answers),
                Effect.sync(() =>
                  now--
                )
              ),
              true
            )
          }))
        yield* warmUp(pool, connections)
        yield* TestClock.adjust("40 seconds")
        assert.deepStrictEqual([most, (yield* pool.stats).validating], [atOnce, atOnce])
        yield* Deferred.succeed(answers, undefined)
        yield* settled
        assert.deepStrictEqual([most, (yield* pool.stats).idle], [atOnce, connections])
      })
  )

  it.scoped("goes on to the next when one has answered", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking({ maxConnections: 3 }, () => Effect.as(Effect.sleep("1 second"), true))
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("40 seconds")
      assert.deepStrictEqual(asked, ["1 at 30", "2 at 31", "3 at 32"])
    }))
})

describe("a connection that is asked to keep it alive", () => {
  it.scoped("is idle for as long as before: idleTimeout counts from its lease", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* asking({ idleTimeout: "45 seconds" })
      yield* pool.use(id)
      yield* TestClock.adjust("44999 millis")
      assert.deepStrictEqual([asked, connector.closed], [["1 at 30"], 0])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([connector.closed, (yield* pool.stats).closed.Stale], [1, 1])
    }))

  it.scoped("that is stale when it answers closes then", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* asking({ idleTimeout: "31 seconds", validateTimeout: "5 seconds" }, () =>
        Effect.as(Effect.sleep("2 seconds"), true))
      yield* pool.use(id)
      yield* TestClock.adjust("31999 millis")
      assert.strictEqual(connector.closed, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* pool.stats).closed.Stale, 1)
    }))

  it.scoped.each<readonly ["lifo" | "fifo", Array<number>]>([["lifo", [3, 2, 1]], ["fifo", [1, 2, 3]]])(
    "keeps its place in the order %s",
    ([order, expected]) =>
      Effect.gen(function*() {
        const { asked, pool } = yield* asking({ maxConnections: 3, order, validateAfterIdle: "10 minutes" })
        yield* inTurn(pool, 3)
        yield* TestClock.adjust("27 seconds")
        assert.deepStrictEqual(asked, ["1 at 30"])
        const leased = [yield* pool.acquire, yield* pool.acquire, yield* pool.acquire]
        assert.deepStrictEqual(leased.map((connection) => connection.id), expected)
        yield* Effect.forEach(leased, (connection) => pool.release(connection))
      })
  )

  it.scoped("need not be asked again for a borrower", () =>
    Effect.gen(function*() {
      const { asked, pool } = yield* asking({ validateAfterIdle: "5 seconds" })
      yield* pool.use(id)
      yield* TestClock.adjust("34 seconds")
      yield* pool.use(id)
      assert.deepStrictEqual(asked, ["1 at 30"])
    }))

  it.scoped("leaves the others to borrowers", () =>
    Effect.gen(function*() {
      const { pool } = yield* asking({ maxConnections: 2, validateAfterIdle: "10 minutes" }, () =>
        Effect.as(Effect.sleep("1 second"), true))
      yield* warmUp(pool, 2)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* pool.use(id), 2)
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("serves the borrower that waits for it, and opens none for him", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* asking({ maxConnections: 2 }, () => Effect.as(Effect.sleep("1 second"), true))
      yield* pool.use(id)
      yield* TestClock.adjust("30 seconds")
      const borrower = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(borrower), connector.opened], [1, 1])
    }))

  it.scoped("that does not answer closes, with the others, and the floor is filled again", () =>
    Effect.gen(function*() {
      let dead = false
      const { connector, pool } = yield* asking(
        { maxConnections: 3, minConnections: 3 },
        () => dead ? Effect.never : Effect.succeed(true)
      )
      yield* TestClock.adjust("29 seconds")
      dead = true
      yield* TestClock.adjust("3 seconds")
      dead = false
      const { closed, idle } = yield* pool.stats
      assert.deepStrictEqual([connector.closed, closed.Invalid, idle], [3, 3, 3])
      assert.strictEqual(yield* pool.use(id), 6)
    }))

  it.scoped("and is known to be disconnected closes alone and unasked", () =>
    Effect.gen(function*() {
      const { asked, connector, pool } = yield* asking({
        maxConnections: 2,
        isConnected: (connection) => connection.alive
      })
      yield* warmUp(pool, 2)
      connector.connection(1).kill()
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual([asked, connector.closed], [["2 at 30"], 1])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  it.scoped("and has expired is left to the reaper", () =>
    Effect.gen(function*() {
      let hasExpired = false
      const { asked, connector, pool } = yield* asking({
        isExpired: () => hasExpired,
        reapSchedule: Schedule.spaced("100 seconds")
      })
      yield* pool.use(id)
      hasExpired = true
      yield* TestClock.adjust("99 seconds")
      assert.deepStrictEqual([asked, connector.closed], [[], 0])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("is forgotten when it is dropped meanwhile", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* asking({}, () => Effect.never)
      yield* pool.use(id)
      yield* TestClock.adjust("30 seconds")
      yield* pool.drop(connector.connection(1))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.stats).closed.Dropped, 1)
    }))

  it.scoped("delays the close of the pool by nothing", () =>
    Effect.gen(function*() {
      const { pool } = yield* asking({}, () => Effect.never)
      yield* pool.use(id)
      yield* TestClock.adjust("30 seconds")
      yield* fork(pool.close).pipe(Effect.flatMap(Fiber.join))
    }))
})

describe("keepaliveTime is refused", () => {
  const validate = () => Effect.succeed(true)

  it.scoped.each<readonly [string, Options, string]>([
    ["without validate", { keepaliveTime: 1_000 }, "keepaliveTime must be set only together with validate"],
    ["of zero", { keepaliveTime: 0, validate }, "more than 0"],
    [
      "as long as connectionTTL",
      { connectionTTL: 1_000, keepaliveTime: 1_000, validate },
      "keepaliveTime must be less than connectionTTL (1000 ms)"
    ]
  ])("%s", ([_, options, rule]) =>
    Effect.gen(function*() {
      const cause = yield* Effect.flip(Effect.sandbox(setup(options)))
      assert.include(Cause.pretty(cause), rule)
    }))

  it.scoped("no longer when connections live for ever", () =>
    Effect.asVoid(setup({ validate, keepaliveTime: "2 hours", connectionTTL: Infinity })))
})
