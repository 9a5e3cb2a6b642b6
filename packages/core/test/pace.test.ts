// Opens while they keep failing: ten at once and then one each 100 ms, whoever asks, until a connection works.
import { PoolExhaustedError } from "@socketpool/core"
import {
  currentClock,
  exitOf,
  fork,
  hasFailed,
  result,
  type RunningFiber,
  TestClock,
  wallMillis
} from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Effect, Fiber, Schedule } from "effect"
import { bySearch } from "./search.js"
import { forkSettled, id, type Options, settled, setup, type TestPool } from "./setup.js"

const [many, named] = bySearch({ short: [200, "two hundred"], full: [1_000, "a thousand"] } as const)
const insistent = bySearch({ short: 50, full: 1_000 })

/** A pool whose opens fail, after a while, for as long as its server is down; and when each of them began. */
const down = (
  options: Options,
  behaviour: ScriptedConnector.Behaviour = "fail",
  close: ScriptedConnector.Behaviour = "ok"
) =>
  Effect.gen(function*() {
    const clock = yield* currentClock
    const begun: Array<number> = []
    const server = { isUp: false }
    const { connector, pool } = yield* setup(options, {
      open: () => {
        begun.push(wallMillis(clock))
        return server.isUp ? "ok" : behaviour
      },
      close: () => close
    })
    return { begun, connector, pool, server }
  })

/** The most that began within one second. */
const mostInASecond = (begun: ReadonlyArray<number>): number =>
  Math.max(...begun.map((start) => begun.filter((time) => time >= start && time < start + 1000).length))

const crowd = (
  pool: TestPool,
  borrowers: number,
  borrow: Effect.Effect<unknown, unknown> = pool.use(() => Effect.void)
) => Effect.forEach(Array.from({ length: borrowers }), () => fork(result(borrow)))

const ended = <A, E>(fibers: ReadonlyArray<RunningFiber<A, E>>): number =>
  fibers.filter((fiber) => exitOf(fiber) !== undefined).length

const ticks = (count: number, millis: number) =>
  Effect.forEach(Array.from({ length: count }), () => TestClock.adjust(millis), { discard: true })

