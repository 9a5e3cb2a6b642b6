import { Pool } from "@socketpool/core"
import { bothSchedules, tapStep, TestClock, withClock } from "@socketpool/test-seam"
import { assert, describe, it } from "@socketpool/test-seam/virtual"
import { ScriptedConnector } from "@socketpool/testing"
import { Duration, Effect, Fiber, Schedule } from "effect"
import { audited, forkSettled, id, jumpingClock, settled, setup, warmUp } from "./setup.js"

const everySecond = Schedule.spaced("1 second")

describe("the reaper", () => {
  it.scoped("closes a connection that was idle when its connectionTTL ended", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: "1 minute", reapSchedule: everySecond })
      yield* pool.use(id)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(connector.log, ["open 1"])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  it.scoped("comes every 180 seconds to what is older than 600 seconds unless told otherwise", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup()
      yield* pool.use(id)
      yield* TestClock.adjust("719 seconds")
      assert.strictEqual(connector.live, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 0)
    }))

  it.scoped("closes a connection that the protocol calls expired", () =>
    Effect.gen(function*() {
      const expired = new Set<number>()
      const { connector, pool } = yield* setup({
        reapSchedule: everySecond,
        isExpired: (connection) => expired.has(connection.id)
      })
      yield* warmUp(pool, 3)
      expired.add(2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log.slice(3), ["close 2"])
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  // F30
  it.scoped("closes an idle connection that has gone", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        reapSchedule: everySecond,
        isConnected: (connection) => connection.alive
      })
      yield* pool.use(id)
      connector.connection(1).kill()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1"])
      assert.strictEqual((yield* pool.stats).closed.Disconnected, 1)
    }))

  // F40
  it.scoped("closes all that have expired in one sweep", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectionTTL: "10 seconds", maxConnecting: 50 })
      yield* warmUp(pool, 50)
      yield* TestClock.adjust("180 seconds")
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.idle, stats.closed.Expired], [0, 50])
    }))

  // F43
  it.scoped("leaves a leased connection alone, which is closed when it comes back", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: "1 second", reapSchedule: everySecond })
      const connection = yield* pool.acquire
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(connector.live, 1)
      yield* pool.release(connection)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Expired], [0, 1])
    }))

  // F42
  it.scoped("replaces what it closes down to minConnections", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        minConnections: 2,
        connectionTTL: "1 minute",
        reapSchedule: everySecond
      })
      yield* settled
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("61 seconds")
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.idle, stats.closed.Expired], [2, 3])
      assert.strictEqual(connector.attempts, 5)
    }))

  // F39
  it.scoped("closes no connection of minConnections that has not expired", () =>
    Effect.gen(function*() {
      const { connector } = yield* setup({
        minConnections: 2,
        connectionTTL: Duration.infinity,
        isExpired: () => false
      })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(connector.log, ["open 1", "open 2"])
    }))

  // F44
  it.scoped("comes again after a close that died", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: "500 millis", reapSchedule: everySecond }, {
        close: () => "die"
      })
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2", "close 2"])
    }))

  // F44
  it.scoped("comes again while a close hangs", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup(
        { connectionTTL: "500 millis", reapSchedule: everySecond, closeTimeout: "1 minute" },
        { close: (n) => n === 1 ? { slow: "10 seconds" } : "ok" }
      )
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      yield* pool.use(id)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2", "close 2"])
      yield* TestClock.adjust("10 seconds")
    }))

  // F44
  it.scoped("closes what isExpired dies about, and goes on", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        reapSchedule: everySecond,
        isExpired: (connection) => {
          if (connection.id === 1) throw new Error("thrown")
          return connection.id === 2 && !connection.alive
        }
      })
      yield* Effect.all([pool.acquire, pool.acquire]).pipe(
        Effect.flatMap(Effect.forEach((connection) => pool.release(connection)))
      )
      connector.connection(2).kill()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(connector.live, 0)
      const { closed } = yield* pool.stats
      assert.deepStrictEqual([closed.Invalid, closed.Expired], [1, 1])
    }))

  it.scoped("does not come when reapExpired is false", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ reapExpired: false, connectionTTL: "1 second" })
      yield* pool.use(id)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.live, 1)
    }))

  it.scoped("stops for good when its schedule ends, whatever comes and goes then", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        connectionTTL: "3 seconds",
        reapSchedule: bothSchedules(everySecond, Schedule.recurs(2))
      })
      yield* pool.use(id)
      yield* TestClock.adjust("2 seconds")
      yield* pool.use(() => pool.use((connection) => pool.drop(connection)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(connector.live, 1)
    }))

  it.scoped("that dies of its schedule leaves the pool lending", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({
        connectionTTL: "1 minute",
        reapSchedule: tapStep(everySecond, Effect.die("defect"))
      })
      yield* pool.use(id)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* pool.use(id), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use(id), 2)
      assert.strictEqual(connector.live, 1)
    }))
})