describe("while the server is down", () => {
  it.scoped(`${named} who wait cost it 20 attempts a second at most, and the first is served soon after its return`, () =>
    Effect.gen(function*() {
      const { begun, connector, pool, server } = yield* down({ acquireTimeout: "1 minute", maxConnections: 10 })
      const borrowers = yield* crowd(pool, many)
      yield* ticks(100, 100)
      assert.isAtMost(mostInASecond(begun), 20)
      assert.isAtLeast(begun.length, 100)
      assert.isAtMost(connector.peakOpening, 4)
      // Each attempt was the oldest waiter's; the others wait on.
      assert.strictEqual(ended(borrowers), begun.length)
      const before = begun.length
      server.isUp = true
      yield* TestClock.adjust(100)
      assert.strictEqual(ended(borrowers), many)
      const results = yield* Fiber.joinAll(borrowers)
      assert.strictEqual(results.filter(hasFailed).length, before)
      assert.strictEqual((yield* pool.stats).openFailed, before)
    }))

  it.scoped(`${insistent} who try again and again cost it no more`, () =>
    Effect.gen(function*() {
      const { begun, pool, server } = yield* down({ maxConnections: 10 })
      const insist = Effect.retry(pool.use(() => Effect.void), Schedule.spaced("10 millis"))
      const borrowers = yield* crowd(pool, insistent, insist)
      yield* ticks(100, 100)
      assert.isAtMost(mostInASecond(begun), 20)
      assert.strictEqual(ended(borrowers), 0)
      server.isUp = true
      yield* ticks(2, 100)
      assert.isAtLeast(ended(borrowers), 1)
      yield* ticks(10, 100)
      assert.strictEqual(ended(borrowers), insistent)
    }))

  const asking: ReadonlyArray<readonly [string, Options, (pool: TestPool) => Effect.Effect<unknown, unknown>]> = [
    ["do not wait", {}, (pool) => pool.acquireWith({ timeout: 0 })],
    ["find the queue full", { maxPending: 1 }, (pool) => pool.use(() => Effect.void)]
  ]
  it.scoped.each(asking)("those who %s cost it no more either", ([, options, borrow]) =>
    Effect.gen(function*() {
      const { begun, pool } = yield* down(options)
      for (let i = 0; i < 100; i++) {
        yield* crowd(pool, 10, Effect.ignore(borrow(pool)))
        yield* TestClock.adjust(10)
      }
      assert.isAtLeast(begun.length, 18)
      assert.isAtMost(mostInASecond(begun), 20)
      yield* TestClock.adjust("10 seconds")
    }))

  it.scoped("those who give up at once cost it no more either", () =>
    Effect.gen(function*() {
      const { begun, pool } = yield* down({})
      for (let i = 0; i < 100; i++) {
        const borrowers = yield* crowd(pool, 10)
        yield* TestClock.adjust(1)
        yield* Fiber.interruptAll(borrowers)
        yield* TestClock.adjust(9)
      }
      assert.isAtLeast(begun.length, 18)
      assert.isAtMost(mostInASecond(begun), 20)
      yield* TestClock.adjust("10 seconds")
    }))

  it.scoped("the floor costs it no more, though retry does not wait", () =>
    Effect.gen(function*() {
      const { begun, pool, server } = yield* down({ minConnections: 3, retry: Schedule.forever })
      yield* ticks(50, 100)
      assert.isAtMost(mostInASecond(begun), 20)
      assert.isAtLeast(begun.length, 50)
      server.isUp = true
      yield* ticks(4, 100)
      assert.strictEqual((yield* pool.stats).idle, 3)
    }))

  it.scoped("a floor that is raised meanwhile is filled when the pace allows it", () =>
    Effect.gen(function*() {
      const { begun, pool, server } = yield* down({})
      yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.flip(pool.use(id)), { discard: true })
      server.isUp = true
      yield* pool.resize({ min: 2, max: 4 })
      yield* settled
      assert.strictEqual(begun.length, 10)
      yield* ticks(2, 100)
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))

  it.scoped("those who come now and then are told at once, each by an attempt of its own", () =>
    Effect.gen(function*() {
      const { begun, pool } = yield* down({})
      for (let n = 1; n <= 100; n++) {
        const result = yield* Effect.flip(pool.use(id))
        assert.deepStrictEqual([result._tag, begun.length], ["ScriptedOpenError", n])
        yield* TestClock.adjust(100)
      }
    }))

  // K2, S5
  it.scoped.each(
    [
      ["closes at once", 0],
      ["closes after 1 ms", 1],
      ["closes after 60 ms", 60]
    ] as const
  )(
    "a server that accepts and %s costs as few: floor, borrowers who wait and who insist",
    ([, millis]) =>
      Effect.gen(function*() {
        const { begun, connector, pool, server } = yield* down({
          minConnections: 2,
          maxConnections: 10,
          acquireTimeout: "1 minute",
          isConnected: (connection) => connection.alive,
          retry: Schedule.forever
        })
        server.isUp = true
        const works = { yet: false }
        // The peer's end is a typed error for the reader.
        const lost = (connection: ScriptedConnector.ScriptedConnection) =>
          Effect.suspend(() => {
            connection.kill()
            return Effect.fail("EndOfStream")
          })
        const ask = pool.use((connection) => works.yet ? Effect.void : Effect.delay(lost(connection), millis))
        const insisting = yield* crowd(pool, insistent, Effect.retry(ask, Schedule.spaced("50 millis")))
        yield* ticks(100, 50)
        assert.isAtMost(mostInASecond(begun), 20)
        assert.isAtLeast(begun.length, 40)
        assert.strictEqual(ended(insisting), 0)
        const { closed, openFailed, opened } = yield* pool.stats
        assert.deepStrictEqual([openFailed, closed.Disconnected], [0, opened - connector.live])
        works.yet = true
        yield* ticks(20, 50)
        assert.strictEqual(ended(insisting), insistent)
        assert.isAtLeast(yield* pool.size, 2)
      })
  )

  it.scoped("opens that take long to fail are as many at once as maxConnecting says", () =>
    Effect.gen(function*() {
      const { begun, connector, pool } = yield* down(
        { acquireTimeout: "1 minute", connectTimeout: "300 millis", maxConnecting: 8 },
        "never"
      )
      const borrowers = yield* crowd(pool, 100)
      yield* TestClock.adjust(300)
      assert.deepStrictEqual([begun.length, connector.peakOpening, ended(borrowers)], [10, 8, 8])
      yield* ticks(100, 100)
      assert.isAtMost(mostInASecond(begun), 20)
      assert.isAtLeast(begun.length, 90)
    }))
})

describe("who is held back because opens fail", () => {
  it.scoped("waits no longer after fifty failures at once than after ten", () =>
    Effect.gen(function*() {
      const { begun, pool } = yield* down({ maxConnecting: 50, connectTimeout: "10 millis" }, "never")
      const borrowers = yield* crowd(pool, 52)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual([begun.length, ended(borrowers)], [50, 50])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([begun.length, begun.at(-1)], [51, 110])
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(borrowers)
    }))

  /** Takes a connection and holds it for longer than its trial. */
  const provenConnection = (pool: TestPool) => Effect.tap(pool.acquire, TestClock.adjust("1 second"))

  /** As many as may fail at once. */
  const exhaust = (pool: TestPool) =>
    Effect.forEach(Array.from({ length: 10 }), () => Effect.flip(pool.use(id)), { discard: true })

  it.scoped("has an attempt 100 ms after the last, though nobody waited when that failed", () =>
    Effect.gen(function*() {
      const { begun, pool, server } = yield* down({})
      yield* exhaust(pool)
      yield* TestClock.adjust(30)
      server.isUp = true
      const late = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(69)
      assert.isUndefined(exitOf(late))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* Fiber.join(late), begun.at(-1)], [1, 100])
    }))

  it.scoped("has its attempt on time although a connection is closing that it came too late for", () =>
    Effect.gen(function*() {
      const { begun, connector, pool, server } = yield* down(
        {
          minConnections: 1,
          maxConnections: 2,
          connectionTTL: "1 minute",
          reapSchedule: Schedule.spaced("1 minute"),
          retry: Schedule.recurs(9)
        },
        "fail",
        { slow: "1 second" }
      )
      server.isUp = true
      yield* settled
      server.isUp = false
      // The reaper keeps the expired one, as none of ten others can be opened in its place.
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([begun.length, connector.live], [11, 1])
      server.isUp = true
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([connector.live, yield* Fiber.join(waiter)], [2, 2])
      yield* TestClock.adjust("1 second")
    }))

  it.scoped("is not held back any more once a new connection has served", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ maxConnections: 8, maxConnecting: 8 })
      yield* exhaust(pool)
      server.isUp = true
      const first = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust(100)
      yield* Fiber.join(first)
      const holders = yield* crowd(pool, 8, pool.use(() => Effect.sleep("1 second")))
      yield* settled
      assert.strictEqual((yield* pool.stats).leased, 8)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(holders)
    }))

  it.scoped("is served at once by a connection that comes back", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ maxConnections: 2 })
      server.isUp = true
      const held = yield* provenConnection(pool)
      server.isUp = false
      yield* exhaust(pool)
      const waiter = yield* forkSettled(pool.use(id))
      assert.isUndefined(exitOf(waiter))
      yield* pool.release(held)
      yield* settled
      assert.strictEqual(yield* Fiber.join(waiter), 1)
    }))

  it.scoped.each(["acquireTimeout", "a timeout of its own", "reconnect"])(
    "hears of the last failure when its time is over: %s",
    (of) =>
      Effect.gen(function*() {
        const { connector, pool, server } = yield* down({ acquireTimeout: 50, maxConnections: 3 })
        server.isUp = true
        const held = yield* provenConnection(pool)
        server.isUp = false
        yield* exhaust(pool)
        const borrow = of === "reconnect"
          ? pool.reconnect(held)
          : of === "acquireTimeout"
          ? pool.acquire
          : pool.acquireWith({ timeout: 50 })
        const waiter = yield* forkSettled(Effect.flip(borrow))
        yield* TestClock.adjust(49)
        assert.isUndefined(exitOf(waiter))
        yield* TestClock.adjust(1)
        const { attempts } = connector
        assert.deepStrictEqual(
          yield* Fiber.join(waiter) as Effect.Effect<unknown>,
          new ScriptedConnector.ScriptedOpenError({ attempt: attempts })
        )
        assert.strictEqual(attempts, 11)
        const { exhausted, timedOut } = yield* pool.stats
        assert.deepStrictEqual([exhausted, timedOut], [0, 0])
        yield* Effect.ignore(pool.release(held))
      })
  )

  it.scoped("is told of exhaustion all the same when there is no room for another connection", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ acquireTimeout: 50, maxConnections: 2 })
      server.isUp = true
      const held = yield* provenConnection(pool)
      server.isUp = false
      yield* exhaust(pool)
      yield* pool.resize({ max: 1 })
      const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* TestClock.adjust(50)
      const error = yield* Fiber.join(waiter)
      assert.instanceOf(error, PoolExhaustedError)
      assert.strictEqual(error.reason, "Timeout")
      assert.strictEqual((error.lastConnectError as ScriptedConnector.ScriptedOpenError).attempt, 11)
      yield* pool.release(held)
      // For the books: there were two at once.
      yield* pool.resize({ max: 2 })
    }))

  it.scoped("is told of exhaustion when an attempt was made and has not ended in time", () =>
    Effect.gen(function*() {
      const { pool } = yield* down({ acquireTimeout: 50 }, "never")
      const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* TestClock.adjust(50)
      assert.instanceOf(yield* Fiber.join(waiter), PoolExhaustedError)
    }))
})