describe("an expired connection", () => {
  // F34
  it.scoped("is not lent although the reaper never came", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ reapExpired: false, connectionTTL: "1 minute" })
      yield* pool.use(id)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* pool.use(id), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* pool.use(id), 2)
      assert.deepStrictEqual(connector.log, ["open 1", "close 1", "open 2"])
    }))

  // F34
  it.scoped("is passed over for one that has not expired", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ reapExpired: false, connectionTTL: "1 minute" })
      yield* pool.use(id)
      yield* TestClock.adjust("30 seconds")
      yield* pool.use(() => pool.use(id))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* pool.use(id), 2)
      yield* settled
      assert.strictEqual((yield* pool.stats).closed.Expired, 1)
    }))

  // F11
  it.scoped("is not handed to a waiter when it comes back", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ maxConnections: 1, connectionTTL: "1 second" })
      const connection = yield* pool.acquire
      const waiter = yield* forkSettled(pool.use(id))
      yield* TestClock.adjust("1 second")
      yield* pool.release(connection)
      assert.strictEqual(yield* Fiber.join(waiter), 2)
    }))

  // G10: wall clock ±1 h
  it.scoped("is told by the clock's monotonic time: a wall clock that is set back makes none young", () =>
    Effect.gen(function*() {
      const connector = ScriptedConnector.make()
      const { clock, jump } = yield* jumpingClock
      const pool = yield* audited(connector, withClock(Pool.make({ open: connector.open }), clock))
      yield* pool.use(id)
      yield* TestClock.adjust("599 seconds")
      jump(-7_200_000)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.use(id), 2)
    }))

  it.scoped("serves one borrower when connectionTTL is 0", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectionTTL: 0 })
      assert.deepStrictEqual([yield* pool.use(id), yield* pool.use(id)], [1, 2])
    }))
})

describe("dropExpired", () => {
  it.scoped("closes what has expired and tells how many", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: "1 minute", reapExpired: false })
      yield* warmUp(pool, 2)
      yield* TestClock.adjust("30 seconds")
      yield* warmUp(pool, 3)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* pool.dropExpired, 2)
      yield* settled
      assert.deepStrictEqual([connector.live, (yield* pool.stats).closed.Expired], [1, 2])
      assert.strictEqual(yield* pool.dropExpired, 0)
    }))

  it.scoped("leaves leased connections alone", () =>
    Effect.gen(function*() {
      const { connector, pool } = yield* setup({ connectionTTL: "1 minute" })
      yield* pool.use(() =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(yield* pool.dropExpired, 0)
          assert.strictEqual(connector.live, 1)
        })
      )
    }))

  it.scoped("does not wait for the closes", () =>
    Effect.gen(function*() {
      const { pool } = yield* setup({ connectionTTL: 0 }, { close: () => ({ slow: "1 second" }) })
      yield* Effect.scoped(pool.get)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.closing, yield* pool.dropExpired], [1, 0])
      yield* TestClock.adjust("1 second")
    }))
})