describe("a new connection", () => {
  const held = (pool: TestPool) => pool.use(() => Effect.sleep("10 seconds"))

  /** The opens that borrowers get at once after so many connections were lost in the given way. */
  const afterLosses = (lose: (pool: TestPool) => Effect.Effect<unknown, unknown>, options: Options = {}) =>
    Effect.gen(function*() {
      const { begun, pool, server } = yield* down({ maxConnections: 50, maxConnecting: 50, ...options })
      server.isUp = true
      // Nine, so that the pace delays none of these themselves.
      for (let i = 0; i < 9; i++) yield* Effect.exit(lose(pool))
      yield* settled
      const before = begun.length
      const holders = yield* crowd(pool, 20, held(pool))
      yield* settled
      const atOnce = begun.length - before
      yield* TestClock.adjust("12 seconds")
      yield* Fiber.joinAll(holders)
      return atOnce
    })

  const isConnected: Options["isConnected"] = (connection) => connection.alive
  const discards: Options = { onRelease: () => Effect.succeed("discard") }

  const losses: ReadonlyArray<readonly [string, Options, (pool: TestPool) => Effect.Effect<unknown, unknown>]> = [
    ["the peer ends it", { isConnected }, (pool) => pool.use((c) => Effect.sync(() => c.kill()))],
    ["its first holder fails and it is discarded", discards, (pool) => pool.use(() => Effect.fail("no"))],
    [
      "its first holder fails and invalidates it",
      {},
      (pool) => pool.use((connection) => Effect.andThen(pool.invalidate(connection), Effect.fail("no")))
    ],
    [
      "its first holder reconnects",
      {},
      (pool) => Effect.scoped(Effect.andThen(Effect.flatMap(pool.get, (c) => pool.reconnect(c)), Effect.interrupt))
    ]
  ]
  it.scoped.each(losses)("counts as a failed open if %s", ([, options, lose]) =>
    Effect.gen(function*() {
      assert.isAtMost(yield* afterLosses(lose, options), 1)
    }))

  const neutral: ReadonlyArray<readonly [string, Options, (pool: TestPool) => Effect.Effect<unknown, unknown>]> = [
    ["its holder is interrupted", {}, (pool) => pool.use(() => Effect.interrupt)],
    ["its holder dies", {}, (pool) => pool.use(() => Effect.die("no"))],
    ["its holder drops it", {}, (pool) => Effect.flatMap(pool.acquire, (connection) => pool.drop(connection))],
    ["it is discarded after a success", discards, (pool) => pool.use(() => Effect.void)],
    ["its holder fails and it is used up", { maxUses: 1 }, (pool) => pool.use(() => Effect.fail("no"))],
    ["the pool is cleared", {}, (pool) => Effect.andThen(Effect.exit(pool.use(() => Effect.fail("no"))), pool.clear)]
  ]
  it.scoped.each(neutral)("does not count if %s", ([, options, lose]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* afterLosses(lose, options), 20)
    }))

  it.scoped("ends the backoff of the floor when it has lived for a second, though nobody has used it", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ minConnections: 3, retry: Schedule.spaced("1 minute") })
      yield* settled
      server.isUp = true
      const idle = Effect.map(pool.stats, (stats) => stats.idle)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* idle, 1)
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* idle, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* idle, 3)
    }))

  it.scoped("that was lost is the reason that a timeout gives", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ acquireTimeout: 50 })
      server.isUp = true
      const error = { why: "max clients reached" }
      for (let i = 0; i < 10; i++) {
        yield* Effect.exit(pool.use((c) => Effect.andThen(pool.invalidate(c), Effect.fail(error))))
      }
      const waiter = yield* forkSettled(Effect.flip(pool.use(id)))
      yield* TestClock.adjust(50)
      const timeout = yield* Fiber.join(waiter)
      assert.instanceOf(timeout, PoolExhaustedError)
      assert.deepStrictEqual(timeout.lastConnectError, error)
    }))

  it.scoped("for the floor ends the backoff also if it is dropped on trial", () =>
    Effect.gen(function*() {
      const { pool, server } = yield* down({ minConnections: 2, retry: Schedule.spaced("100 millis") })
      yield* ticks(5, 100)
      server.isUp = true
      yield* TestClock.adjust(100)
      yield* pool.drop(yield* pool.acquire)
      yield* ticks(12, 100)
      assert.strictEqual((yield* pool.stats).idle, 2)
    }))
})
